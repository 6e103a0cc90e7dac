/** The servers and proxies that each client of the comparison is tried against, and what is to be seen of it there. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { makeCertificates } from "../support/certificates.ts";
import { HelloServer } from "../support/client_hello.ts";
import { frame, Opcode } from "../support/frames.ts";
import { libcurlNamed } from "../support/libcurls.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { RawServer } from "../support/raw_server.ts";
import { pinOf, tlsCertificates } from "../support/tls_certificates.ts";
import type { Tried } from "./page.ts";

/** Of chrome152, as libcurl-impersonate 8.23 sends it; see tests/curl/impersonate_test.ts. */
const JA4 = "t13d1516h1_8daaf6152771_5b37b36a67c0";
const CHROME = "Host,Connection,Pragma,Cache-Control,User-Agent,Upgrade,Origin,Sec-WebSocket-Version,Accept-Encoding," +
  "Accept-Language,Sec-WebSocket-Key,Sec-WebSocket-Extensions";
const LOCAL = ["DNS:localhost", "IP:127.0.0.1"];

/** What a worker told. */
interface Told {
  readonly none?: boolean;
  readonly how?: string;
  readonly message?: string;
  readonly error?: string;
}

export class World {
  static readonly impersonate: string | null = libcurlNamed("impersonate-8.23");
  readonly path: string;
  readonly environment: Record<string, string>;
  readonly #folder: string;
  readonly #children: readonly ChildProcessWithoutNullStreams[];
  readonly #lines: string[] = [];
  readonly #proxies: { http: ProxyServer; password: ProxyServer; https: ProxyServer; socks: ProxyServer };
  readonly #hello: HelloServer;
  readonly #raw: RawServer;
  readonly #never: RawServer;
  #before: number[] = [];
  #ja4 = "";
  #request = "";
  #timer = "";

  private constructor(
    folder: string,
    children: readonly ChildProcessWithoutNullStreams[],
    proxies: { http: ProxyServer; password: ProxyServer; https: ProxyServer; socks: ProxyServer },
    hello: HelloServer,
    raw: RawServer,
    never: RawServer,
  ) {
    this.#folder = folder;
    this.#children = children;
    this.#proxies = proxies;
    this.#hello = hello;
    this.#raw = raw;
    this.#never = never;
    this.path = join(folder, "world.json");
    const at = `http://127.0.0.1:${proxies.http.port}`;
    this.environment = {
      http_proxy: at,
      https_proxy: at,
      ws_proxy: at,
      wss_proxy: at,
      HTTP_PROXY: at,
      HTTPS_PROXY: at,
    };
    void this.#greet(hello.raw);
    void this.#greet(raw);
    void this.#hellos();
  }

