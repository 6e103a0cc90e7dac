/**
 * Long checks, for one runtime: `deno run -A tests/soak/soak.ts NAME` or `bun tests/soak/soak.ts NAME`.
 *
 *   echo [--tls] [--messages N]  messages of mixed sizes, echoed in random fragments, each compared
 *   churn                        2,000 connections opened and closed at any moment: descriptors and memory
 *   idle                         10 s with 0, 1 and 200 open connections: CPU and context switches (Linux)
 *   upload [--tls]               50 MB to a server that reads slowly: bufferedAmount and checksum
 *   pause                        a 50 MB burst while reading is paused: memory
 *   slow [--megabytes N]         1 GB for readers of 10 MB/s, a stream and the iterator at the same time: memory
 *   feed [--tls] [--kills N]     two redundant connections at 1,000 messages/s, of which one dies 1,000 times: each number
 *                                once; sockets, descriptors and memory (with Deno --v8-flags=--expose-gc)
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { CurlWebSocket, type CurlWebSocketOptions, CurlWebSocketStream } from "../../mod.ts";
import { loadCurl } from "../../src/curl/library.ts";
import { reactorOf } from "../../src/curl/reactors.ts";
import { certificates } from "../support/certificates.ts";
import { closed, message, opened } from "../support/events.ts";
import { Feeder } from "../support/feeder.ts";
import { WsServer } from "../support/servers.ts";
import { soakFeed } from "./feed.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tls: { type: "boolean", default: false },
    messages: { type: "string", default: "200000" },
    megabytes: { type: "string", default: "1000" },
    kills: { type: "string", default: "1000" },
  },
});
const runtime = "Deno" in globalThis ? "deno" : "bun";
await using server = await WsServer.start({ tls: values.tls });
const options: CurlWebSocketOptions = values.tls ? { tls: { ca: certificates().ca } } : {};

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(() => resolve(), milliseconds));
const descriptors = () => readdirSync("/proc/self/fd").length;
const megabytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024;
function contextSwitches(): number {
  let sum = 0;
  for (const task of readdirSync("/proc/self/task")) {
    try {
      const status = readFileSync(`/proc/self/task/${task}/status`, "utf8");
      sum += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]);
    } catch { /* a thread that has just ended */ }
  }
  return sum;
}

async function open(path: string): Promise<CurlWebSocket> {
  const socket = new CurlWebSocket(server.url(path), options);
  socket.binaryType = "arraybuffer";
  await opened(socket);
  return socket;
}

async function close(socket: CurlWebSocket): Promise<void> {
  const done = closed(socket);
  socket.close();
  await done;
}

function check(right: boolean, what: string): void {
  if (!right) throw new Error(what);
}

