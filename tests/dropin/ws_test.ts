/** Libraries that import `ws` by its name get ours in its place, as docs/ws.md says, and work. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { buildNpm } from "../../scripts/build_npm.ts";
import { fetchOnce, ROOT, run } from "../support/fetched.ts";
import { frame, Opcode } from "../support/frames.ts";
import { findProgram } from "../support/programs.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

const CACHE = join(ROOT, ".cache", "ws");
const ON_DENO = "Deno" in globalThis;
/** Of each runtime's own, as the tests of both run at once, and each builds our package into it. */
const NAME = ON_DENO ? "libraries_deno" : "libraries_bun";
const FOLDER = join(CACHE, NAME);
const DEPENDENCIES = { "@slack/socket-mode": "2.0.7", "puppeteer-core": "25.16.0", "ws": "file:./ws" };

/** The block of docs/ws.md that is a file, by the file's name in its first line. */
function documented(file: string): string {
  const page = readFileSync(join(ROOT, "docs", "ws.md"), "utf8");
  const block = page.split("```").find((each) => each.split("\n", 2)[1] === `// ${file}`);
  if (block === undefined) throw new Error(`docs/ws.md has no ${file}`);
  return block.slice(block.indexOf("\n") + 1);
}

/** The package that stands for `ws`, as the page has it. */
const STAND_IN = {
  "index.js": documented("ws/index.js"),
  "package.json": /^\{ "name": "ws".*\}$/m.exec(readFileSync(join(ROOT, "docs", "ws.md"), "utf8"))![0],
};
const missing = fetchOnce(CACHE, NAME, JSON.stringify([DEPENDENCIES, STAND_IN]), (folder) => {
  console.error(`installing the libraries that import ws into .cache/ws/${NAME}, some 40 MB, once`);
  mkdirSync(join(folder, "ws"));
  for (const [name, text] of Object.entries(STAND_IN)) writeFileSync(join(folder, "ws", name), text);
  const manifest = { private: true, dependencies: DEPENDENCIES, overrides: { ws: "$ws" } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  const quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--fetch-retries=1"];
  run("npm", ["install", "--install-links", ...quiet], folder);
  // The repository's own settings are for others.
  writeFileSync(join(folder, "deno.json"), JSON.stringify({ nodeModulesDir: "manual" }));
});
const skip = missing && `the libraries cannot be had: ${missing}`;

let built: Promise<unknown> | undefined;

/** Runs a program beside the libraries, with our package among them; returns its lines. */
async function lines(name: string, env: Record<string, string>): Promise<string[]> {
  await (built ??= buildNpm(join(FOLDER, "node_modules", "@curlws", "curlws")));
  const path = join(FOLDER, `${name}.mjs`), preload = join(FOLDER, "curlws_for_ws.ts");
  writeFileSync(path, readFileSync(join(ROOT, "tests", "dropin", "programs", `ws_${name}.mjs.txt`)));
  writeFileSync(preload, documented("curlws_for_ws.ts"));
  const args = ON_DENO ? ["run", "-A", "--no-check", path] : ["--preload", preload, path];
  const direct = Object.fromEntries(["http_proxy", "https_proxy", "all_proxy", "ws_proxy"].map((each) => [each, ""]));
  const options = { cwd: FOLDER, timeout: 20_000, env: { ...process.env, ...direct, NO_COLOR: "1", ...env } };
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  return stdout.trim().split("\n");
}

test("Slack's Socket Mode works, over libcurl", async () => {
  await using server = await RawServer.start();
  const output = lines("slack", { SLACK_API: `http://127.0.0.1:${server.port}` });
  const failed = output.then(() => {});
  const played = (async () => {
    const api = await server.connection();
    const call = await api.request();
    assert(call.startsWith("POST /api/apps.connections.open "), call);
    const body = JSON.stringify({ ok: true, url: server.url("/link?ticket=1") });
    const head = ["HTTP/1.1 200 OK", "Content-Type: application/json", `Content-Length: ${body.length}`];
    await api.send([...head, "Connection: close", "", body].join("\r\n"));
    api.end();
    const peer = await server.connection();
    const request = await peer.accept();
    const names = request.split("\r\n").slice(1).map((line) => line.split(":", 1)[0]);
    // As a CurlWebSocket's handshake begins, and that of ws does not.
    assertEquals(names.slice(0, 4), ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key"]);
    const say = (message: object) => peer.send(frame(Opcode.text, JSON.stringify(message)));
    await say({ type: "hello", num_connections: 1 });
    await say({ type: "events_api", envelope_id: "e1", payload: { event: { type: "message", text: "good morning" } } });
    let reply = (await peer.frame())!;
    while (reply.opcode !== Opcode.text) reply = (await peer.frame())!;
    assertEquals(JSON.parse(Buffer.from(reply.payload).toString()), { envelope_id: "e1", payload: { text: "done" } });
    await peer.closeFrame();
    await peer.send(frame(Opcode.close, ""));
    peer.end();
  })();
  await Promise.race([played, failed.then(() => played)]);
  assertEquals(await output, ["connected", "events_api good morning", "disconnected"]);
}, { timeout: 30_000, skip: skip ?? (ON_DENO ? undefined : "Bun puts a ws of its own into CommonJS libraries") });

const chromium = findProgram("chromium", "chromium-browser", "google-chrome");

test("Puppeteer drives a real Chromium, over libcurl", async () => {
  assertEquals(await lines("puppeteer", { CHROMIUM: chromium! }), ["hello", "true true", "true"]);
}, { timeout: 30_000, skip: skip ?? (chromium === undefined ? "there is no Chromium" : undefined) });
