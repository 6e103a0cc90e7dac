/** Runs each program of docs/drop-in.md, and those of programs/, in a process of its own, against real servers. */
import { assert, assertEquals } from "@std/assert";
import { execFile, spawn } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { natsServer } from "../support/nats_server.ts";
import { Program } from "../support/programs.ts";
import { test } from "../support/testing.ts";
import { ROOT } from "../support/fetched.ts";
import { FOLDER, whyNoLibraries } from "./install.ts";

const PACKAGES = join(FOLDER, "packages");
const RUNTIME = "Deno" in globalThis ? "deno" : "bun";
/** The program below a heading of a page, or the page's last one. */
function snippet(heading: string | undefined, file = "drop-in.md"): string {
  const page = readFileSync(join(ROOT, "docs", file), "utf8");
  if (heading === undefined) return page.split("```ts\n").at(-1)!.split("```")[0]!;
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  const program = /```ts\n(?<code>[^]*?)```/.exec(section ?? "")?.groups?.code;
  if (program === undefined) throw new Error(`docs/${file} has no program below ${heading}`);
  return program;
}

/** The child process that runs server.mjs.txt (its packages are not where the type checker looks), with node where there is one. */
class Servers {
  static #shared: Promise<Servers> | undefined;
  readonly ports: Record<string, number>;

  private constructor(ports: Record<string, number>) {
    this.ports = ports;
  }

  /** One for all tests, which run one after another; it ends with this process, as its standard input does. */
  static shared(): Promise<Servers> {
    return Servers.#shared ??= Servers.#start();
  }

  static async #start(): Promise<Servers> {
    cpSync(join(ROOT, "tests", "dropin", "server.mjs.txt"), join(PACKAGES, "server.mjs"));
    const child = spawn("node", ["server.mjs"], { cwd: PACKAGES, stdio: "pipe" });
    let errors = "";
    child.stderr.on("data", (data: Uint8Array) => errors += new TextDecoder().decode(data));
    const { value, done } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    if (done) throw new Error(`the servers did not start: ${errors}`);
    child.unref();
    return new Servers(JSON.parse(value));
  }

  /** The field names of a server's last handshake, and how many sockets it has open. */
  async state(name: string): Promise<{ fields: string[]; open: number }> {
    return await (await fetch(`http://127.0.0.1:${this.ports[name]}/`)).json();
  }
}

/** Tells, when the process ends by itself, how many TCP sockets it still has. Linux only; elsewhere 0. */
const COUNT_SOCKETS = `
import { readdirSync as names$, readFileSync as text$, readlinkSync as link$ } from "node:fs";
import process$ from "node:process";
process$.on("exit", () => {
  if (process$.platform !== "linux") return console.log("sockets 0");
  const tcp = new Set(text$("/proc/self/net/tcp", "utf8").split("\\n").map((line) => line.trim().split(/\\s+/)[9]));
  const inodes = names$("/proc/self/fd").map((fd) => {
    try { return /socket:\\[(\\d+)\\]/.exec(link$("/proc/self/fd/" + fd))?.[1]; } catch { return undefined; }
  });
  console.log("sockets", inodes.filter((inode) => inode !== undefined && tcp.has(inode)).length);
});
`;

/** Runs a program with the example hosts replaced by those servers; gives its lines. */
async function run(name: string, program: string, ports: Record<string, number>): Promise<string[]> {
  const module = (file: string) => pathToFileURL(join(ROOT, file)).href;
  const source = program
    .replaceAll("./feed_worker.ts", `./${RUNTIME}_feed_worker.ts`)
    .replaceAll(`"@curlws/curlws/global"`, JSON.stringify(module("global.ts")))
    .replaceAll(`"@curlws/curlws/ws"`, JSON.stringify(module("ws/mod.ts")))
    .replaceAll(`"@curlws/curlws"`, JSON.stringify(module("mod.ts")))
    .replace(/(?<scheme>wss|https):\/\/(?<host>\w+)\.example\.com/g, (...all) => {
      const { scheme, host } = all.at(-1) as { scheme: string; host: string };
      return `${scheme.slice(0, -1)}://127.0.0.1:${ports[host]}`;
    });
  const path = join(PACKAGES, `${RUNTIME}_${name.replace(/\W+/g, "_")}.ts`);
  writeFileSync(path, source + COUNT_SOCKETS);
  const args = RUNTIME === "deno" ? ["run", "-A", "--no-check", path] : [path];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 15_000, cwd: PACKAGES });
  return stdout.trim().split("\n");
}

