import { assertEquals } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { bypassesProxy } from "../../src/options/no_proxy.ts";
import { failed, opened } from "../support/events.ts";
import { whyNoSocks } from "../support/libcurls.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** The cases of curl's own tests/unit/unit1614.c, less the overlong ones. */
const CASES: [host: string, noProxy: string, bypasses: boolean][] = [
  ["www.example.com", "localhost .example.com .example.de", false],
  ["www.example.com", "localhost,.example.com,.example.de", true],
  ["www.example.com.", "localhost,.example.com,.example.de", true],
  ["example.com", "localhost,.example.com,.example.de", true],
  ["example.com.", "localhost,.example.com,.example.de", true],
  ["www.example.com", "localhost,.example.com.,.example.de", true],
  ["www.example.com", "localhost,www.example.com.,.example.de", true],
  ["nexample.com", "localhost,example.com,.example.de", false],
  ["www.example.com", "localhost,example.com,.example.de", true],
  ["127.0.0.1", "127.0.0.1,localhost,", true],
  ["127.0.0.1", "127.0.0.1/8,localhost,", true],
  ["127.0.0.1", "127.0.0.1/28,localhost,", true],
  ["127.0.0.1", "127.0.0.1/31,localhost,", true],
  ["127.0.0.1", "localhost,127.0.0.1", true],
  ["127.0.0.1", "localhost,127.0.0.1.127.0.0.1", false],
  ["localhost", "127.0.0.1,localhost", true],
  ["LocalHost", "localhost", true],
  ["foobar", "barfoo", false],
  ["192.168.0.1", "foobar", false],
  ["192.168.0.1", "192.168.0.0/16", true],
  ["192.168.0.1", "192.168.0.0/16a", false],
  ["192.168.0.1", "192.168.0.0/16 ", true],
  ["192.168.0.1", "192.168.0.0/a16", false],
  ["192.168.0.1", "192.168.0.0/ 16", false],
  ["192.168.0.1", "192.168.0.0/24", true],
  ["192.168.0.1", "192.168.0.0/32", false],
  ["192.168.0.1", "192.168.0.1/32", true],
  ["192.168.0.1", "192.168.0.1/33", false],
  ["192.168.0.1", "192.168.0.0", false],
  ["192.168.1.1", "foo, bar, 192.168.0.0/24", false],
  ["192.168.1.1", "foo, bar, 192.168.0.0/16", true],
  ["[::1]", "foo, bar, 192.168.0.0/16", false],
  ["[::1]", "foo, bar, ::1/64", true],
  ["[::1]", "::1/129", false],
  ["[::1]", "::1/128", true],
  ["[::1]", "0:0::1", true],
  ["[::1]", "[::1]", true],
  ["[::1]", "::1/a127", false],
  ["[fe80::ab47:4396:55c9:8474]", "fe80::ab47:4396:0:0/112", false],
  ["[fe80::ab47:4396:55c9:8474]", "fe80::ab47:4396:0:0/96", true],
  ["anything", "*", true],
  ["anything", "", false],
  ["anything", ".", false],
];

test("noProxy matches as in curl's own test cases", () => {
  for (const [host, noProxy, bypasses] of CASES) {
    assertEquals([host, noProxy, bypassesProxy(noProxy, host)], [host, noProxy, bypasses]);
  }
});

test("a host that noProxy matches is reached without the proxy, and libcurl's own rules do not apply", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start();
  const scheme = whyNoSocks() === undefined ? "socks5h" : "http";
  for (const [host, noProxy, bypasses] of CASES) {
    if (host.startsWith("[") || host.endsWith(".") || host === "anything") continue;
    const before = proxy.connections;
    const socket = new CurlWebSocket(`ws://${host}:${server.port}/echo`, {
      proxy: { url: `${scheme}://127.0.0.1:${proxy.port}`, noProxy },
      resolve: { [host.toLowerCase()]: "127.0.0.1" },
      connectTo: bypasses ? `::127.0.0.1:${server.port}` : [],
    });
    // Addresses that are not this machine's are asked of the proxy, which cannot reach them.
    if (bypasses || !/^[\d.]+$/.test(host) || host === "127.0.0.1") await opened(socket);
    else {
      const asked = setInterval(() => proxy.connections > before && socket.close(), 5);
      await failed(socket);
      clearInterval(asked);
    }
    socket.terminate();
    assertEquals([host, noProxy, proxy.connections - before], [host, noProxy, bypasses ? 0 : 1]);
  }
});
