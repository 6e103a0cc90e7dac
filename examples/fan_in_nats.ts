/**
 * Many feeds into one stream of NATS JetStream: for those who outgrow one machine. Others read the stream, each at his own
 * pace, and one that was away goes on where it stopped (fan_in_nats_reader.ts).
 *
 *     deno run -A examples/fan_in_nats.ts --nats 127.0.0.1:4222 --stream feeds btc=wss://example.com/btc eth=wss://…
 *     bun examples/fan_in_nats.ts --nats nats.example:4222 --shard 0/4 $(cat feeds.txt)
 *
 * Neither lost nor stored twice: a message counts when JetStream has acknowledged that it is stored. If no acknowledgement
 * comes, the stream is looked through for it, by its `Nats-Msg-Id`, and only if it is not there it is published again, under
 * the same id, by which JetStream drops what it got in the last `--duplicate-window` seconds. So it
 * does not matter how long the broker or the network is away, nor whether the broker is there when this program starts.
 * Left out are: a publish that the network or the broker holds back for longer than that window and stores then, after it
 * was looked for; and what is under way when this program itself dies.
 *
 * A feed's own connection comes back by itself, and is replaced every `--rotate-hours` without a gap; what both connections
 * bring meanwhile, in about a second, is stored twice if it has no id (see below). What may be missing because a connection
 * ended is in the stream too: a message with the header `gap` and `{"from", "lostAt", "to", "reason"}`, between
 * the last message of the old connection and the first of the new one.
 *
 * The stream is bounded by `--max-bytes` and `--max-hours`: beyond them JetStream drops the oldest. A stream that is there
 * already keeps its own settings.
 *
 * Bounded memory: a feed has `--window` messages under way at most. When the broker is slow, the socket is paused, and TCP
 * makes the feed's server wait.
 *
 * Several processes, or machines: each takes the same list and another `--shard i/n`. A feed belongs to one of them, by
 * its name. The order within a feed is by `seq`, a header of each message, which a repeated one keeps.
 *
 * Two machines for the same feeds, of which one may fail: if messages have a number that is the same on each connection,
 * say how it is found, by a regular expression with a group, `--id '"t":(\d+)'`. It becomes the message's id, so JetStream
 * stores what both bring once, and the second machine takes the same list and the same shard. `--connections 2` receives
 * each feed twice in one process, in the same way. Within the duplicate window one machine may lag behind the other.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ReconnectingCurlWebSocket } from "@curlws/curlws";
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  jetstream,
  JetStreamApiError,
  jetstreamManager,
} from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nats: { type: "string", default: "127.0.0.1:4222" },
    stream: { type: "string", default: "feeds" },
    shard: { type: "string", default: "0/1" },
    window: { type: "string", default: "256" },
    id: { type: "string" },
    connections: { type: "string", default: "1" },
    "rotate-hours": { type: "string", default: "23" },
    "ack-timeout": { type: "string", default: "5000" },
    "duplicate-window": { type: "string", default: "120" },
    "max-bytes": { type: "string", default: "1000000000" },
    "max-hours": { type: "string", default: "24" },
    replicas: { type: "string", default: "1" },
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

interface Feed {
  readonly name: string;
  readonly url: string;
  readonly subject: string;
  /** The highest sequence number of the stream that was acknowledged to this feed. */
  acknowledged: number;
  /**
   * The numbers of the messages that are not acknowledged, and what `acknowledged` was when each was first published: if
   * the stream has it from this process, it is behind that. In order, so the first is the lowest.
   */
  readonly underWay: Map<number, number>;
  /** The last look into the stream, and the one that follows it. */
  look: Promise<Set<string>>;
  nextLook: Promise<Set<string>> | null;
}