/** The heading, the server, and what the program prints. */
const SNIPPETS: [string, string, string[]][] = [
  ["Everything at once", "echo", ["hello false"]],
  ["graphql-ws", "graphql", ["world", "1", "2", "3"]],
  ["RxJS", "echo", ["hello"]],
  ["RxJS over connections that come back", "echo", ["subscribe"]],
  ["partysocket", "echo", ["1,2,3"]],
  ["reconnecting-websocket", "echo", ["hello"]],
  ["MQTT.js", "mqtt", ["prices 3"]],
  ["Socket.IO, Engine.IO", "socketio", ["hello 42", "3,2,1"]],
  ["ethers", "rpc", ["16"]],
  ["viem", "rpc", ["16n"]],
  ["Supabase Realtime", "phoenix", ["hello"]],
];
const skip = whyNoLibraries();
/** What a CurlWebSocket's handshake begins with; the runtimes' own begin otherwise. */
const OURS = ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key"];

for (const [heading, server, expected] of SNIPPETS) {
  test(`the program of docs/drop-in.md for ${heading} works, over libcurl, and leaves no socket`, async () => {
    const servers = await Servers.shared();
    assertEquals(await run(heading, snippet(heading), servers.ports), [...expected, "sockets 0"]);
    const { fields } = await servers.state(server);
    assertEquals(fields.slice(0, OURS.length), OURS);
    if (server === "echo" && heading.startsWith("Everything")) assert(fields.includes("User-Agent"));
  }, { timeout: 30_000, skip });
}

/** The guides' programs: page, heading, and what they print. They need the echo server alone. */
const GUIDES: [string, string | undefined, string[]][] = [
  ["moving.md", "From the native WebSocket", ["chat 1000"]],
  ["moving.md", "From `ws`", ["1,2"]],
  ["moving.md", "From curl_cffi", ["hello"]],
  ["many_connections.md", undefined, ["200"]],
  ["workers.md", undefined, ["from a Worker"]],
];

/** The other file of docs/workers.md. */
function writeWorker(): void {
  const [, first = ""] = readFileSync(join(ROOT, "docs", "workers.md"), "utf8").split("```ts\n");
  const module = JSON.stringify(pathToFileURL(join(ROOT, "mod.ts")).href);
  const source = first.split("```")[0]!.replaceAll(`"@curlws/curlws"`, module);
  writeFileSync(join(PACKAGES, `${RUNTIME}_feed_worker.ts`), source);
}

for (const [file, heading, expected] of GUIDES) {
  test(`the program of docs/${file} ${heading ?? ""} works, and leaves no socket`, async () => {
    const servers = await Servers.shared();
    const name = `${file} ${heading ?? ""}`;
    if (file === "workers.md") writeWorker();
    assertEquals(await run(name, snippet(heading, file), servers.ports), [...expected, "sockets 0"]);
    assertEquals((await servers.state("echo")).fields.slice(0, OURS.length), OURS);
  }, { timeout: 30_000, skip });
}

/** Programs that are cut off by the server, and go on. */
const DROPPED: [name: string, over: string, lines: string[]][] = [
  ...["partysocket", "reconnecting_websocket", "mqtt", "socketio"].map((name) =>
    [name, "CurlWebSocket", ["before", "dropped", "after"]] satisfies [string, string, string[]]
  ),
  ["feed_rxjs", "ReconnectingCurlWebSocket", ["before", "dropped", "after"]],
  ["feed_graphql_ws", "ReconnectingCurlWebSocket", ["world", "dropped", "world"]],
];
for (const [name, over, lines] of DROPPED) {
  test(`${name} over ${over} connects again when the server drops it`, async () => {
    const servers = await Servers.shared();
    const program = readFileSync(join(ROOT, "tests", "dropin", "programs", `${name}.mjs.txt`), "utf8");
    assertEquals(await run(`again ${name}`, program, servers.ports), [...lines, "sockets 0"]);
  }, { timeout: 30_000, skip });
}

const nats = natsServer();
const whyNoNats = "reason" in nats ? `no nats-server: ${nats.reason}` : undefined;

test("the program of docs/drop-in.md for NATS works with nats-server, and leaves no socket", async () => {
  await using server = await Program.start((nats as { path: string }).path, {
    files: { "nats.conf": `listen: "127.0.0.1:-1"\nwebsocket { listen: "127.0.0.1:{port}", no_tls: true }\n` },
    args: (_port, at) => ["-c", at("nats.conf")],
    ready: /Server is ready/,
  });
  const lines = await run("NATS", snippet("NATS"), { nats: server.port });
  assertEquals(lines, ["prices 0,255,128", "sockets 0"]);
}, { timeout: 30_000, skip: skip ?? whyNoNats });
