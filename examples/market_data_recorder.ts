/**
 * Records a slow and a fast feed at once, as JSON lines in gzip files, until SIGINT or SIGTERM:
 *
 *     deno run -A examples/market_data_recorder.ts --dir recordings
 *     bun examples/market_data_recorder.ts --dir recordings --max-bytes 64000000 --max-seconds 3600
 *
 * Other URLs: `--slow wss://… --fast wss://…`. A file is `.part` while it is written; the next one begins where it has
 * `--max-bytes` on the disk or is `--max-seconds` old. What the status line counts as lines on the disk can be read with
 * zcat even if this program is killed: at most the last second of each feed is missing. Each line is `{"at": ms, "data": text}`, `{"at", "base64"}`, or
 * `{"at", "event"}`, which tells of each connection's begin and end: between the two a reader knows that data is missing.
 */
import { Buffer } from "node:buffer";
import { mkdir } from "node:fs/promises";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { CurlWebSocket, CurlWebSocketError } from "@curlws/curlws";
import { Recording } from "./recording.ts";

const { values } = parseArgs({
  options: {
    slow: { type: "string", default: "wss://api.gemini.com/v2/marketdata" },
    fast: {
      type: "string",
      default: "wss://io.dexscreener.com/dex/screener/v5/pairs/h24/1?rankBy[key]=trendingScoreH6&rankBy[order]=desc",
    },
    dir: { type: "string", default: "recordings" },
    "max-bytes": { type: "string", default: "64000000" },
    "max-seconds": { type: "string", default: "3600" },
  },
});

interface Feed {
  name: string;
  url: string;
  headers?: Record<string, string>;
  /** Sent on each open: the server has forgotten what was asked on the last connection. */
  subscribe?: string;
  /** What the feed asks and wants answered, beside WebSocket's own pings, which are answered by themselves. */
  answers?: Record<string, string>;
}

const feeds: Feed[] = [
  {
    name: "gemini",
    url: values.slow,
    subscribe: '{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["BTCUSD"]}]}',
  },
  // It lets browsers in alone: with libcurl-impersonate add `impersonate: "chrome"` to the socket's options below.
  {
    name: "dexscreener",
    url: values.fast,
    headers: { Origin: "https://dexscreener.com", "User-Agent": "Mozilla/5.0" },
    answers: { ping: "pong" },
  },
];

const ending = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ending.abort());

const counts = new Map(feeds.map(({ name }) => [name, 0]));
await mkdir(values.dir, { recursive: true });
const limits = { maxBytes: Number(values["max-bytes"]), maxSeconds: Number(values["max-seconds"]) };
const recordings = feeds.map(({ name }) => new Recording(values.dir, name, limits));

/** One connection, to its end. It is read no faster than the disk takes it: the loop waits, and so does the server. */
async function receive({ name, url, headers, subscribe, answers = {} }: Feed, recording: Recording): Promise<void> {
  const socket = new CurlWebSocket(url, { headers, pingInterval: 15_000 });
  socket.binaryType = "arraybuffer";
  const close = () => socket.close();
  ending.signal.addEventListener("abort", close);
  let end = "";
  socket.onopen = () => {
    void recording.add({ event: "open" });
    if (subscribe !== undefined) socket.send(subscribe);
  };
  socket.onclose = ({ code, reason }) => end = `close ${code} ${reason}`.trim();
  try {
    for await (const data of socket as AsyncIterable<string | ArrayBuffer>) {
      counts.set(name, counts.get(name)! + 1);
      if (typeof data !== "string") await recording.add({ base64: Buffer.from(data).toString("base64") });
      else if (answers[data] !== undefined) socket.send(answers[data]);
      else await recording.add({ data });
    }
    await recording.add({ event: end });
  } catch (error) {
    if (error instanceof CurlWebSocketError) await recording.add({ event: error.code });
    throw error;
  } finally {
    ending.signal.removeEventListener("abort", close);
  }
}

/** Connects again and again; the wait is random up to a bound that doubles, so that many do not come back at once. */
async function record(feed: Feed, recording: Recording): Promise<void> {
  for (let attempt = 0; !ending.signal.aborted; attempt++) {
    const before = counts.get(feed.name)!;
    try {
      await receive(feed, recording);
    } catch (error) {
      // Not the disk's: that ends the program.
      if (!(error instanceof CurlWebSocketError)) throw error;
      if (!ending.signal.aborted) console.error(`\n${feed.name}: ${error.code}: ${error.message}`);
    }
    if (counts.get(feed.name)! > before) attempt = 0;
    const bound = Math.min(30_000, 500 * 2 ** attempt);
    await sleep(Math.random() * bound, undefined, { signal: ending.signal }).catch(() => {});
  }
  await recording.close();
}

let last = { at: performance.now(), cpu: process.cpuUsage(), counts: new Map(counts) };
const status = setInterval(() => {
  const now = { at: performance.now(), cpu: process.cpuUsage(), counts: new Map(counts) };
  const took = (now.at - last.at) / 1000;
  const rates = feeds.map(({ name }) =>
    `${name} ${((now.counts.get(name)! - last.counts.get(name)!) / took).toFixed(0)} msg/s`
  );
  const cpu = (now.cpu.user + now.cpu.system - last.cpu.user - last.cpu.system) / 1e4 / took;
  const lines = recordings.reduce((sum, { lines }) => sum + lines, 0);
  const written = (recordings.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6).toFixed(2);
  const line = `${rates.join(", ")}, CPU ${cpu.toFixed(1)} %, ${lines} lines, ${written} MB on the disk`;
  process.stderr.write(process.stderr.isTTY ? `\r${line}\x1b[K` : `${line}\n`);
  last = now;
}, 1000);

try {
  await Promise.all(feeds.map((feed, i) => record(feed, recordings[i]!)));
} finally {
  clearInterval(status);
}
console.log(`recorded ${[...counts].map(([name, count]) => `${count} of ${name}`).join(", ")}`);
