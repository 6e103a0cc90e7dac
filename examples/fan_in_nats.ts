/**
 * Many feeds into one stream of NATS JetStream: for those who outgrow one machine. Others read the stream, each at his own
 * pace, and one that was away goes on where it stopped (fan_in_nats_reader.ts).
 *
 *     deno run -A examples/fan_in_nats.ts --nats 127.0.0.1:4222 --stream feeds btc=wss://example.com/btc eth=wss://…
 *     bun examples/fan_in_nats.ts --nats nats.example:4222 --shard 0/4 $(cat feeds.txt)
 *
 * At least once: a message counts when JetStream has acknowledged that it is stored; where no acknowledgement comes, it is
 * published again, under the same `Nats-Msg-Id`, by which JetStream drops what it has already (`duplicate_window`). So
 * what was received is neither lost nor stored twice, also over a restart of the broker. What a feed sent while its own
 * connection was down is the feed's to repeat.
 *
 * Bounded memory: a feed has `--window` messages under way at most. When the broker is slow, the loop waits, the socket
 * pauses behind `highWaterMark` bytes, and TCP makes the feed's server wait.
 *
 * Several processes, or machines: each takes the same list and another `--shard i/n`. A feed belongs to one of them, by
 * its name. The order within a feed is by `seq`, a header of each message, which a repeated one keeps.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { CurlWebSocket, CurlWebSocketError } from "@curlws/curlws";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nats: { type: "string", default: "127.0.0.1:4222" },
    stream: { type: "string", default: "feeds" },
    shard: { type: "string", default: "0/1" },
    window: { type: "string", default: "256" },
    "ack-timeout": { type: "string", default: "5000" },
  },
});
const defaults = [
  "btc=wss://stream.binance.com:9443/ws/btcusdt@trade",
  "eth=wss://stream.binance.com:9443/ws/ethusdt@trade",
];
const [shard = 0, shards = 1] = values.shard.split("/").map(Number);

/** Which shard a name belongs to: every process comes to the same number. */
async function shardOf(name: string): Promise<number> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(name));
  return new DataView(digest).getUint32(0) % shards;
}
const all = (positionals.length > 0 ? positionals : defaults).map((text) => {
  const [, name = "", url = ""] = /^([\w-]+)=(.+)$/.exec(text) ?? [];
  if (url === "") throw new Error(`a feed is NAME=URL, with letters, digits, - and _ in the name, and not ${text}`);
  return { name, url };
});
const feeds: typeof all = [];
for (const feed of all) if (await shardOf(feed.name) === shard) feeds.push(feed);

// It comes back by itself, however long the broker is away. One that does not answer a ping for 20 s is away too.
const nats = await connect({
  servers: values.nats,
  maxReconnectAttempts: -1,
  reconnectTimeWait: 500,
  pingInterval: 10_000,
  maxPingOut: 2,
});
/** Fulfilled while the broker is there: what is published meanwhile, the client would only keep. */
let online = Promise.withResolvers<void>();
online.resolve();
void (async () => {
  for await (const { type } of nats.status()) {
    if (type === "disconnect") online = Promise.withResolvers();
    else if (type === "reconnect") online.resolve();
  }
})();
await (await jetstreamManager(nats)).streams.add({
  name: values.stream,
  subjects: [`${values.stream}.*`],
  duplicate_window: 120e9,
});
const stream = jetstream(nats, { timeout: Number(values["ack-timeout"]) });

const ending = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ending.abort());
/** Makes the ids of this process its own: a new one begins at 0 again. */
const run = crypto.randomUUID();
const window = Number(values.window);
let stored = 0, repeated = 0, underWay = 0;

/** Publishes until it is acknowledged. */
async function publish(name: string, seq: number, data: string | Uint8Array): Promise<void> {
  const fields = headers();
  fields.set("run", run);
  fields.set("seq", String(seq));
  for (let attempt = 0;; attempt++) {
    await online.promise;
    try {
      await stream.publish(`${values.stream}.${name}`, data, { msgID: `${run}/${name}/${seq}`, headers: fields });
      stored++;
      return;
    } catch (error) {
      if (nats.isClosed()) throw error;
      repeated++;
      await sleep(Math.random() * Math.min(5_000, 100 * 2 ** attempt));
    }
  }
}

async function follow({ name, url }: { name: string; url: string }): Promise<void> {
  let seq = 0;
  const acks = new Set<Promise<void>>();
  for (let attempt = 0; !ending.signal.aborted; attempt++) {
    const before = seq;
    const socket = new CurlWebSocket(url, { pingInterval: 15_000, highWaterMark: 256 * 1024 });
    socket.binaryType = "arraybuffer";
    const close = () => socket.close();
    ending.signal.addEventListener("abort", close);
    try {
      for await (const data of socket as AsyncIterable<string | ArrayBuffer>) {
        const ack = publish(name, seq++, typeof data === "string" ? data : new Uint8Array(data));
        acks.add(ack);
        underWay++;
        void ack.then(() => underWay--).finally(() => acks.delete(ack));
        // The oldest one first: a Set keeps the order.
        if (acks.size >= window) await acks.values().next().value;
      }
    } catch (error) {
      if (!(error instanceof CurlWebSocketError)) throw error;
      if (!ending.signal.aborted) console.error(`${name}: ${error.code}: ${error.message}`);
    } finally {
      ending.signal.removeEventListener("abort", close);
    }
    if (seq > before) attempt = 0;
    const bound = Math.min(30_000, 500 * 2 ** attempt);
    await sleep(Math.random() * bound, undefined, { signal: ending.signal }).catch(() => {});
  }
  await Promise.all(acks);
}

const status = setInterval(() => {
  const memory = (process.memoryUsage().rss / 1e6).toFixed(0);
  console.error(`${stored} stored, ${underWay} under way, ${repeated} repeated, ${memory} MB of memory`);
}, 1000);
console.error(`shard ${shard} of ${shards}: ${feeds.map(({ name }) => name).join(", ") || "no feed"}`);
await Promise.all(feeds.map(follow));
clearInterval(status);
await nats.drain();
console.log(`${stored} messages stored, ${repeated} publishes repeated`);