function feedOf(text: string): Feed {
  const [, name = "", url = ""] = /^([\w-]+)=(.+)$/.exec(text) ?? [];
  if (url === "") throw new Error(`a feed is NAME=URL, with letters, digits, - and _ in the name, and not ${text}`);
  const subject = `${values.stream}.${name}`;
  return {
    ...{ name, url, subject, acknowledged: 0, underWay: new Map() },
    ...{ look: Promise.resolve(new Set<string>()), nextLook: null },
  };
}
const all = (positionals.length > 0 ? positionals : defaults).map(feedOf);
const feeds: Feed[] = [];
for (const feed of all) if (await shardOf(feed.name) === shard) feeds.push(feed);

const ending = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ending.abort());

// It comes back by itself, however long the broker is away. One that does not answer a ping for 20 s is away too.
const connecting = connect({
  servers: values.nats.split(","),
  waitOnFirstConnect: true,
  maxReconnectAttempts: -1,
  reconnectTimeWait: 500,
  pingInterval: 10_000,
  maxPingOut: 2,
});
const waiting = setTimeout(() => console.error(`waiting for the broker at ${values.nats}`), 1000);
const given = new AbortController();
ending.signal.addEventListener("abort", () => process.exit(), { signal: given.signal });
const nats = await connecting;
clearTimeout(waiting);
given.abort();
/** Fulfilled while the broker is there: what is published meanwhile, the client would only keep. */
let online = Promise.withResolvers<void>();
online.resolve();
void (async () => {
  let away = false;
  for await (const { type } of nats.status()) {
    if (type === "disconnect" && !away) online = Promise.withResolvers();
    if (type === "reconnect") online.resolve();
    if (type === "disconnect" || type === "reconnect") away = type === "disconnect";
  }
})();
const manager = await jetstreamManager(nats, { checkAPI: false });
const stream = jetstream(nats, { timeout: Number(values["ack-timeout"]) });

/** Until it is there: a broker that has just begun may not have its streams yet. */
async function addStream(): Promise<void> {
  while (!ending.signal.aborted) {
    try {
      await manager.streams.add({
        name: values.stream,
        subjects: [`${values.stream}.*`],
        duplicate_window: Number(values["duplicate-window"]) * 1e9,
        max_bytes: Number(values["max-bytes"]),
        max_age: Number(values["max-hours"]) * 3600e9,
        num_replicas: Number(values.replicas),
        discard: DiscardPolicy.Old,
      });
      return;
    } catch (error) {
      const IN_USE = 10058;
      if (error instanceof JetStreamApiError && error.code === IN_USE) {
        return console.error(`the stream ${values.stream} is there already, with other settings, which it keeps`);
      }
      if (error instanceof JetStreamApiError || nats.isClosed()) throw error;
      await sleep(500);
    }
  }
}
await addStream();

/** Makes the ids of this process its own: a new one begins at 0 again. */
const run = crypto.randomUUID();
const window = Number(values.window);
let stored = 0, repeated = 0, underWay = 0, others = 0;
const pattern = values.id === undefined ? undefined : new RegExp(values.id);
/** What a message has in common on all connections and machines. */
const idOf = (data: string | ArrayBuffer) => typeof data === "string" ? pattern?.exec(data)?.[1] : undefined;

/** The ids of a feed's messages that the stream has behind the oldest one that is not acknowledged. */
async function storedOf({ subject, underWay }: Feed): Promise<Set<string>> {
  const [after = 0] = underWay.values();
  const info = await manager.consumers.add(values.stream, {
    filter_subject: subject,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: after + 1,
    ack_policy: AckPolicy.None,
    headers_only: true,
    inactive_threshold: 30e9,
  });
  const found = new Set<string>();
  let left = info.num_pending;
  if (left > 0) {
    const consumer = stream.consumers.getConsumerFromInfo(info);
    for await (const message of await consumer.fetch({ max_messages: left, expires: 5000 })) {
      found.add(message.headers?.get("Nats-Msg-Id") ?? "");
      left--;
    }
  }
  await manager.consumers.delete(values.stream, info.name);
  if (left > 0) throw new Error(`${left} messages of ${subject} did not come`);
  return found;
}

