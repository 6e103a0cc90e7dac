/**
 * What stands in for the servers, proxies and files that the documentation's snippets name. A snippet that names these
 * runs without a change of its words:
 *
 * - `wss://stream.example.com/feed` and other names of example.com, `ws:` too: a server whose certificate is trusted as if
 *   its CA were the system's. It greets at once and echoes; its other paths are told of in `server.mjs`.
 * - `wss://internal.example/` and names below it: a certificate of the CA in `company.pem`, and it wants the client's
 *   `client.pem` and `client.key` (or `encrypted.key`, `client.p12`, whose passphrase is "open, sesame").
 * - `localhost:3128` and `localhost:9050`: an HTTP and a SOCKS proxy for everybody; nothing listens at `localhost:9`.
 * - `proxy.example:3128` and `:1080`: the same for "me" with the password "secret"; `proxy.example:8443`: `https:`, Digest;
 *   `proxy.internal.example:8443`: `https:` for everybody, with a certificate of `company.pem`.
 * - `ws://127.0.0.1:8080/`, where examples/echo_server.ts listens: the path `/echo` of that server.
 * - addresses of 192.0.2.0/24: 127.0.0.1; `"eth0"`: `"lo"`; `/run/app.sock`, and `"@app"` on Linux: Unix sockets; the
 *   server `https://dns.example/dns-query`.
 * - any `sha256//…=`: the public key of example.com.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { makeCertificates } from "../../support/certificates.ts";
import { findProgram } from "../../support/programs.ts";
import { ProxyServer, type ProxyServerOptions } from "../../support/proxy_server.ts";
import { pinOf, tlsCertificates } from "../../support/tls_certificates.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(dirname(dirname(HERE)));
const LOCAL = ["DNS:localhost", "IP:127.0.0.1"];
const ME = { username: "me", password: "secret" };

interface Ports {
  readonly plain: number;
  readonly open: number;
  readonly company: number;
  readonly dns: number;
}

/** Why there is no Unix socket with an abstract name, or undefined if there is one. */
export const noAbstract: string | undefined = process.platform !== "linux"
  ? "only Linux has abstract Unix sockets"
  : findProgram("python3") === undefined
  ? "no python3, which makes the abstract Unix socket"
  : undefined;

type Words = readonly (readonly [from: RegExp, to: string])[];

/** The running servers and proxies. `await using` ends them. */
export class Stage {
  /** Where a snippet runs: its files lie here. */
  readonly folder: string;
  /** The CA of example.com. */
  readonly ca: string;
  readonly #children: ChildProcessWithoutNullStreams[];
  readonly #proxies: ProxyServer[];
  /** What a snippet says and what stands in for it, in this order. */
  readonly #words: Words;
  /** The way back, for what it prints. */
  readonly #back: Words;

  private constructor(
    folder: string,
    ca: string,
    children: ChildProcessWithoutNullStreams[],
    proxies: ProxyServer[],
    words: Words,
    back: Words,
  ) {
    this.folder = folder;
    this.ca = ca;
    this.#children = children;
    this.#proxies = proxies;
    this.#words = words;
    this.#back = back;
  }

