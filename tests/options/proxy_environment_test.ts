/** The proxy that the environment names: `http_proxy` and its like. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import process from "node:process";
import { CurlWebSocket } from "../../mod.ts";
import { certificates } from "../support/certificates.ts";
import { failed } from "../support/events.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { closedPort } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { echoes, refused, SECRET, taken } from "./proxy_support.ts";

/** Runs with other variables in the environment. */
async function withEnvironment(variables: Record<string, string>, run: () => Promise<void>): Promise<void> {
  const names = ["ws_proxy", "wss_proxy", "http_proxy", "https_proxy", "all_proxy", "no_proxy"];
  const all = names.flatMap((name) => [name, name.toUpperCase()]);
  const before = all.map((name) => [name, process.env[name]] as const);
  for (const name of all) delete process.env[name];
  Object.assign(process.env, variables);
  try {
    await run();
  } finally {
    for (const name of all) delete process.env[name];
    for (const [name, value] of before) if (value !== undefined) process.env[name] = value;
  }
}

test("environment variables name the proxy, by curl's rules", async () => {
  await using plain = await WsServer.start();
  await using secure = await WsServer.start({ tls: true });
  await using proxy = await ProxyServer.start();
  await using other = await ProxyServer.start();
  const tls = { ca: certificates().ca };
  const right = `http://127.0.0.1:${proxy.port}`, wrong = `http://127.0.0.1:${other.port}`;
  const cases: [variables: Record<string, string>, server: WsServer, through: boolean][] = [
    [{ http_proxy: right, https_proxy: wrong }, plain, true],
    [{ https_proxy: right, http_proxy: wrong }, secure, true],
    [{ HTTPS_PROXY: right }, secure, true],
    [{ HTTP_PROXY: wrong }, plain, false],
    [{ ws_proxy: right, http_proxy: wrong, all_proxy: wrong }, plain, true],
    [{ wss_proxy: right, https_proxy: wrong }, secure, true],
    [{ all_proxy: `${taken(["socks5h", "http"])[0]}://127.0.0.1:${proxy.port}` }, secure, true],
    [{ ALL_PROXY: right }, plain, true],
    [{ http_proxy: "", all_proxy: right }, plain, true],
    [{ http_proxy: wrong, no_proxy: "", NO_PROXY: "*" }, plain, false],
    [{ http_proxy: wrong, no_proxy: "127.0.0.1" }, plain, false],
    [{ https_proxy: wrong, NO_PROXY: "localhost,127.0.0.1" }, secure, false],
    [{}, plain, false],
  ];
  for (const [variables, server, through] of cases) {
    await withEnvironment(variables, async () => {
      const before = proxy.connections;
      await using socket = await echoes(server.url("/echo"), { tls });
      const what = JSON.stringify(variables);
      assertEquals([what, proxy.connections - before, other.connections], [what, through ? 1 : 0, 0]);
      assertEquals([what, socket.connection?.proxy !== null], [what, through]);
    });
  }
});

test("proxy: false and the option proxy override the environment", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start();
  const environment = { ws_proxy: `http://127.0.0.1:${await closedPort()}` };
  await withEnvironment(environment, async () => {
    await using _direct = await echoes(server.url("/echo"), { proxy: false });
    await using _option = await echoes(server.url("/echo"), { proxy: `http://127.0.0.1:${proxy.port}` });
    assertEquals(proxy.connections, 1);
    const error = await refused(server.url("/echo"), {});
    assertEquals(error.code, "ERR_PROXY_CONNECT");
    assert(
      error.message.includes("from the environment's ws_proxy; use proxy: false to connect without"),
      error.message,
    );
  });
  await withEnvironment({ ws_proxy: `gopher://me:${encodeURIComponent(SECRET)}@x` }, async () => {
    const error = await refused(server.url("/echo"), {});
    assertEquals(error.code, "ERR_PROXY");
    assert(error.message.includes("ws_proxy: a proxy's scheme must be one of"), error.message);
  });
});

test("an incomplete percent escape is literal in the environment, as in curl, and a TypeError in the option", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start({ username: "100%", password: "%zz A%" });
  const url = `http://100%:%zz%20%41%@127.0.0.1:${proxy.port}`;
  await withEnvironment({ http_proxy: url }, async () => {
    await using _socket = await echoes(server.url("/echo"), {});
    assertEquals(proxy.requests.map(({ username }) => username), ["100%"]);
  });
  assertThrows(() => new CurlWebSocket(server.url("/echo"), { proxy: url }), TypeError, "percent-encoded");
  for (const wrong of ["%00", "%0d", "%ff"]) {
    await withEnvironment({ http_proxy: `http://u:${wrong}@127.0.0.1:${proxy.port}` }, async () => {
      assertEquals((await failed(new CurlWebSocket(server.url("/echo")))).error.code, "ERR_PROXY");
    });
  }
});