  static async start(): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), "curlws-compare-"));
    const open = makeCertificates(LOCAL), company = makeCertificates(LOCAL);
    const { ca: clients, client, other } = tlsCertificates();
    const at = (name: string) => join(folder, name);
    writeFileSync(at("ca.pem"), open.ca + company.ca);
    writeFileSync(at("client.pem"), client.cert);
    writeFileSync(at("client.key"), client.key);
    const start = (file: string) => spawn("node", [fileURLToPath(new URL(file, import.meta.url))], { stdio: "pipe" });
    const child = start("../docs/support/server.mjs"), others = start("servers.mjs");
    const wanted = { ca: clients, requestCert: true, rejectUnauthorized: true };
    const input = {
      open: { cert: open.cert, key: open.key },
      company: { cert: company.cert, key: company.key, ...wanted },
      socket: at("app.sock"),
    };
    child.stdin.write(`${JSON.stringify(input)}\n`);
    const lines = createInterface({ input: child.stdout });
    const ports = JSON.parse(await new Promise<string>((resolve) => lines.once("line", resolve)));
    others.stdin.write(`${JSON.stringify({ cert: open.cert, key: open.key })}\n`);
    const otherPorts = JSON.parse(
      await new Promise<string>((resolve) => createInterface({ input: others.stdout }).once("line", resolve)),
    );
    const [http, password, https, socks] = await Promise.all([
      ProxyServer.start(),
      ProxyServer.start({ username: "me", password: "secret" }),
      ProxyServer.start({ tls: open }),
      ProxyServer.start(),
    ]);
    const hello = await HelloServer.start(), raw = await RawServer.start(), never = await RawServer.start();
    const world = new World(folder, [child, others], { http, password, https, socks }, hello, raw, never);
    lines.on("line", (line) => world.#lines.push(line));
    const plain = `ws://127.0.0.1:${ports.plain}`;
    const values = {
      module: new URL("../../mod.ts", import.meta.url).href,
      impersonate: World.impersonate,
      plainPort: `${ports.plain}`,
      plain: `${plain}/feed`,
      local: `ws://localhost:${ports.plain}/feed`,
      named: `ws://name.invalid:${ports.plain}/feed`,
      tls: `wss://localhost:${ports.open}/feed`,
      mtls: `wss://localhost:${ports.company}/feed`,
      sni: `wss://localhost:${ports.open}/tls`,
      sniHost: `localhost:${ports.open}`,
      hello: hello.url("/feed"),
      raw: raw.url("/feed"),
      never: never.url("/"),
      h2: `wss://localhost:${otherPorts.h2}/feed`,
      login: `http://127.0.0.1:${otherPorts.session}/login`,
      session: `ws://127.0.0.1:${otherPorts.session}/feed`,
      unix: at("app.sock"),
      doh: `https://127.0.0.1:${ports.dns}/dns-query`,
      httpProxy: `http://127.0.0.1:${http.port}`,
      passwordProxy: `http://127.0.0.1:${password.port}`,
      httpsProxy: `https://localhost:${https.port}`,
      socks: `127.0.0.1:${socks.port}`,
      caFile: at("ca.pem"),
      certFile: at("client.pem"),
      keyFile: at("client.key"),
      pin: pinOf(open.cert),
      wrongPin: pinOf(other.cert),
    };
    const paths = [
      ...[
        "account",
        "old",
        "peer",
        "extensions",
        "large",
        "flood",
        "ping",
        "silent",
        "headers",
        "echo",
        "restarts",
        "trades",
      ],
    ];
    const urls = Object.fromEntries(paths.map((name) => [name, `${plain}/${name}`]));
    writeFileSync(world.path, JSON.stringify({ ...values, ...urls }));
    return world;
  }

  /** Forgets what was seen before a try. */
  begin(): void {
    this.#before = Object.values(this.#proxies).map(({ requests }) => requests.length);
    this.#ja4 = this.#request = this.#timer = "";
    this.#lines.length = 0;
    this.#watchTimer();
  }

  /** What a try came to: what the client says is held against what was seen of it. */
  async judge(row: string, told: Told): Promise<Tried> {
    clearInterval(this.#poll);
    if (told.none) return { verdict: "no", how: "no option" };
    const how = told.how ?? "", message = told.message ?? "";
    const [http, password, https, socks] = Object.values(this.#proxies).map(({ requests }, at) =>
      requests.length > this.#before[at]!
    );
    const opened = message !== "";
    const through = (seen: boolean | undefined) => opened && seen === true;
    const names = this.#request.split("\r\n").slice(1).filter((line) => line !== "").map((line) => line.split(":")[0]!);
    const checks: Record<string, () => boolean | Promise<boolean>> = {
      httpProxy: () => through(http),
      proxyPassword: () => through(password),
      httpsProxy: () => through(https),
      socksProxy: () => through(socks),
      envProxy: () => through(http),
      serverName: () => message === "server name: other.example",
      impersonate: () => this.#ja4 === JA4,
      browserHeaders: () => names.join() === CHROME,
      headers: () => this.#request.includes("\r\nx-b: 1\r\nX-A: 2\r\n"),
      basicUrl: () => message === "hello, joe",
      digest: () => message === "hello, joe",
      cookieJar: () => message.includes("session=38afes7a8"),
      httpSession: () => message.includes("login=38afes7a8"),
      http2: () => message === "over HTTP/2",
      localAddress: () => message.startsWith("127.0.0.3 "),
      keepAlive: () => this.#timer.startsWith("02:") || this.#timers.has(message.split(" ")[1] ?? ""),
      deflate: () => message.includes("permessage-deflate"),
      maxMessageSize: () => !opened,
      backpressure: () => opened && this.#lines.includes("waits"),
      ping: () => message === "pinged hello",
      deadPeer: () => message.startsWith("closed "),
    };
    if (row === "backpressure") await new Promise((resolve) => setTimeout(resolve, 200));
    const yes = await (checks[row] ?? (() => opened))();
    if (yes) return { verdict: "yes", how: row === "deadPeer" ? `${how}, ${message.slice(7)}` : how };
    // By itself it does not, and there is no option for it.
    if (how === "by default") {
      return { verdict: "no", how: row === "events" && told.error !== undefined ? told.error : "no option" };
    }
    const sent = row === "headers" && /\r\nx-b: 1\r\n/i.test(this.#request) && /\r\nx-a: 2\r\n/i.test(this.#request);
    if (sent) return { verdict: "no", how: `${how}: in another order or case` };
    if (row === "impersonate" && opened) return { verdict: "no", how: `${how}: another JA4` };
    if (row === "browserHeaders" && opened) return { verdict: "no", how: `${how}: other fields or order` };
    const tookIt = opened || row === "reconnect";
    return { verdict: "no", how: `${how}: ${tookIt ? "no effect" : "fails"}` };
  }

  #poll: ReturnType<typeof setInterval> | undefined;
  readonly #timers = new Set<string>();

  /** The ports of this machine whose kernel's timer is keep-alive's, while a client runs. */
  #watchTimer(): void {
    this.#timers.clear();
    this.#poll = setInterval(() => {
      for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1)) {
        const [, local = "", , , , timer = ""] = line.trim().split(/\s+/);
        if (timer.startsWith("02:")) this.#timers.add(String(parseInt(local.split(":")[1] ?? "0", 16)));
      }
    }, 200);
  }

  async #greet(server: RawServer): Promise<void> {
    while (true) {
      const peer = await server.connection();
      void (async () => {
        this.#request = await peer.accept();
        await peer.send(frame(Opcode.text, "hello"));
      })().catch(() => peer.destroy());
    }
  }

  async #hellos(): Promise<void> {
    while (true) this.#ja4 = (await this.#hello.hello()).ja4;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.stdin.end();
    for (const server of Object.values(this.#proxies)) await server[Symbol.asyncDispose]();
    for (const server of [this.#hello, this.#raw, this.#never]) await server[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
