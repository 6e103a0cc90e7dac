import { assert, assertEquals } from "@std/assert";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { CurlWebSocket } from "../../mod.ts";
import { libcurlNamed, whyNoLibcurl } from "../support/libcurls.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { closedPort } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { tlsCertificates } from "../support/tls_certificates.ts";
import { Child, example, examplePath, feeds, folder } from "./support.ts";

test("echo_server.ts needs no package, sends back text and bytes, and refuses what is no WebSocket", async () => {
  using alone = folder();
  const copy = join(alone.path, "echo_server.ts");
  copyFileSync(examplePath("echo_server"), copy);
  const flags = "Deno" in globalThis ? ["run", "--no-config", "--no-check", "--allow-net"] : ["run"];
  await using child = new Child(process.execPath, [...flags, copy, "0"]);
  const [url] = await child.says(/ws:\/\/127\.0\.0\.1:\d+\//);
  await using socket = await new CurlWebSocket(url, { proxy: false }).opened;
  socket.binaryType = "arraybuffer";
  socket.send("hello");
  assertEquals(await socket.receive(), "hello");
  socket.send(new Uint8Array([1, 2, 3]));
  assertEquals(new Uint8Array(await socket.receive() as ArrayBuffer), new Uint8Array([1, 2, 3]));
  const response = await fetch(url.replace("ws:", "http:"));
  assertEquals([response.status, await response.text()], [426, "this is a WebSocket server\n"]);
});

test("ping_latency.ts pings at the given interval", async () => {
  await using server = await WsServer.start();
  await using child = example("ping_latency", [server.url("/echo"), "25"]);
  assertEquals(await child.exit(), 0, child.err);
  assert(/^connected to 127\.0\.0\.1: TCP [\d.]+ ms, handshake [\d.]+ ms$/m.test(child.out), child.out);
  const [, ...times] = /^25 pings: least (\S+), median (\S+), p99 (\S+), greatest (\S+) ms$/m.exec(child.out) ?? [];
  assertEquals(times.length, 4, child.out);
  assertEquals(times.toSorted((a, b) => Number(a) - Number(b)), times);
  assert(Number(times[0]) > 0);
});

test("through_proxy.ts connects through the given proxy, and prints why a proxy refuses", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start({ username: "me", password: "secret" });
  const url = server.url("/push?count=1");
  await using child = example("through_proxy", [url, `http://me:secret@127.0.0.1:${proxy.port}`]);
  assertEquals(await child.exit(), 0, child.err);
  assert(child.out.includes(`first message: 0\nthrough http://127.0.0.1:${proxy.port}`), child.out);
  assertEquals(proxy.requests.map(({ port }) => port), [server.port]);
  await using refused = example("through_proxy", [url, `http://127.0.0.1:${proxy.port}`]);
  assertEquals(await refused.exit(), 1);
  assert(refused.err.startsWith("ERR_PROXY_AUTH: "), refused.err);
}, { timeout: 30_000 });

test("impersonate.ts looks like a browser", async () => {
  await using server = await WsServer.start();
  const library = libcurlNamed("impersonate-8.23")!;
  await using child = example("impersonate", [server.url("/headers"), "chrome", "https://www.example.com"], {
    CURLWS_LIBCURL: library,
  });
  assertEquals(await child.exit(), 0, child.err);
  const headers: string[] = JSON.parse(child.out);
  assert(/ Chrome\/\d+/.test(headers[headers.indexOf("User-Agent") + 1]!), child.out);
  assertEquals(headers[headers.indexOf("Origin") + 1], "https://www.example.com");
}, { skip: whyNoLibcurl("impersonate-8.23") });

test("mtls.ts sends its certificate, and prints an error if one is missing", async () => {
  const { ca, server: identity, client } = tlsCertificates();
  using files = folder();
  const write = (name: string, text: string) => {
    writeFileSync(join(files.path, name), text);
    return join(files.path, name);
  };
  const paths = [write("cert.pem", client.cert), write("key.pem", client.key), write("ca.pem", ca)];
  await using server = await WsServer.start({ tls: { ...identity, ca, requestCert: true, rejectUnauthorized: true } });
  await using child = example("mtls", [server.url("/tls", "localhost"), ...paths]);
  assertEquals(await child.exit(), 0, child.err);
  assert(/^TLSv1\.[23], \S+: .*"client":"client"/.test(child.out), child.out);
  await using wrong = example("mtls", [server.url("/tls", "localhost"), paths[0]!, paths[1]!, paths[0]!]);
  assertEquals(await wrong.exit(), 1);
  assert(wrong.err.startsWith("ERR_TLS: the certificate of localhost:"), wrong.err);
}, { timeout: 30_000 });