  static async start(): Promise<Stage> {
    // Below the root, so that a snippet finds the packages; short, for Unix sockets.
    const folder = join(ROOT, ".cache", "docs", String(process.pid));
    mkdirSync(folder, { recursive: true });
    const open = makeCertificates(["DNS:example.com", "DNS:*.example.com", "DNS:proxy.example", ...LOCAL]);
    const company = makeCertificates(["DNS:internal.example", "DNS:*.internal.example", ...LOCAL]);
    const { ca: clients, client } = tlsCertificates();
    const files = {
      "company.pem": company.ca,
      "client.pem": client.cert,
      "client.key": client.key,
      "encrypted.key": client.encryptedKey,
      "client.p12": client.pfx,
    };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    const socket = join(folder, "app.sock"), abstract = `curlws-docs-${process.pid}`;
    const wanted = { ca: clients, requestCert: true, rejectUnauthorized: true };
    const server = await Child.start("node", [join(HERE, "server.mjs")], {
      open: { cert: open.cert, key: open.key },
      company: { cert: company.cert, key: company.key, ...wanted },
      socket: process.platform === "win32" ? undefined : socket,
    });
    const ports: Ports = JSON.parse(server.line);
    const children = [server.child];
    if (noAbstract === undefined) {
      const program = findProgram("python3")!;
      children.push(
        (await Child.start(program, [join(HERE, "abstract.py"), abstract, String(ports.plain)], null)).child,
      );
    }
    const kinds: [at: string, options: ProxyServerOptions][] = [
      ["localhost:3128", {}],
      ["localhost:9050", {}],
      ["proxy.example:3128", ME],
      ["proxy.example:1080", ME],
      ["proxy.example:8443", { ...ME, digest: true, tls: open }],
      ["proxy.internal.example:8443", { tls: company }],
    ];
    const proxies = await Promise.all(kinds.map(([, options]) => ProxyServer.start(options)));
    const escape = (text: string) => text.replace(/[.]/g, "\\$&");
    const proxyWords = kinds.map(([at], index): [string, string] => [at, `localhost:${proxies[index]!.port}`]);
    const words: [RegExp, string][] = [
      ...proxyWords.map(([at, to]): [RegExp, string] => [new RegExp(`(?<![\\w.])${escape(at)}(?!\\d)`, "g"), to]),
      [/(wss:\/\/(?:[\w.-]+\.)?example\.com)(?![\w.:-])/g, `$1:${ports.open}`],
      [/(ws:\/\/(?:[\w.-]+\.)?example\.com)(?![\w.:-])/g, `$1:${ports.plain}`],
      [/(wss:\/\/(?:[\w.-]+\.)?internal\.example)(?![\w.:-])/g, `$1:${ports.company}`],
      [/(example\.com):443(?!\d)/g, `$1:${ports.open}`],
      [/(example\.com):80(?!\d)/g, `$1:${ports.plain}`],
      [/(192\.0\.2\.\d+):443(?!\d)/g, `$1:${ports.open}`],
      [/192\.0\.2\.\d+/g, "127.0.0.1"],
      [/ws:\/\/127\.0\.0\.1:8080\//g, `ws://127.0.0.1:${ports.plain}/echo`],
      [/"eth0"/g, '"lo"'],
      [/\/run\/app\.sock/g, socket],
      [/"@app"/g, `"@${abstract}"`],
      [/https:\/\/dns\.example/g, `https://127.0.0.1:${ports.dns}`],
      [/sha256\/\/[A-Za-z0-9+/]{43}=/g, pinOf(open.cert)],
    ];
    const back: [RegExp, string][] = [
      ...proxyWords.map(([at, to]): [RegExp, string] => [new RegExp(to, "g"), at]),
      [new RegExp(`:(?:${ports.open}|${ports.plain}|${ports.company})(?!\\d)`, "g"), ""],
      [new RegExp(escape(socket), "g"), "/run/app.sock"],
    ];
    return new Stage(folder, open.ca, children, proxies, words, back);
  }

  /** A snippet with what stands in for what it names. */
  staged(code: string): string {
    return this.#words.reduce((text, [from, to]) => text.replace(from, to), code);
  }

  /** What a snippet printed, in the words of the page. */
  asWritten(output: string): string {
    return this.#back.reduce((text, [from, to]) => text.replace(from, to), output);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.#proxies) await proxy[Symbol.asyncDispose]();
    for (const child of this.#children) {
      const exit = once(child, "close");
      child.stdin.end();
      await exit;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A program that says a line when it is ready, and ends with its standard input. */
const Child = {
  async start(
    command: string,
    args: string[],
    input: object | null,
  ): Promise<{ child: ChildProcessWithoutNullStreams; line: string }> {
    const child = spawn(command, args, { stdio: "pipe" });
    let errors = "";
    child.stderr.on("data", (data: Uint8Array) => errors += new TextDecoder().decode(data));
    const failure = once(child, "error").then(([error]) => {
      throw error;
    });
    if (input !== null) child.stdin.write(`${JSON.stringify(input)}\n`);
    const next = createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    const { value, done } = await Promise.race([next, failure]);
    if (done) throw new Error(`${command} ${args[0]} did not start: ${errors}`);
    return { child, line: value };
  },
};