/** Looks into the stream, from now on: those that ask while a look is under way share the next one. */
function look(feed: Feed): Promise<Set<string>> {
  return feed.nextLook ??= feed.look.catch(() => {}).then(() => {
    feed.nextLook = null;
    return feed.look = storedOf(feed);
  });
}

/** Publishes until it is stored: by its own id, or as the next one of this run. */
async function publish(feed: Feed, seq: number, data: string | Uint8Array, id?: string, isGap = false): Promise<void> {
  const fields = headers(), msgID = id === undefined ? `${run}/${feed.name}/${seq}` : `${feed.name}/${id}`;
  fields.set("run", run);
  // Of those with an id, another process may have stored any: numbers of this run would have holes.
  if (id === undefined) fields.set("seq", String(seq));
  if (isGap) fields.set("gap", "1");
  feed.underWay.set(seq, feed.acknowledged);
  for (let attempt = 0;; attempt++) {
    await online.promise;
    try {
      if (attempt === 0 || !(await look(feed)).has(msgID)) {
        const ack = await stream.publish(feed.subject, data, { msgID, headers: fields });
        feed.acknowledged = Math.max(feed.acknowledged, ack.seq);
        if (ack.duplicate && attempt === 0) others++;
      }
      stored++;
      feed.underWay.delete(seq);
      return;
    } catch (error) {
      if (nats.isClosed()) throw error;
      repeated++;
      await sleep(Math.random() * Math.min(5_000, 100 * 2 ** attempt));
    }
  }
}

/** Messages and gaps are events, and come in one order. */
async function follow(feed: Feed): Promise<void> {
  const { name, url } = feed;
  const key = pattern && idOf, connections = Number(values.connections);
  const socket = new ReconnectingCurlWebSocket(url, {
    pingInterval: 15_000,
    rotate: { after: Number(values["rotate-hours"]) * 3_600_000, key },
    redundancy: key === undefined || connections === 1 ? undefined : { connections, key },
  });
  socket.binaryType = "arraybuffer";
  const acks = new Set<Promise<void>>(), ended = Promise.withResolvers<void>();
  // The numbers of messages without an id, and of those with one, which only this process sees.
  let seq = 0, local = 0;
  const add = (data: string | ArrayBuffer, isGap = false) => {
    const id = isGap ? undefined : idOf(data);
    const number = id === undefined ? seq++ : --local;
    const ack = publish(feed, number, typeof data === "string" ? data : new Uint8Array(data), id, isGap);
    acks.add(ack);
    underWay++;
    if (acks.size >= window) socket.pause();
    ack.then(() => {
      underWay--;
      acks.delete(ack);
      // Not at each one: half of them are on the way while it is read again.
      if (socket.isPaused && acks.size <= window / 2) socket.resume();
    }, ended.reject);
  };
  socket.onmessage = ({ data }) => add(data);
  socket.ongap = ({ from, lostAt, to, reason: { error, code } }) => {
    add(JSON.stringify({ from, lostAt, to, reason: error?.code ?? `close ${code}` }), true);
  };
  socket.onreconnecting = ({ attempt, reason: { error, code } }) => {
    const why = error === null ? `close ${code}` : `${error.code}: ${error.message}`;
    console.error(`${name}: attempt ${attempt} follows ${why}`);
  };
  socket.onwarning = ({ problem, reason: { error, code } }) => {
    console.error(
      `${name}: ${problem} failed: ${error === null ? `close ${code}` : `${error.code}: ${error.message}`}`,
    );
  };
  socket.onerror = ({ error }) => {
    console.error(`${name}: gives up: ${error.code}: ${error.message}`);
    process.exitCode = 1;
  };
  socket.onclose = () => ended.resolve();
  ending.signal.addEventListener("abort", () => socket.close());
  try {
    await ended.promise;
  } finally {
    socket.terminate();
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
const also = pattern === undefined ? "" : `, ${others} were there already`;
console.log(`${stored} messages stored, ${repeated} publishes repeated${also}`);
