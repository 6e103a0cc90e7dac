/**
 * The tests of `ws` itself, as a client's: fetched once from its repository into `.cache/ws`, and run by {@linkcode runSuite}
 * in processes of their own, with the server of `ws` and our `WebSocket`.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fetchOnce, ownApt, ROOT, run } from "../../support/fetched.ts";
import type { Outcome } from "./mocha.ts";

const REPOSITORY = "https://github.com/websockets/ws.git";
/** Version 8.18.1, which Debian 13 has as well, file for file. */
const COMMIT = "b92745a9d6760e6b4b2394bfac78cbcd258a8c8d";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const DEBIAN = `deb-src [signed-by=${KEYRING}] http://deb.debian.org/debian trixie main`;
const TARBALL = "node-ws_8.18.1+~cs14.18.2.orig.tar.gz";
const SHA256 = "f80308e18245a666ebfe76c8ce6180485ea608f182af2dfb2c08773b591c7bcb";
/** Changes when what is done to the files does. */
const ADAPTION = 5;
const CACHE = join(ROOT, ".cache", "ws");
const FOLDER = join(CACHE, "suite");
/** Ms: all of the tests take some 20 s. */
const TIMEOUT = 5 * 60_000;

/** What the tests find as `ws`. Our class has the server of `ws`; and what would keep a socket of `ws` from connecting does. */
const INDEX = `
const original = require("./original.js");
const { Agent } = require("http");
const client = globalThis.clientOfSuite;
const placeOf = ({ host, protocol }) => ({ host, port: protocol === "https:" ? 443 : 80 });
module.exports = client === null ? original : new Proxy(Object.assign(client, {
  Server: original.Server,
  WebSocketServer: original.WebSocketServer,
}), {
  construct(target, [address, protocols, options], newTarget) {
    const list = protocols === null || typeof protocols !== "object" || Array.isArray(protocols);
    const given = (list ? options : protocols) ?? {};
    const { agent, lookup, ...rest } = given;
    const finishRequest = (request, socket) => {
      socket._req = request;
      if (agent instanceof Agent) agent.addRequest(request, placeOf(request));
      else if (rest.finishRequest !== undefined) rest.finishRequest(request, socket);
      else if (lookup === undefined) request.end();
    };
    const all = { ...rest, finishRequest };
    return Reflect.construct(target, list ? [address, protocols, all] : [address, all], newTarget);
  },
});
`;

/** What is changed in the files: internals of `ws` that have a like here, or that are only looked at. */
const CHANGES: readonly (readonly [file: string, from: RegExp, to: string])[] = [
  // Its event classes are not public: ours stand for them.
  ["test/websocket.test.js", /require\('\.\.\/lib\/event-target'\)/, "(globalThis.eventsOfSuite ?? $&)"],
  ["test/create-websocket-stream.test.js", /require\('\.\.\/lib\/stream'\)/, "require('..').createWebSocketStream"],
  // How many redirects were followed is a private field; the event says it.
  ["test/websocket.test.js", /assert\.strictEqual\(ws\._redirects, \d+\);/g, ""],
  // By which the tests know a listener again.
  ["lib/constants.js", /kListener: Symbol\('kListener'\)/, "kListener: globalThis.eventsOfSuite?.LISTENER ?? Symbol()"],
  // Its one buffer for nothing, which the tests know again.
  ["lib/constants.js", /EMPTY_BUFFER: Buffer\.alloc\(0\)/, "EMPTY_BUFFER: globalThis.emptyOfSuite"],
];

