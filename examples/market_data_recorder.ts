/**
 * Records a slow and a fast feed at once, as JSON lines in gzip files, until SIGINT or SIGTERM:
 *
 *     deno run -A examples/market_data_recorder.ts --dir recordings
 *     bun examples/market_data_recorder.ts --dir recordings --max-bytes 64000000 --max-seconds 3600
 *
 * Other URLs: `--slow wss://… --fast wss://…`. A file is `.part` while it is written; the next one begins when it has
 * `--max-bytes` on the disk or is `--max-seconds` old. What the status line counts as lines on the disk can be read with
 * zcat even if this program is killed: at most the last second of each feed is missing.
 *
 * Each line is `{"at": ms, "data": text}`, `{"at", "base64"}`, or `{"at", "event"}`: "open" at the beginning, then
 * `{"event": "gap", "from", "lostAt", "to", "reason"}` where messages may be missing because a connection ended, between the
 * last message of the old one and the first of the new one; at the end "close …" or the code of the error.
 *
 * A connection is replaced after `--rotate-hours`, before the exchange ends it, without a gap. If a message has a number
 * that is the same on each connection, say how it is found: `--fast-id '"sequence":(\d+)'`, a regular expression with a
 * group. Then nothing is recorded twice meanwhile (else what both connections bring in about a second is), and
 * `--connections 2` receives such a feed over two at once, of which one may fail.
 */
import { Buffer } from "node:buffer";
import { mkdir } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { type CurlWebSocket, ReconnectingCurlWebSocket, type ReconnectingCurlWebSocketOptions } from "@curlws/curlws";
import { Recording } from "./recording.ts";

const { values } = parseArgs({
  options: {
    slow: { type: "string", default: "wss://api.gemini.com/v2/marketdata" },
    fast: {
      type: "string",
      default: "wss://io.dexscreener.com/dex/screener/v5/pairs/h24/1?rankBy[key]=trendingScoreH6&rankBy[order]=desc",
    },
    "slow-id": { type: "string" },
    "fast-id": { type: "string" },
    connections: { type: "string", default: "1" },
    "rotate-hours": { type: "string", default: "23" },
    dir: { type: "string", default: "recordings" },
    "max-bytes": { type: "string", default: "64000000" },
    "max-seconds": { type: "string", default: "3600" },
  },
});

interface Feed {
  name: string;
  url: string;
  headers?: Record<string, string>;
  /** Sent on each connection. */
  subscribe?: string;
  /** What the feed asks and wants answered, beside WebSocket's own pings, which are answered by themselves. */
  answers?: Record<string, string>;
  /** Finds what a message has in common on all connections, in a group. */
  id?: RegExp;
}

const feeds: Feed[] = [
  {
    name: "gemini",
    url: values.slow,
    subscribe: '{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["BTCUSD"]}]}',
    id: pattern(values["slow-id"]),
  },
  // It lets browsers in alone: with libcurl-impersonate add `impersonate: "chrome"` to the socket's options below.
  {
    name: "dexscreener",
    url: values.fast,
    headers: { Origin: "https://dexscreener.com", "User-Agent": "Mozilla/5.0" },
    answers: { ping: "pong" },
    id: pattern(values["fast-id"]),
  },
];

function pattern(text: string | undefined): RegExp | undefined {
  return text === undefined ? undefined : new RegExp(text);
}

const ending = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ending.abort());

const counts = new Map(feeds.map(({ name }) => [name, 0]));
await mkdir(values.dir, { recursive: true });
const limits = { maxBytes: Number(values["max-bytes"]), maxSeconds: Number(values["max-seconds"]) };
const recordings = feeds.map(({ name }) => new Recording(values.dir, name, limits));

/** How a feed connects. */
function optionsOf({ headers, subscribe, answers = {}, id }: Feed): ReconnectingCurlWebSocketOptions {
  const key = id && ((data: string | ArrayBuffer) => typeof data === "string" ? id.exec(data)?.[1] : undefined);
  const connections = Number(values.connections);
  return {
    headers,
    pingInterval: 15_000,
    connected(socket: CurlWebSocket): void {
      // An answer goes over the connection that was asked on.
      if (Object.keys(answers).length > 0) {
        socket.binaryType = "arraybuffer";
        socket.onmessage = ({ data }) => answers[data] !== undefined && socket.send(answers[data]);
      }
      if (subscribe !== undefined) socket.send(subscribe);
    },
    rotate: { after: Number(values["rotate-hours"]) * 3_600_000, key },
    redundancy: key === undefined || connections === 1 ? undefined : { connections, key },
  };
}

/** Records a feed until the end. Messages and gaps are events, and come in one order. */
async function record(source: Feed, recording: Recording): Promise<void> {
  const { name, url, answers = {} } = source;
  const feed = new ReconnectingCurlWebSocket(url, optionsOf(source));
  feed.binaryType = "arraybuffer";
  const ended = Promise.withResolvers<void>();
  /** It is read no faster than the disk takes it: while that writes, reading is paused, and the server waits. */
  const add = (line: object) => {
    const written = recording.add(line);
    if (written === null) return;
    feed.pause();
    written.then(() => feed.resume(), ended.reject);
  };
  feed.addEventListener("open", () => add({ event: "open" }), { once: true });
  feed.onmessage = ({ data }) => {
    counts.set(name, counts.get(name)! + 1);
    if (typeof data !== "string") add({ base64: Buffer.from(data).toString("base64") });
    else if (answers[data] === undefined) add({ data });
  };
  feed.ongap = ({ from, lostAt, to, reason: { error, code } }) => {
    add({ event: "gap", from, lostAt, to, reason: error?.code ?? `close ${code}` });
  };
  feed.onreconnecting = ({ attempt, reason: { error, code } }) => {
    const why = error === null ? `close ${code}` : `${error.code}: ${error.message}`;
    console.error(`\n${name}: attempt ${attempt} follows ${why}`);
  };
  feed.onwarning = ({ problem, reason: { error, code } }) => {
    console.error(
      `\n${name}: ${problem} failed: ${error === null ? `close ${code}` : `${error.code}: ${error.message}`}`,
    );
  };
  feed.onerror = ({ error }) => {
    console.error(`\n${name}: gives up: ${error.code}: ${error.message}`);
    add({ event: error.code });
    process.exitCode = 1;
  };
  feed.onclose = ({ code, reason }) => {
    add({ event: `close ${code} ${reason}`.trim() });
    ended.resolve();
  };
  ending.signal.addEventListener("abort", () => feed.close());
  try {
    await ended.promise;
  } finally {
    feed.terminate();
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