async function echo(): Promise<void> {
  const count = Number(values.messages);
  const socket = await open("/fragments");
  const noise = crypto.getRandomValues(new Uint8Array(65536));
  const source = new Uint8Array(5 << 20);
  for (let at = 0; at < source.length; at += noise.length) source.set(noise, at);
  for (let i = 0; i < source.length; i += 997) source[i] = i & 0xff;
  const letters = "añ€😀 the quick brown fox ".repeat(180_000);
  const waiting: (string | Uint8Array)[] = [];
  let received = 0, sent = 0, bytes = 0;
  const size = () => {
    const kind = Math.random();
    if (kind < 0.9) return Math.floor(Math.random() * 2_000);
    return Math.floor(kind < 0.9985 ? Math.random() * 150_000 : Math.random() * (4 << 20));
  };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.onerror = (event) => reject(event.error);
  const fill = () => {
    while (sent < count && waiting.length < 200 && socket.bufferedAmount < 8 << 20) {
      const length = size(), from = Math.floor(Math.random() * ((5 << 20) - length));
      let text = letters.slice(from % 400_000, from % 400_000 + Math.floor(length / 2));
      if (!text.isWellFormed()) text = text.toWellFormed();
      const data = sent % 2 ? source.subarray(from, from + length) : text;
      waiting.push(data);
      socket.send(data);
      sent++;
      bytes += data.length;
    }
  };
  socket.onmessage = ({ data }) => {
    const expected = waiting.shift();
    const same = typeof expected === "string"
      ? data === expected
      : expected !== undefined && data instanceof ArrayBuffer && equal(new Uint8Array(data), expected);
    if (!same) return reject(new Error(`message ${received} came back different`));
    if (++received === count) resolve();
    else fill();
  };
  const started = performance.now();
  fill();
  await promise;
  await close(socket);
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${runtime} echo: ${received} messages, ${(bytes / 1e9).toFixed(2)} GB equal, in ${seconds.toFixed(0)} s`,
  );
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

async function churn(): Promise<void> {
  const memory: number[] = [];
  let before = 0;
  for (let round = 0; round < 11; round++) {
    await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      const socket = new CurlWebSocket(server.url(i % 3 === 2 ? "/flow" : "/echo"), options);
      const done = closed(socket);
      if (i % 3 === 0) {
        if (i % 2) socket.close();
        else setTimeout(() => socket.close(), Math.random() * 20);
      } else {
        socket.onopen = () => {
          socket.send("x".repeat(10_000));
          setTimeout(() => i % 2 ? socket.terminate() : socket.close(), Math.random() * 30);
        };
      }
      await done;
    }));
    await sleep(100);
    // The first round warms up: thread pools, the epoll descriptor.
    if (round === 0) before = descriptors();
    memory.push(Math.round(megabytes()));
  }
  const after = descriptors();
  console.log(`${runtime} churn: 2,000 connections, descriptors ${before} -> ${after}, MB a round ${memory.join(" ")}`);
  check(after <= before + 2, "descriptors were leaked");
}

async function idle(): Promise<void> {
  for (const count of [0, 1, 200]) {
    const sockets = await Promise.all(Array.from({ length: count }, () => open("/echo")));
    // One second may differ: some 30 s after its start Deno collects garbage once, with its own WebSocket too.
    await sleep(2_000);
    const reactor = reactorOf(loadCurl());
    const switches = contextSwitches(), wakeups = reactor.wakeups;
    const seconds: number[] = [];
    for (let second = 0; second < 10; second++) {
      const before = process.cpuUsage();
      await sleep(1_000);
      const { user, system } = process.cpuUsage(before);
      seconds.push((user + system) / 1e4);
    }
    const mean = seconds.reduce((sum, percent) => sum + percent) / 10;
    const each = seconds.map((percent) => percent.toFixed(2)).join(" ");
    const switched = contextSwitches() - switches, woken = reactor.wakeups - wakeups;
    console.log(
      `${runtime} idle: ${count} open, ${
        mean.toFixed(3)
      } % CPU (by second ${each}), ${woken} wake-ups, ${switched} switches`,
    );
    check(woken === 0, "the poll was woken while nothing arrived");
    await Promise.all(sockets.map(close));
  }
}

async function upload(): Promise<void> {
  const socket = await open("/slow-hash");
  const data = new Uint8Array(50_000_000).map((_, i) => i * 31 & 0xff);
  socket.send(data);
  check(socket.bufferedAmount === data.length, "bufferedAmount is the message's size after send()");
  const steps = new Set<number>();
  const timer = setInterval(() => steps.add(socket.bufferedAmount), 5);
  const hash = await message(socket);
  clearInterval(timer);
  check(hash === createHash("sha256").update(data).digest("hex"), "the checksum is equal");
  check(socket.bufferedAmount === 0, "bufferedAmount fell to 0");
  await close(socket);
  console.log(`${runtime} upload: 50 MB, checksum equal, bufferedAmount seen at ${steps.size} levels on its way to 0`);
}

async function pause(): Promise<void> {
  const socket = await open("/push?count=800&size=65536");
  socket.pause();
  let count = 0;
  const all = new Promise<void>((resolve) => socket.onmessage = () => void (++count === 800 && resolve()));
  await sleep(300);
  const before = megabytes(), delivered = count;
  await sleep(2_000);
  const grown = megabytes() - before;
  check(count === delivered, "nothing is delivered while paused");
  check(grown < 10, `memory grew by ${grown.toFixed(1)} MB while paused`);
  socket.resume();
  await all;
  await close(socket);
  console.log(`${runtime} pause: ${delivered} messages before, memory +${grown.toFixed(1)} MB, then all of ${count}`);
}

/** Takes 10 MB/s of messages of 10 kB. */
async function takeSlowly(name: string, messages: AsyncIterable<unknown>, feeder: Feeder, count: number) {
  const started = performance.now(), each = 10_000;
  let taken = 0, blocked = 0, ahead = 0, asked = 0;
  const memory: number[] = [];
  for await (const message of messages) {
    check((message as ArrayBuffer).byteLength === each, "the message's size");
    taken++;
    const due = started + taken * each / 10_000 - performance.now();
    if (due > 2) await sleep(due);
    // The last of it fits into the kernel's buffers.
    if (taken % 200 === 0 && (count - taken) * each > 20e6) {
      const { sent, waiting, blocked: now } = await feeder.ask();
      ahead = Math.max(ahead, sent - waiting - taken * (each + 4));
      asked++;
      if (now) blocked++;
      memory.push(megabytes());
    }
    if (taken === count) break;
  }
  const seconds = (performance.now() - started) / 1000;
  // The first tenth warms up.
  const warm = memory.slice(Math.floor(memory.length / 10));
  const grown = Math.max(...warm) - warm[0]!;
  console.log(
    `${runtime} slow ${name}: ${taken * each / 1e6} MB in ${
      seconds.toFixed(1)
    } s, the server was blocked ${blocked} of ${asked} ` +
      `times and at most ${(ahead / 1e6).toFixed(1)} MB ahead; memory ${warm[0]!.toFixed(0)} MB, at most +${
        grown.toFixed(1)
      } MB`,
  );
  check(taken === count, "every message came");
  check(blocked > 0.9 * asked, "the server's TCP was not stopped");
  check(ahead < 20e6, "the server was too far ahead");
  check(grown < 64, "memory grew");
}

async function slow(): Promise<void> {
  const count = Number(values.megabytes) * 100;
  const path = `/?count=${count}&size=10000`;
  await using one = await Feeder.start();
  await using other = await Feeder.start();
  const stream = new CurlWebSocketStream(one.url + path);
  const { readable } = await stream.opened;
  const socket = new CurlWebSocket(other.url + path);
  socket.binaryType = "arraybuffer";
  await Promise.all([takeSlowly("stream", readable, one, count), takeSlowly("iterator", socket, other, count)]);
  socket.terminate();
}

const checks: Record<string, () => Promise<void>> = {
  echo,
  churn,
  idle,
  upload,
  pause,
  slow,
  feed: () => soakFeed(values.tls, Number(values.kills)),
};
const chosen = checks[positionals[0] ?? ""];
if (chosen === undefined) throw new Error(`name one of ${Object.keys(checks).join(", ")}`);
await chosen();
