/**
 * The types as a fresh project of each runtime sees them: with that runtime's own types alone, whose WebSockets differ
 * from the browser's and from one another, and declaration files checked too (`skipLibCheck: false`).
 */
import { assertEquals } from "@std/assert";
import { copyFileSync, cpSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { findTool, ROOT } from "../../scripts/tools.ts";
import { test } from "../support/testing.ts";
import { exec, Folder, NAME, npmPackage, ON_DENO, publishedFiles } from "./support.ts";

/** It is only checked, never run. */
const PROGRAM = `import {
  type ConnectionEnd,
  CurlWebSocket,
  CurlWebSocketError,
  type CurlWebSocketErrorEvent,
  CurlWebSocketStream,
  type MessageData,
  ReconnectingCurlWebSocket,
  type WaitOptions,
} from "${NAME}";
import { install, NativeWebSocket } from "${NAME}/global";
import NodeWebSocket, { type ClientOptions, createWebSocketStream, WebSocketServer } from "${NAME}/ws";
import { HarRecording, type Replay, replay, type ReplayOptions } from "${NAME}/har";

// As libraries declare what they take.
const constructor: typeof WebSocket = CurlWebSocket;
const configured: typeof WebSocket = CurlWebSocket.with({ proxy: "socks5h://localhost" });
const short: new (url: string, protocols?: string | string[]) => WebSocket = CurlWebSocket;
const instance: WebSocket = new CurlWebSocket("wss://example.com/", ["json"], { headers: { Origin: "null" } });
globalThis.WebSocket = CurlWebSocket;
globalThis.WebSocket = NativeWebSocket;
const installed: typeof WebSocket = install();
const feeds: typeof WebSocket = ReconnectingCurlWebSocket;
const proxied: typeof WebSocket = ReconnectingCurlWebSocket.with({ proxy: (attempt) => \`socks5h://proxy-\${attempt}\` });
const shortFeed: new (url: string, protocols?: string | string[]) => WebSocket = ReconnectingCurlWebSocket;
const feedInstance: WebSocket = new ReconnectingCurlWebSocket(() => Promise.resolve("wss://example.com/"), ["json"]);
console.log(constructor, configured, short, instance, installed, feeds, proxied, shortFeed, feedInstance);

// Each event has what it has, without a cast.
const socket = new CurlWebSocket(new URL("wss://example.com/"), { protocols: "json", maxMessageSize: 1000 });
socket.onerror = ({ error }) => {
  const is: CurlWebSocketError = error;
  console.log(is.code, is.url);
};
socket.onerror = (event: Event) => console.log(event.type);
socket.onerror = null;
socket.addEventListener("error", ({ error, message }) => console.log(error.code, message));
socket.addEventListener("error", { handleEvent: (event) => console.log(event.type) });
const kept = (event: CurlWebSocketErrorEvent) => console.log(event.error.status);
socket.addEventListener("error", kept, { once: true });
socket.removeEventListener("error", kept);
socket.onmessage = function ({ data }) {
  console.log(this, data);
};
socket.addEventListener("pong", ({ data }) => console.log(data));
socket.addEventListener("ping", ({ data }) => socket.pong(data));
socket.onclose = ({ code, reason, wasClean }) => console.log(code, reason, wasClean);
socket.binaryType = "arraybuffer";
socket.binaryType = "nodebuffer";
const type: "blob" | "arraybuffer" | "nodebuffer" = socket.binaryType;
const { status, statusText, headers } = socket.response!;
console.log(type, status, statusText, headers.map(([name, value]) => name + value));
const wait: WaitOptions = { timeout: 1000, signal: AbortSignal.timeout(1000) };
const open: CurlWebSocket = await socket.opened;
const { code: closeCode, error: lastError }: ConnectionEnd = await open.closed;
await socket.drained(1000, wait);
const data: MessageData = await socket.receive(wait);
const time: number = await socket.ping("payload", wait);
// @ts-expect-error: it is no option
await socket.receive({ timeouts: 1 });
console.log(closeCode, lastError?.code, data, time);
const paused: boolean = socket.pause();
console.log(paused);

const feed = new ReconnectingCurlWebSocket("wss://example.com/", { redundancy: { connections: 2, key: String } });
feed.onerror = ({ error }) => console.log(error.code);
feed.onerror = (event: Event) => console.log(event.type);
feed.ongap = ({ from, lostAt, to, reason }) => console.log(to - from, lostAt, reason.code);
feed.onwarning = ({ problem, index, delay, reason }) => console.log(problem === "rotation", index, delay ?? 0, reason.code);
const opened: ReconnectingCurlWebSocket = await feed.opened;
const took: number = await opened.ping("x", { timeout: 1000 });
const received = await feed.receive({ signal: AbortSignal.timeout(1000) });
await feed.drained(1000);
console.log(took, typeof received === "string", (await feed.closed).error?.code);
feed.addEventListener("reconnecting", ({ attempt, delay, index, reason }) => {
  console.log(attempt, delay, index, reason.error?.code);
});
const recording = new HarRecording("feed.har", { secrets: true, onError: ({ message }) => console.log(message) });
new CurlWebSocket("wss://example.com/", recording.of());
new CurlWebSocket("wss://example.com/", ["json"], recording.of({ headers: { Origin: "null" } }));
new CurlWebSocketStream("wss://example.com/", recording.of({ protocols: ["json"] }));
new ReconnectingCurlWebSocket("wss://example.com/", recording.of({ rotate: { after: 1000 } }));
const replayed: ReplayOptions = { speed: Infinity, sent: "compare", onDifference: (words: string) => console.log(words) };
const server: Replay = replay("feed.har", replayed);
console.log(server.url, server.urls[0], server.differences.length, server.played, server.close());
// @ts-expect-error: it is no mode
replay("feed.har", { sent: "same" });

// @ts-expect-error: it is no option
new ReconnectingCurlWebSocket("wss://example.com/", [], { buffers: 100 });

const options: ClientOptions = { headers: { "X-A": ["1", "2"] }, ca: [new Uint8Array(1)], impersonate: "chrome" };
const node = new NodeWebSocket(new URL("wss://example.com/"), ["json"], options);
node.on("message", (data, isBinary) => {
  const binary: boolean = isBinary;
  console.log(data.toString(), binary);
});
node.once("close", (code, reason) => console.log(code.toFixed(), reason.toString("hex")));
node.on("unexpected-response", (request, response) => console.log(request.path, response.statusCode, response.headers));
node.on("redirect", (url, request) => console.log(url.length, request.removeHeader("cookie")));
node.on("error", ({ message }) => console.log(message));
node.addEventListener("close", ({ wasClean, target }) => console.log(wasClean, target.url));
node.onmessage = ({ data }) => console.log(data.length);
node.send(new Uint8Array(1), { binary: false }, (error) => console.log(error?.message));
createWebSocketStream(node, { encoding: "utf8" }).on("data", (chunk) => console.log(chunk));
const servers: (new (...options: unknown[]) => object)[] = [WebSocketServer];
console.log(node.readyState === NodeWebSocket.OPEN, servers);
// @ts-expect-error: it is no option
new NodeWebSocket("wss://example.com/", { agnt: 1 });
// @ts-expect-error: a Buffer, or what binaryType says
node.on("message", (data: string) => console.log(data));

// @ts-expect-error: it is no option
new CurlWebSocket("wss://example.com/", { headrs: {} });
// @ts-expect-error: a time is a number of milliseconds
new CurlWebSocket("wss://example.com/", [], { connectTimeout: "soon" });
// @ts-expect-error: it is none of the types
socket.binaryType = "uint8array";
// @ts-expect-error: a close event has no error
socket.onclose = ({ error }) => console.log(error);
`;

/** What `bun init` writes, but for `skipLibCheck`. */
const BUN_INIT = {
  compilerOptions: {
    lib: ["ESNext"],
    target: "ESNext",
    module: "Preserve",
    moduleDetection: "force",
    jsx: "react-jsx",
    allowJs: true,
    types: ["bun"],
    moduleResolution: "bundler",
    allowImportingTsExtensions: true,
    verbatimModuleSyntax: true,
    noEmit: true,
    strict: true,
    skipLibCheck: false,
    noFallthroughCasesInSwitch: true,
    noUncheckedIndexedAccess: true,
    noImplicitOverride: true,
  },
  include: ["main.ts"],
};

/** Puts the built package into a project, and Bun's types if they are wanted. */
async function install(folder: Folder, bunTypes: boolean): Promise<void> {
  const { folder: built } = await npmPackage();
  cpSync(built, folder.at("node_modules", NAME), { recursive: true });
  folder.write("package.json", JSON.stringify({ type: "module" }));
  if (!bunTypes) return;
  mkdirSync(folder.at("node_modules", "@types"));
  const [target, path] = [join(ROOT, "node_modules", "@types", "bun"), folder.at("node_modules", "@types", "bun")];
  symlinkSync(target, path, process.platform === "win32" ? "junction" : "dir");
}

/** What the type checker says of the project; nothing if all is well. */
async function tsc(folder: Folder): Promise<string> {
  const { out } = await exec([findTool("tsc")!, "-p", folder.path], folder.path).catch((error) => ({
    out: `${error}`,
  }));
  return out;
}

const timeout = 60_000;

if (ON_DENO) {
  const check = [process.execPath, "check", "main.ts"];
  const all = { compilerOptions: { skipLibCheck: false, strict: true, noImplicitOverride: true } };

  test("with Deno's types, the npm package's CurlWebSocket is a WebSocket class", async () => {
    using folder = new Folder();
    await install(folder, false);
    folder.write("deno.json", JSON.stringify({ ...all, nodeModulesDir: "manual" }));
    folder.write("main.ts", PROGRAM);
    await exec(check, folder.path);
  }, { timeout });

  test("with Deno's types, JSR's CurlWebSocket is a WebSocket class", async () => {
    using folder = new Folder();
    for (const path of await publishedFiles()) {
      const to = folder.at("package", path);
      mkdirSync(dirname(to), { recursive: true });
      copyFileSync(join(ROOT, path), to);
    }
    const imports = {
      [NAME]: "../package/mod.ts",
      [`${NAME}/global`]: "../package/global.ts",
      [`${NAME}/har`]: "../package/cli/har/mod.ts",
      [`${NAME}/ws`]: "../package/ws/mod.ts",
    };
    folder.write("project/deno.json", JSON.stringify({ ...all, imports }));
    folder.write("project/main.ts", PROGRAM);
    await exec(check, folder.at("project"));
  }, { timeout });
} else {
  test("with Bun's types, in a project by bun init, CurlWebSocket is a WebSocket class", async () => {
    using folder = new Folder();
    await install(folder, true);
    folder.write("tsconfig.json", JSON.stringify(BUN_INIT));
    folder.write("main.ts", PROGRAM);
    assertEquals(await tsc(folder), "");
  }, { timeout });

  test("with Bun's types and the browser's, as for a program of both, CurlWebSocket is a WebSocket class", async () => {
    using folder = new Folder();
    await install(folder, true);
    folder.write("package.json", JSON.stringify({ type: "module" }));
    const { compilerOptions, include } = BUN_INIT;
    const lib = ["ESNext", "DOM", "DOM.Iterable", "DOM.AsyncIterable"];
    folder.write("tsconfig.json", JSON.stringify({ compilerOptions: { ...compilerOptions, lib }, include }));
    folder.write("main.ts", PROGRAM);
    assertEquals(await tsc(folder), "");
  }, { timeout });
}
