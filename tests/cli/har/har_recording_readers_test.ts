/** Who else reads the files: the schema of HAR 1.2, mitmproxy and Chromium's DevTools, where they are on this machine. */
import { assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { CurlWebSocket, type CurlWebSocketInit } from "../../../mod.ts";
import { HarRecording } from "../../../cli/har/mod.ts";
import { closed } from "../../support/events.ts";
import { findProgram } from "../../support/programs.ts";
import { RawServer } from "../../support/raw_server.ts";
import { WsServer } from "../../support/servers.ts";
import { test } from "../../support/testing.ts";
import { DevTools } from "./devtools.ts";
import { entriesOf, HarFolder, messagesOf } from "./support.ts";

const mitmproxy = findProgram("mitmdump"), chromium = findProgram("chromium", "chromium-browser", "google-chrome");

/** What is the same on both runtimes, and takes seconds, runs on one. */
const whyNot = (program: string | undefined, name: string) =>
  program === undefined ? `${name} is not on this machine` : "Deno" in globalThis ? undefined : "it runs on Deno";

/** Records an echo of everything, a refusal and a handshake without a response. */
async function recorded(folder: HarFolder): Promise<string> {
  await using server = await WsServer.start();
  await using raw = await RawServer.start();
  using recording = new HarRecording(folder.path);
  const options = recording.of<CurlWebSocketInit>({ proxy: false, headers: { Cookie: "a=b", "X-Name": "é" } });
  const socket = new CurlWebSocket(server.url("/echo?token=hunter2&x"), options);
  const messages = ['{"a":1}', new Uint8Array([0, 255]), "grüß ✓ \u2028", ""];
  socket.onopen = () => messages.forEach((message) => socket.send(message));
  let left = messages.length;
  socket.onmessage = () => --left === 0 && socket.close(1000, "done");
  await closed(socket);
  for (const response of ["HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", ""]) {
    const end = closed(new CurlWebSocket(raw.url(), options));
    const peer = await raw.connection();
    await peer.request();
    await peer.send(response);
    peer.end();
    await end;
  }
  return folder.path;
}

test("a recording is valid by the schema of HAR 1.2", async () => {
  using folder = new HarFolder();
  const path = await recorded(folder), require = createRequire(import.meta.url);
  const Ajv = require("ajv"), schemas: Record<string, object> = require("har-schema");
  const ajv = new Ajv({ allErrors: true });
  ajv.addMetaSchema(require("ajv/lib/refs/json-schema-draft-06.json"));
  ajv.addSchema(Object.values(schemas));
  const isValid = ajv.validate("har.json#", JSON.parse(readFileSync(path, "utf8")));
  assertEquals([isValid, ajv.errors], [true, null]);
});

test("mitmproxy reads a recording", async () => {
  using folder = new HarFolder();
  const path = await recorded(folder);
  // It reads no messages of HAR files, whoever has written them.
  const args = ["--no-server", "--rfile", path, "--flow-detail", "1"];
  const { stdout } = await promisify(execFile)(mitmproxy!, args);
  const shown = [...stdout.matchAll(/GET (\S+).*\n\s+<< (\d+)/g)].map(([, url, status]) => [url, Number(status)]);
  assertEquals(shown, entriesOf(path).map(({ request, response }) => [request.url, response.status]), stdout);
}, { skip: whyNot(mitmproxy, "mitmproxy"), timeout: 60_000 });

test("Chromium's DevTools read a recording, with all of its messages", async () => {
  using folder = new HarFolder();
  const path = await recorded(folder);
  await using devtools = await DevTools.start(chromium!);
  const requests = await devtools.imported(readFileSync(path, "utf8"));
  const entries = entriesOf(path);
  assertEquals(
    requests.map(({ url, type, status }) => [url, type, status]),
    entries.map(({ request, response }) => [
      request.url,
      "websocket",
      response.status,
    ]),
  );
  assertEquals(
    requests.map(({ frames }) => frames.map(({ type, opCode, text }) => [type, opCode, text])),
    entries.map((entry) => messagesOf(entry)),
  );
  assertEquals(requests[0]!.frames.map(({ time }) => time), entries[0]!._webSocketMessages.map(({ time }) => time));
}, { skip: whyNot(chromium, "Chromium"), timeout: 60_000 });
