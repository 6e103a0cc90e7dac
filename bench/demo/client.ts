/** One measurement: `client.ts STRATEGY URL SECONDS` connects, warms up, measures and prints one JSON line. */
import process from "node:process";
import { epochNow } from "./clock.ts";
import { makePause } from "./pauses.ts";
import { RawConnection } from "./raw_curl.ts";
import { startUsage } from "./usage.ts";

const WARM_UP_MS = 500;

interface Socket {
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: ((event: unknown) => void) | null;
}

const [strategy = "", url = "", secondsText] = process.argv.slice(2);
const seconds = Number(secondsText);
if (!strategy || !url || !(seconds > 0)) {
  console.error("usage: client.ts busy|sleep-1ms|adaptive|native|curlws URL SECONDS");
  process.exit(2);
}

let latencies: number[] = [];

/** The same work for every strategy: parse the message, as a user of the feed does. */
function onText(text: string): void {
  const { sentAt } = JSON.parse(text) as { sentAt: number };
  latencies.push(epochNow() - sentAt);
}

function report(usage: ReturnType<ReturnType<typeof startUsage>>, polls: number | null): void {
  const sorted = latencies.sort((a, b) => a - b);
  const quantile = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? null;
  console.log(JSON.stringify({
    ...usage,
    pollsPerSecond: polls === null ? null : polls / usage.seconds,
    messages: sorted.length,
    p50: quantile(0.5),
    p99: quantile(0.99),
  }));
  process.exit(0);
}

/** Polls libcurl in a loop that never goes back to the event loop. */
async function runLoop(): Promise<void> {
  const connection = await RawConnection.open(url);
  const pause = makePause(strategy);
  const runFor = (milliseconds: number) => {
    const end = performance.now() + milliseconds;
    while (performance.now() < end) pause(connection.poll(onText));
  };
  runFor(WARM_UP_MS);
  latencies = [];
  connection.polls = 0;
  const usage = startUsage();
  runFor(seconds * 1000);
  report(usage(), connection.polls);
}

async function openSocket(): Promise<Socket> {
  if (strategy === "native") return new WebSocket(url) as unknown as Socket;
  const { CurlWebSocket } = await import("../../mod.ts");
  return new CurlWebSocket(url) as unknown as Socket;
}

/** Measures a WebSocket that the event loop drives. */
async function runSocket(): Promise<void> {
  const socket = await openSocket();
  socket.onmessage = ({ data }) => onText(String(data));
  socket.onerror = () => {
    console.error("the connection failed");
    process.exit(1);
  };
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  latencies = [];
  const usage = startUsage();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  report(usage(), null);
}

await (strategy === "native" || strategy === "curlws" ? runSocket() : runLoop());