/** Why the tests cannot be had, in a line; undefined where they are there: as the `skip` of a test. */
export function whyNoSuite(): string | undefined {
  const reason = fetchOnce(CACHE, "suite", `${COMMIT} ${ADAPTION}`, (folder) => {
    console.error("fetching the tests of ws into .cache/ws, once");
    fetchWs(folder);
    renameSync(join(folder, "index.js"), join(folder, "original.js"));
    writeFileSync(join(folder, "index.js"), INDEX);
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "commonjs" }));
    for (const [file, from, to] of CHANGES) {
      const text = readFileSync(join(folder, file), "utf8");
      if (text.search(from) < 0) throw new Error(`${file} has nothing like ${from}`);
      writeFileSync(join(folder, file), text.replace(from, to));
    }
  });
  return reason && `the tests of ws cannot be had: ${reason}`;
}

/** From its repository, and where that cannot be reached, from Debian's source package. */
function fetchWs(folder: string): void {
  try {
    run("git", ["init", "--quiet"], folder);
    run("git", ["fetch", "--quiet", "--depth=1", REPOSITORY, COMMIT], folder);
    run("git", ["checkout", "--quiet", "FETCH_HEAD", "--", "test", "lib", "index.js"], folder);
  } catch (error) {
    if (!existsSync(KEYRING)) throw error;
    const apt = ownApt(folder, DEBIAN);
    try {
      apt("--quiet", "--download-only", "--tar-only", "source", "node-ws/trixie");
    } catch (reason) {
      // The package has other archives too, which a mirror may lack.
      if (!existsSync(join(folder, TARBALL))) throw reason;
    }
    const digest = createHash("sha256").update(readFileSync(join(folder, TARBALL))).digest("hex");
    if (digest !== SHA256) throw new Error(`${TARBALL} has the sha256 ${digest}, and not ${SHA256}`);
    run("tar", ["-xzf", TARBALL, "--strip-components=1"], folder);
  }
}

/** What the process says: that a test begins, or how it ended. */
interface Line {
  readonly index: number;
  readonly name?: string;
  readonly outcome?: Outcome;
}

/** How the tests are run. */
export interface SuiteOptions {
  /** The runtime, Deno's executable or Bun's. */
  readonly command: string;
  /** Whose WebSocket they have. */
  readonly client: "ws" | "curlws";
  /** A part of the names of those that are run. */
  readonly only: string;
}

/** Runs the tests, and returns how each went. */
export async function runSuite(options: SuiteOptions): Promise<Outcome[]> {
  const temporary = mkdtempSync(join(tmpdir(), "curlws-ws-"));
  const outcomes: Outcome[] = [];
  try {
    for (let first = 0, pass = 0;; pass++) {
      const results = join(temporary, `${pass}.jsonl`);
      writeFileSync(results, "");
      const ended = await runFrom(first, results, options);
      const lines = readFileSync(results, "utf8").trim().split("\n").filter((line) => line !== "");
      const records = lines.map((line): Line => JSON.parse(line));
      outcomes.push(...records.flatMap(({ outcome }) => outcome ?? []));
      if (ended === null) break;
      const last = records.at(-1);
      if (last === undefined) throw new Error(`the tests of ws did not run: ${ended}`);
      // It ends behind a test that failed, which may throw again; and what some tests throw ends it by itself.
      if (last.outcome === undefined) {
        outcomes.push({ name: last.name!, status: "failed", reason: `the process ended: ${ended}` });
      }
      first = last.index + 1;
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return outcomes;
}

/** Runs them from one on in a process of this runtime; null if it came to its end, else how it ended. */
function runFrom(first: number, results: string, { command, client, only }: SuiteOptions): Promise<string | null> {
  const script = join(ROOT, "tests", "ws", "suite", "run.ts");
  const runtime = basename(command).startsWith("deno") ? ["run", "-A", "--no-check"] : [];
  const args = [...runtime, script, FOLDER, results, "--first", `${first}`, "--client", client, "--only", only];
  return new Promise((resolve) => {
    execFile(command, args, { cwd: ROOT, timeout: TIMEOUT, maxBuffer: 2 ** 26 }, (error, _out, words) => {
      resolve(error === null ? null : words.trim().split("\n").slice(0, 3).join(" ").slice(0, 300) || error.message);
    });
  });
}
