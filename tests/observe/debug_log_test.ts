/** The debug log of `CURLWS_DEBUG`, in a process of its own. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import { frame, Opcode } from "../support/frames.ts";
import { RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { certificates } from "../support/certificates.ts";

/** What a script says on standard error. */
async function log(script: string, debug: string | undefined, denoFlags = ["-A"]): Promise<string> {
  const module = new URL("../../mod.ts", import.meta.url).href;
  const source = `import { CurlWebSocket } from ${JSON.stringify(module)}; ${script}`;
  const encoded = `data:application/typescript,${encodeURIComponent(source)}`;
  const args = "Deno" in globalThis ? ["run", "--no-check", "--quiet", ...denoFlags, encoded] : ["-e", source];
  const env: Record<string, string | undefined> = { ...process.env, NO_COLOR: "1" };
  delete env.CURLWS_DEBUG;
  if (debug !== undefined) env.CURLWS_DEBUG = debug;
  const { stderr, stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000, env });
  assertEquals(stdout.trim(), "done");
  return stderr;
}

const session = (url: string, options = {}) => `
  const socket = new CurlWebSocket(${JSON.stringify(url)}, ${JSON.stringify(options)});
  socket.onopen = () => { socket.send("secret payload"); socket.send(new Uint8Array(300)); };
  let left = 2;
  socket.onmessage = () => void (--left === 0 && socket.close(1000, "bye"));
  await new Promise((resolve) => socket.onclose = resolve);
  console.log("done");`;

/** The lines' categories. */
function categories(text: string): string[] {
  const lines = text.trimEnd().split("\n");
  for (const line of lines) assertMatch(line, /^curlws #\d+ \+\d+\.\d ms (connect|curl|handshake|frames|close): \S/);
  return [...new Set(lines.map((line) => / ms (\w+): /.exec(line)![1]!))].sort();
}

test("debug: without CURLWS_DEBUG nothing is printed", async () => {
  await using server = await WsServer.start();
  for (const value of [undefined, "", "0"]) assertEquals(await log(session(server.url("/echo")), value), "");
});

test("debug: CURLWS_DEBUG=1 prints all phases, frames and closes, and no secret", async () => {
  await using server = await WsServer.start({ tls: true });
  const url = server.url("/echo?token=hunter2&depth=10").replace("//", "//joe:hunter2@");
  const text = await log(
    session(url, {
      headers: { "X-Api-Key": "hunter2", Cookie: "session=hunter2", "User-Agent": "tester" },
      tls: { ca: certificates().ca },
    }),
    "1",
  );
  assertEquals(categories(text), ["close", "connect", "curl", "frames", "handshake"]);
  assert(!/hunter2|am9l|joe|secret payload/.test(text), text);
  for (
    const expected of [
      "connect: to wss://127.0.0.1:",
      "/echo?token=…&depth=…",
      "TLSv1.3",
      "curl: * ",
      "handshake: > GET /echo?token=…&depth=… HTTP/1.1",
      "handshake: > X-Api-Key: (7 characters)",
      "handshake: > User-Agent: tester",
      "handshake: > Authorization: (",
      "handshake: < HTTP/1.1 101",
      "handshake: < Upgrade: websocket",
      "connect: open, no subprotocol",
      "frames: > text, 14 bytes",
      "frames: < text, 14 bytes",
      "frames: > binary, 300 bytes",
      "frames: < binary, 300 bytes",
      'close: close frame with 1000 "bye"',
      "frames: > close, 5 bytes",
      'close: the server closes with 1000 "bye"',
      'close: closed, cleanly, 1000 "bye"',
    ]
  ) assert(text.includes(expected), `${expected}\n\n${text}`);
});

test("debug: categories are chosen by name, and an unknown name is reported", async () => {
  await using server = await WsServer.start({ deflate: { threshold: 0 } });
  assertEquals(categories(await log(session(server.url("/echo")), "frames, close")), ["close", "frames"]);
  assertEquals(categories(await log(session(server.url("/echo")), "connect")), ["connect"]);
  // Without TLS libcurl has words too.
  assertEquals(categories(await log(session(server.url("/echo")), "curl")), ["curl"]);
  assertEquals(
    (await log(session(server.url("/echo")), "frame")).trim(),
    "curlws: CURLWS_DEBUG: unknown frame; known are 1 and connect, curl, handshake, frames, close",
  );
  const compressed = await log(session(server.url("/echo"), { perMessageDeflate: { threshold: 100 } }), "frames");
  assertMatch(compressed, /frames: > binary, \d+ bytes, compressed/);
  assertMatch(compressed, /frames: < text, \d+ bytes, compressed/);
});

test("debug: a server's text cannot move the terminal's cursor; failures are printed with their code", async () => {
  await using server = await RawServer.start();
  const output = log(session(server.url()), "1");
  const peer = await server.connection();
  await peer.accept({ headers: ["Server: \x1b[2Jwiped"] });
  await peer.send(
    frame(Opcode.close, new Uint8Array([0x0f, 0xa0, ...new TextEncoder().encode("\x1b[31m\u009b2J\u202e\u2028")])),
  );
  await peer.closeFrame();
  peer.end();
  const text = await output;
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]/.test(text), JSON.stringify(text));
  assert(text.includes("Server: \\x1b[2Jwiped"), text);

  const refused = log(session(server.url()), "close");
  const other = await server.connection();
  await other.request();
  await other.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  other.end();
  assertMatch(await refused, /close: closed, not cleanly, 1006 ""; ERR_HANDSHAKE_STATUS: .*403/);
});

test("debug: a redirect, a query without a name and a long subprotocol are printed without their secrets", async () => {
  await using server = await RawServer.start();
  const output = log(session(server.url("/p?hunter2=="), { protocols: ["hunter2".repeat(6)] }), "1");
  const peer = await server.connection();
  await peer.request();
  await peer.send(
    "HTTP/1.1 302 Found\r\nLocation: ws://joe:hunter2@192.0.2.1/p?hunter2#hunter2\r\nContent-Length: 0\r\n\r\n",
  );
  peer.end();
  const text = await output;
  assert(!/hunter2|joe/.test(text), text);
  assert(text.includes("handshake: > GET /p?… HTTP/1.1"), text);
  assert(text.includes("handshake: < Location: ws://192.0.2.1/p?…#…"), text);
  assert(text.includes("redirects to ws://192.0.2.1/p?…#… (302)"), text);
});

test("debug: without permission to read the environment it is off, and Deno does not prompt", async () => {
  await using server = await WsServer.start();
  assertEquals(await log(session(server.url("/echo")), "1", ["--allow-ffi", "--no-prompt"]), "");
}, { skip: "Deno" in globalThis ? undefined : "Bun has no permissions" });
