/** The examples that speak a protocol over WebSockets, or need another program. */
import { assert, assertEquals } from "@std/assert";
import { libcurlNamed, whyNoLibcurl } from "../support/libcurls.ts";
import { findProgram } from "../support/programs.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { closedPort } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";
import { Child, example, feeds, folder } from "./support.ts";

test(
  "rotating_proxies.ts goes through one proxy after another, passes over one that fails, and misses nothing",
  async () => {
    await using feed = await feeds();
    await using one = await ProxyServer.start();
    await using two = await ProxyServer.start({ username: "me", password: "secret" });
    const ports = [one.port, await closedPort(), two.port];
    const proxies = `http://127.0.0.1:${ports[0]},http://127.0.0.1:${ports[1]},http://me:secret@127.0.0.1:${ports[2]}`;
    await using child = example("rotating_proxies", [feed.url("/ids?rate=300"), proxies, "0.3", "600"]);
    assertEquals(await child.exit(), 0, child.err);
    assert(child.out.startsWith(`through http://127.0.0.1:${ports[0]}\n`), child.out);
    assert(child.out.includes(`rotated, now through http://127.0.0.1:${ports[2]}\n`), child.out);
    assert(child.err.includes("rotation: ERR_PROXY_CONNECT\n"), child.err);
    assert(/^600 messages over \d+ connections, 0 gaps, \d+ came twice\n$/m.test(child.out), child.out);
    assert(!`${child.out}${child.err}`.includes("secret"));
  },
  { timeout: 30_000 },
);

test("rotating_proxies.ts impersonates by proxy", async () => {
  await using feed = await feeds();
  await using one = await ProxyServer.start();
  const proxy = `http://127.0.0.1:${one.port}`;
  await using child = example("rotating_proxies", [feed.url("/ids"), proxy, "60", "10", "chrome"], {
    CURLWS_LIBCURL: libcurlNamed("impersonate-8.23")!,
  });
  assertEquals(await child.exit(), 0, child.err);
  assert(child.out.includes("10 messages over 1 connections, 0 gaps"), child.out);
}, { skip: whyNoLibcurl("impersonate-8.23") });

test("order_book.ts shows no wrong book: not after an update that was left out, nor after a lost connection", async () => {
  await using feed = await feeds();
  await using child = example("order_book", [feed.url("/book?skip=10&drop=30"), "BTC-USD", "40"]);
  assertEquals(await child.exit(), 0, child.err);
  const states = [...child.out.matchAll(/^1 at (\d+), 2 at (\d+)$/gm)].map((
    [, bid, offer],
  ) => [Number(bid), Number(offer)]);
  assertEquals(states.length, 40, child.out);
  for (const [bid, offer] of states) assertEquals(offer, bid! + 1, child.out);
  assert(/^\d+ was expected, and \d+ came: the book begins anew$/m.test(child.err), child.err);
  assert(/^\d+ ms are missing: the book begins anew$/m.test(child.err), child.err);
  assert(child.out.endsWith("40 states of the book, from 3 snapshots over 2 connections\n"), child.out);
});

test("home_assistant.ts logs in, subscribes, and sees what changed while it was away", async () => {
  await using feed = await feeds();
  await using child = example("home_assistant", [feed.url("/home"), "light.", "2"], { HA_TOKEN: "secret" });
  assertEquals(await child.exit(), 0, child.err);
  const seen = ["light.lamp is off", "light.lamp: off -> on", "light.lamp: on -> dimmed", "light.lamp: dimmed -> off"];
  assertEquals(child.out, `${seen.join("\n")}\n`);
  assert(/^\d+ ms without a connection\n$/.test(child.err), child.err);
  const session = ["auth", "1 subscribe_events", "2 get_states"];
  assertEquals(feed.server.out.split("\n").slice(1, -1), [...session, ...session]);
  await using wrong = example("home_assistant", [feed.url("/home")], { HA_TOKEN: "guess" });
  assertEquals(await wrong.exit(), 1);
  assert(wrong.err.includes("Invalid access token or password"), wrong.err);
});

const chromium = findProgram("chromium", "chromium-browser", "google-chrome");

test("devtools.ts opens a page in a Chromium, and evaluates an expression in it", async () => {
  using files = folder();
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
  await using browser = new Child(chromium!, [
    ...[...flags, "--remote-debugging-port=0", `--user-data-dir=${files.path}`, "about:blank"],
  ]);
  const [, at] = await browser.says(/^DevTools listening on ws:\/\/(127\.0\.0\.1:\d+)\//m);
  const page = "data:text/html,<title>hello</title>";
  await using child = example("devtools", [`http://${at}`, page, "document.title + 1"]);
  assertEquals(await child.exit(), 0, child.err);
  assertEquals(child.out, "hello1\n");
}, { skip: chromium === undefined ? "there is no Chromium" : undefined, timeout: 40_000 });