test("backpressure.ts makes the server wait, and its memory does not grow", async () => {
  await using feed = await feeds();
  // It works 2 ms a message of 16 KiB, 8 MB/s at most; the server would give over 300.
  await using child = example("backpressure", [feed.url("/big"), "600", "2"]);
  await feed.server.says(/^stalled big/m);
  assertEquals(await child.exit(), 0, child.err);
  const [, paused] = /^nothing was read during (\d+) of 600 messages' work$/m.exec(child.out) ?? [];
  assert(Number(paused) > 100, child.out);
  const memory = [...child.out.matchAll(/([\d.]+) MB of memory/g)].map(([, value]) => Number(value));
  assertEquals(memory.length, 12);
  assert(Math.max(...memory) < 250, child.out);
});

test("ticker.ts shows each instrument in turn, the newest trade of it, and counts what it skipped", async () => {
  await using feed = await feeds();
  await using child = example("ticker", [feed.url("/trades?rate=2000"), "12", "10"]);
  assertEquals(await child.exit(), 0, child.err);
  const lines = [...child.out.matchAll(/^(\w+)USDT (\d+), (\d+) skipped, [\d.]+ ms old$/gm)];
  assertEquals(lines.map(([, symbol]) => symbol).join(" "), Array(4).fill("BTC ETH SOL").join(" "), child.out);
  const skipped = lines.reduce((sum, [, , , count]) => sum + Number(count), 0);
  assert(child.out.endsWith(`12 shown, ${skipped} skipped\n`), child.out);
  // Of each instrument, the shown and the skipped ones are all there were.
  for (const name of ["BTC", "ETH", "SOL"]) {
    const own = lines.filter(([, symbol]) => symbol === name);
    const came = own.reduce((sum, [, , , count]) => sum + 1 + Number(count), 0);
    assertEquals(Math.floor(Number(own.at(-1)![2]) / 3) + 1, came, child.out);
  }
});

test("many_connections.ts opens its connections, and prints what they cost", async () => {
  await using feed = await feeds();
  await using child = example("many_connections", [feed.url("/numbers?rate=10"), "100", "1"]);
  assertEquals(await child.exit(), 0, child.err);
  assert(/^100 open after \d+ ms, \d+ ms of CPU, -?[\d.]+ MB of memory$/m.test(child.out), child.out);
  const [, rate, cpu] = /^(\d+) messages\/s for ([\d.]+) % of a core; 0 connections lost$/m.exec(child.out) ?? [];
  assert(Math.abs(Number(rate) - 1000) < 300, child.out);
  assert(Number(cpu) > 0 && Number(cpu) < 100, child.out);
  assert(child.out.endsWith("all closed\n"));
});

test("worker.ts gets a summary a second from its Worker, and ends", async () => {
  await using feed = await feeds();
  await using child = example("worker", [feed.url("/numbers?rate=1000"), "2"]);
  assertEquals(await child.exit(), 0, child.err);
  const counts = [...child.out.matchAll(/^(\d+) messages, \d+ bytes, the last one \d+ $/gm)].map(([, n]) => Number(n));
  assertEquals(counts.length, 2, child.out);
  assert(counts[1]! > 700 && counts[1]! < 1300, child.out);
  await feed.server.says(/^closed numbers 1005/m);
  await using failed = example("worker", [`ws://127.0.0.1:${await closedPort()}/`]);
  assertEquals(await failed.exit(), 1);
  assert(failed.err.startsWith("ERR_CONNECT_REFUSED: "), failed.err);
});

test("reconnect.ts reconnects, subscribes again and prints the gap", async () => {
  await using feed = await feeds();
  const subscription = '{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["ETHUSD"]}]}';
  await using child = example("reconnect", [feed.url("/gemini?rate=200&drop=30"), subscription, "60"]);
  assertEquals(await child.exit(), 0, child.err);
  assert(child.out.startsWith("open, for the 1. time\nopen, for the 2. time\n"), child.out);
  assert(/^60 messages over 2 connections, 1 gaps, \d+ ms without one\n/m.test(child.out), child.out);
  assert(/^ERR_CONNECTION_LOST: attempt 2 in \d+ ms\nmessages of \d+ ms may be missing\n$/.test(child.err), child.err);
  assertEquals(feed.server.out.match(/^subscribed ETHUSD$/gm)?.length, 2);
});
