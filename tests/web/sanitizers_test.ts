/** `deno test` with its sanitizers on: a socket that was closed leaves nothing to complain about. */
import { assert, assertMatch } from "@std/assert";
import { execFile } from "node:child_process";
import process from "node:process";
import { Folder } from "../packages/support.ts";
import { certificates } from "../support/certificates.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

const skip = "Deno" in globalThis ? undefined : "Bun's test runner has no sanitizers";
const timeout = 60_000;

/** What `deno test` says of a file. */
async function denoTest(source: string): Promise<string> {
  using folder = new Folder();
  const module = new URL("../../mod.ts", import.meta.url).href;
  const path = folder.write("some_test.ts", `import * as curlws from ${JSON.stringify(module)};\n${source}`);
  const args = ["test", "-A", "--no-check", "--trace-leaks", path];
  const env = { ...process.env, NO_COLOR: "1" };
  return await new Promise((resolve) =>
    execFile(process.execPath, args, { env, timeout: 15_000 }, (_error, out, err) => resolve(out + err))
  );
}

const BODY = `
const { CurlWebSocket, CurlWebSocketStream } = curlws;
const sanitized = (name, fn) => {
  for (let i = 0; i < 3; i++) {
    Deno.test({ name: name + " " + i, fn, sanitizeOps: true, sanitizeResources: true, sanitizeExit: true });
  }
};
const event = (socket, type) => new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }));
async function echo(url, options) {
  const socket = new CurlWebSocket(url, options);
  const closed = event(socket, "close");
  await event(socket, "open");
  socket.send("hello");
  await event(socket, "message");
  socket.close();
  await closed;
}
sanitized("echo", () => echo(PLAIN));
sanitized("compressed, with timers", () => echo(PLAIN, { perMessageDeflate: true, pingInterval: 1000, idleTimeout: 5000 }));
sanitized("wss", () => echo(SECURE, { tls: { ca: CA } }));
sanitized("through a proxy", () => echo(PLAIN, { proxy: PROXY }));
sanitized("many", () => Promise.all(Array.from({ length: 12 }, () => echo(PLAIN))));
sanitized("a signal", async () => {
  const ending = new AbortController();
  const socket = new CurlWebSocket(PLAIN, { signal: ending.signal });
  const closed = event(socket, "close");
  ending.abort();
  await closed;
});
sanitized("given up", async () => {
  const socket = new CurlWebSocket(PLAIN);
  const closed = event(socket, "close");
  socket.close();
  await closed;
});
sanitized("refused", async () => {
  const socket = new CurlWebSocket("ws://127.0.0.1:1/");
  await event(socket, "close");
});
sanitized("terminated", async () => {
  const socket = new CurlWebSocket(PLAIN);
  await event(socket, "open");
  const closed = event(socket, "close");
  socket.terminate();
  await closed;
});
sanitized("await using, and the iterator", async () => {
  await using socket = new CurlWebSocket(PLAIN);
  socket.onopen = () => socket.send("hello");
  const closed = event(socket, "close");
  for await (const _ of socket) break;
  await closed;
});
sanitized("a stream", async () => {
  await using socket = new CurlWebSocketStream(PLAIN);
  const { readable, writable } = await socket.opened;
  const writer = writable.getWriter(), reader = readable.getReader();
  await writer.write("hello");
  await reader.read();
  await writer.close();
  await socket.closed;
});
`;

test("deno test's sanitizers find no leak of a closed socket, if libcurl() was called before", async () => {
  await using plain = await WsServer.start();
  await using secure = await WsServer.start({ tls: true });
  await using proxy = await ProxyServer.start();
  const constants = {
    PLAIN: plain.url("/echo"),
    SECURE: secure.url("/echo"),
    PROXY: `http://127.0.0.1:${proxy.port}`,
    CA: certificates().ca,
  };
  const text = Object.entries(constants).map(([name, value]) => `const ${name} = ${JSON.stringify(value)};`).join("\n");
  assertMatch(await denoTest(`curlws.libcurl();\n${text}\n${BODY}`), /ok \| 33 passed \| 0 failed/);
}, { skip, timeout });

test("without libcurl() before, only the first test fails, with the message that docs/testing.md quotes", async () => {
  await using plain = await WsServer.start();
  const constants = `const PLAIN = ${JSON.stringify(plain.url("/echo"))}, SECURE = PLAIN, CA = "", PROXY = "";`;
  const only = BODY.slice(0, BODY.indexOf('sanitized("compressed'));
  const said = await denoTest(`${constants}\n${only}`);
  assertMatch(said, /2 passed \| 1 failed/);
  assert(/echo 0 .*FAILED/.test(said) && said.includes("dynamic library"), said);
}, { skip, timeout });
