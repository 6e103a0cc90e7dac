import { assert, assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { CurlWebSocket, type CurlWebSocketError, type CurlWebSocketOptions, libcurl } from "../../mod.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { closedPort, RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

const page = readFileSync(new URL("../../docs/troubleshooting.md", import.meta.url), "utf8");

/** What the page must have of a message: ports are examples, libcurl's own words differ by version. */
function stable({ message, curlMessage }: CurlWebSocketError): string {
  const own = curlMessage === undefined ? message : message.slice(0, message.indexOf(`: ${curlMessage}`));
  return own.replace(/((?:127\.0\.0\.1|localhost):|port )\d+/g, "$19000");
}

function told(code: string, error: CurlWebSocketError): void {
  assertEquals(error.code, code, error.message);
  assert(page.includes(`\`${code}\``), code);
  assert(page.includes(`\n${stable(error)}`), stable(error));
}

function failure(url: string, options: CurlWebSocketOptions = {}): Promise<CurlWebSocketError> {
  return new Promise((resolve) => {
    const socket = new CurlWebSocket(url, { proxy: false, ...options });
    socket.onerror = (event) => resolve(event.error);
  });
}

function thrown(options: CurlWebSocketOptions): CurlWebSocketError {
  try {
    new CurlWebSocket("ws://127.0.0.1:9/", options);
  } catch (error) {
    return error as CurlWebSocketError;
  }
  throw new Error("nothing was thrown");
}

test("docs/troubleshooting.md has the exact messages of connection errors", async () => {
  told("ERR_CONNECT_REFUSED", await failure(`ws://127.0.0.1:${await closedPort()}/`));
  told("ERR_DNS", await failure("ws://nowhere.invalid/"));
  await using server = await RawServer.start();
  told("ERR_HANDSHAKE_TIMEOUT", await failure(server.url(), { handshakeTimeout: 50 }));
});

test("docs/troubleshooting.md has the exact messages of TLS and proxy errors", async () => {
  await using server = await RawServer.start({ tls: true });
  told("ERR_TLS", await failure(server.url("/", "localhost")));
  await using proxy = await ProxyServer.start({ username: "me", password: "secret" });
  told("ERR_PROXY_AUTH", await failure("ws://example.com/feed", { proxy: `http://127.0.0.1:${proxy.port}` }));
});

test("docs/troubleshooting.md has the exact messages of server errors", async () => {
  await using server = await RawServer.start();
  const refused = failure(server.url());
  const first = await server.connection();
  await first.request();
  await first.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  told("ERR_HANDSHAKE_STATUS", await refused);
  const lost = failure(server.url());
  const second = await server.connection();
  await second.accept();
  second.end();
  told("ERR_CONNECTION_LOST", await lost);
});

test("docs/troubleshooting.md has the exact messages of option errors", () => {
  const notFound = thrown({ library: "libnone.so" });
  assertEquals(notFound.code, "ERR_LIBCURL_NOT_FOUND");
  const hint = /install it \([^)]*\)/;
  assert(
    page.replace(hint, "").includes(`\n${notFound.message.split("\n")[0]!.replace(hint, "")}\n`),
    notFound.message,
  );
  const unknown = thrown({ timeout: 3 } as CurlWebSocketOptions);
  assert(page.includes(`\n${unknown.message.slice(0, unknown.message.indexOf(" cookies,"))}`), unknown.message);
});

test("docs/troubleshooting.md has the exact message of a libcurl that cannot impersonate", () => {
  const { path, version } = libcurl();
  const error = thrown({ impersonate: "chrome", library: path });
  assertEquals(error.code, "ERR_IMPERSONATE");
  assert(page.includes(error.message.replace(path, "libcurl.so.4").replace(version, "7.88.1")), error.message);
}, { skip: /impersonate/i.test(libcurl().path) ? "this libcurl can" : undefined });

test("docs/troubleshooting.md has the exact message of Deno without permission", async () => {
  const mod = new URL("../../mod.ts", import.meta.url).href;
  const source = `import { CurlWebSocket } from ${JSON.stringify(mod)};
    try { new CurlWebSocket("ws://127.0.0.1:9/", { library: "libcurl.so.4" }); }
    catch (error) { console.log(error.code + "|" + error.message); }`;
  const out = await new Promise<string>((resolve) => {
    // By a shell: Deno gives a Deno that it starts itself its own permissions.
    const args = ["-c", 'exec "$0" run --no-prompt --no-check -', process.execPath];
    execFile("sh", args, (_error, out, err) => resolve(out + err)).stdin!.end(source);
  });
  const [code, message] = out.trim().split("|");
  assertEquals(code, "ERR_FFI_PERMISSION", out);
  assert(page.includes(`\n${message}\n`), message);
}, { skip: "Deno" in globalThis ? undefined : "it is Deno's" });
