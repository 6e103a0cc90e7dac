/**
 * One way of waiting, measured: `client.ts STRATEGY URL SECONDS` receives each feed of the server, one after another in one
 * process, and prints one JSON line for each.
 */
import process from "node:process";
import { epochNow } from "./clock.ts";
import { type FeedName, FEEDS, type Measurement, secondsOf } from "./feeds.ts";
import { makePause } from "./pauses.ts";
import { RawConnection } from "./raw_curl.ts";
import { startUsage } from "./usage.ts";

/** On each connection, before it is measured, ms: what opening it leaves behind, such as garbage. */
const SETTLE_MS = 200;
/** A class of WebSocket is measured cold first: what the first moments of a process cost, before its code is compiled. */
const COLD_MS = 1500;
/** Then this long one message at a time, ms: some 5,000 wake-ups, after which the engines have compiled what one takes. */
const WARM_MS = 2500;
/** A loop has little code. */
const LOOP_WARM_MS = 500;

interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  onclose: ((event: unknown) => void) | null;
  close(): void;
}

const [strategy = "", base = "", secondsText] = process.argv.slice(2);
const seconds = Number(secondsText);
if (!strategy || !base || !(seconds > 0)) {
  console.error("usage: client.ts busy|sleep-1ms|adaptive|native|curlws URL SECONDS");
  process.exit(2);
}

let latencies: number[] = [];

/** The same work for every strategy: parse the message, as a user of the feed does. */
function onText(text: string): void {
  const { sentAt } = JSON.parse(text) as { sentAt: number };
  latencies.push(epochNow() - sentAt);
}

/** Begins to measure; the function that it returns prints what was measured since. */
function start(): (feed: FeedName | "cold", polls: number | null) => void {
  latencies = [];
  const stop = startUsage();
  return (feed, polls) => {
    const usage = stop();
    const sorted = latencies.sort((a, b) => a - b);
    const quantile = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? null;
    const measured: Measurement = {
      ...usage,
      pollsPerSecond: polls === null ? null : polls / usage.seconds,
      messages: sorted.length,
      p50: quantile(0.5),
      p99: quantile(0.99),
    };
    console.log(JSON.stringify({ feed, measured }));
  };
}

/** Polls libcurl in a loop that never goes back to the event loop. */
async function runLoop(): Promise<void> {
  for (const [index, { name }] of FEEDS.entries()) {
    const connection = await RawConnection.open(base + name);
    const pause = makePause(strategy);
    const runFor = (milliseconds: number) => {
      const end = performance.now() + milliseconds;
      while (performance.now() < end) pause(connection.poll(onText));
    };
    runFor(index === 0 ? LOOP_WARM_MS : SETTLE_MS);
    connection.polls = 0;
    const stop = start();
    runFor(secondsOf(name, seconds) * 1000);
    stop(name, connection.polls);
    connection.close();
  }
}

async function open(feed: FeedName): Promise<Socket> {
  const socket = await createSocket(base + feed);
  await new Promise<void>((resolve) => {
    socket.onopen = () => resolve();
    socket.onerror = fail;
    socket.onclose = fail;
    socket.onmessage = ({ data }) => onText(String(data));
  });
  return socket;
}

async function createSocket(url: string): Promise<Socket> {
  if (strategy === "native") return new WebSocket(url) as unknown as Socket;
  const { CurlWebSocket } = await import("../../mod.ts");
  return new CurlWebSocket(url) as unknown as Socket;
}

function fail(): void {
  console.error("error: the connection failed");
  process.exit(1);
}

function close(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.onclose = () => resolve();
    socket.close();
  });
}

const pass = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Measures a WebSocket that the event loop drives. */
async function runSocket(): Promise<void> {
  const first = await open("fast");
  const stop = start();
  await pass(COLD_MS);
  stop("cold", null);
  await close(first);
  const warming = await open("even");
  await pass(WARM_MS);
  await close(warming);
  for (const { name } of FEEDS) {
    const socket = await open(name);
    await pass(SETTLE_MS);
    const stop = start();
    await pass(secondsOf(name, seconds) * 1000);
    stop(name, null);
    await close(socket);
  }
}

await (strategy === "native" || strategy === "curlws" ? runSocket() : runLoop());
process.exit(0);
