import { assert, assertEquals } from "@std/assert";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { type AddressInfo, connect as connectTo, createServer, type Socket } from "node:net";
import { type Program, Program as Programs } from "../support/programs.ts";
import { closedPort } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";
import { natsServer } from "../support/nats_server.ts";
import { example, feeds, folder } from "./support.ts";

const found = natsServer();
const skip = "reason" in found ? found.reason : undefined;

function startNats(store: string, at?: number): Promise<Program> {
  return Programs.start((found as { path: string }).path, {
    args: (port) => ["--addr", "127.0.0.1", "--port", String(at ?? port), "--jetstream", "--store_dir", store],
    ready: /Server is ready/,
  });
}

/** A way to the broker on which its answers can be held back, which is lost then with all that was under way. */
async function wayTo(port: number): Promise<{ port: number; hold(): void; lose(): void } & Disposable> {
  const pairs = new Set<[Socket, Socket]>();
  let held = false;
  const server = createServer((near) => {
    const far = connectTo(port, "127.0.0.1");
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    near.on("data", (data) => far.write(data));
    far.on("data", (data) => held || near.write(data));
    for (const socket of pair) socket.on("error", () => {});
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const lose = () => {
    for (const [near, far] of pairs) near.destroy(), far.destroy();
    pairs.clear();
    held = false;
  };
  return {
    port: (server.address() as AddressInfo).port,
    hold: () => held = true,
    lose,
    [Symbol.dispose]() {
      lose();
      server.close();
    },
  };
}

test("fan_in_nats.ts stores each message of three feeds in two processes, and the reader misses none", async () => {
  using store = folder();
  await using nats = await startNats(store.path);
  await using feed = await feeds();
  const broker = ["--nats", `127.0.0.1:${nats.port}`, "--stream", "test"];
  const names = ["alpha", "bravo", "charlie"];
  const list = names.map((name, i) => `${name}=${feed.url(`/numbers?rate=5000&count=${1000 * (i + 1)}`)}`);
  await using first = example("fan_in_nats", [...broker, "--shard", "0/2", ...list]);
  await using second = example("fan_in_nats", [...broker, "--shard", "1/2", ...list]);
  const shards = await Promise.all([first, second].map((child) => child.says(/^shard \d of 2: (.*)$/m)));
  const taken = shards.map(([, text]) => text!.split(", ").filter((name) => names.includes(name)));
  assertEquals(taken.flat().sort(), names);
  assert(taken.every((shard) => shard.length > 0), String(taken));
  const children = [first, second];
  await Promise.all(children.map(async (child, i) => {
    const total = taken[i]!.reduce((sum, name) => sum + 1000 * (names.indexOf(name) + 1), 0);
    await child.says(new RegExp(`^${total} stored, 0 under way`, "m"));
    child.signal("SIGINT");
    assertEquals(await child.exit(), 0, child.err);
    assertEquals(child.out, `${total} messages stored, 0 publishes repeated\n`);
  }));
  await using reader = example("fan_in_nats_reader", broker);
  assertEquals(await reader.exit(), 0, reader.err);
  const lines = names.map((name, i) => `test.${name}: ${1000 * (i + 1)} of ${1000 * (i + 1)}`);
  assertEquals(reader.out.trim().split("\n").sort(), ["6000 messages, 0 missing, 0 twice", ...lines].sort());

  // It would notice.
  const client = await connect({ servers: `127.0.0.1:${nats.port}` });
  await (await jetstreamManager(client)).streams.deleteMessage("test", 17);
  await client.close();
  await using again = example("fan_in_nats_reader", [...broker, "--durable", "other"]);
  assertEquals(await again.exit(), 1, again.err);
  assert(again.out.endsWith("5999 messages, 1 missing, 0 twice\n"), again.out);
}, { skip, timeout: 40_000 });

test("fan_in_nats.ts stops its feed while the broker does, keeps its memory, and loses nothing", async () => {
  using store = folder();
  await using nats = await startNats(store.path);
  await using feed = await feeds();
  const broker = ["--nats", `127.0.0.1:${nats.port}`, "--stream", "test"];
  const url = feed.url("/numbers?rate=4000&size=8000&count=6000");
  await using child = example("fan_in_nats", [...broker, "--ack-timeout", "400", "--window", "64", `slow=${url}`]);
  await child.says(/^[1-9]\d* stored/m);
  nats.signal("SIGSTOP");
  try {
    // The server notices: TCP takes no more of it.
    await feed.server.says(/^stalled numbers/m);
    await child.says(/ [1-9]\d* repeated/);
  } finally {
    nats.signal("SIGCONT");
  }
  await feed.server.says(/^flowing numbers/m);
  await child.says(/^6000 stored, 0 under way/m);
  child.signal("SIGTERM");
  assertEquals(await child.exit(), 0, child.err);
  const memory = [...child.err.matchAll(/(\d+) MB of memory/g)].map(([, value]) => Number(value));
  assert(Math.max(...memory) < memory[0]! + 120, String(memory));
  const underWay = [...child.err.matchAll(/(\d+) under way/g)].map(([, value]) => Number(value));
  assert(Math.max(...underWay) <= 64, String(underWay));
  await using reader = example("fan_in_nats_reader", broker);
  assertEquals(await reader.exit(), 0, reader.err);
  // Published again, and not stored twice.
  assertEquals(reader.out, "test.slow: 6000 of 6000\n6000 messages, 0 missing, 0 twice\n");
}, { skip, timeout: 40_000 });

test("fan_in_nats.ts stores nothing twice when the broker is away longer than its duplicate window", async () => {
  using store = folder();
  await using nats = await startNats(store.path);
  using way = await wayTo(nats.port);
  await using feed = await feeds();
  const url = feed.url("/numbers?rate=4000&size=100&count=6000");
  const options = ["--stream", "test", "--window", "64", "--ack-timeout", "400", "--duplicate-window", "1"];
  const list = [`one=${url}`, `two=${url}`];
  await using child = example("fan_in_nats", ["--nats", `127.0.0.1:${way.port}`, ...options, ...list]);
  await child.says(/^[1-9]\d* stored/m);
  // From here on what is published is stored, and nobody is told.
  way.hold();
  await child.says(/ [1-9]\d* repeated/);
  const client = await connect({ servers: `127.0.0.1:${nats.port}` });
  const { streams } = await jetstreamManager(client);
  // As long as the broker itself holds an id, and as much again.
  const last = (await streams.info("test")).state.last_ts;
  while (Date.now() - Date.parse(last) < 3_000) await new Promise((resolve) => setTimeout(resolve, 100));
  way.lose();
  await child.says(/^12000 stored, 0 under way/m);
  child.signal("SIGTERM");
  assertEquals(await child.exit(), 0, child.err);
  const { state, config } = await streams.info("test");
  assertEquals([state.messages, config.max_bytes, config.max_age], [12000, 1e9, 24 * 3600e9]);
  await client.close();
  await using reader = example("fan_in_nats_reader", ["--nats", `127.0.0.1:${nats.port}`, "--stream", "test"]);
  assertEquals(await reader.exit(), 0, reader.err);
  assert(reader.out.endsWith("12000 messages, 0 missing, 0 twice\n"), reader.out);
}, { skip, timeout: 60_000 });

test(
  "fan_in_nats.ts on two machines stores what both bring once, and loses nothing when one of them dies",
  async () => {
    using store = folder();
    await using nats = await startNats(store.path);
    await using feed = await feeds();
    const broker = ["--nats", `127.0.0.1:${nats.port}`, "--stream", "test"];
    const url = feed.url("/numbers?rate=500&shared=1");
    // One of them over two connections that are replaced each second.
    const args = [...broker, "--id", "^(\\d+)", `numbers=${url}`];
    const more = ["--connections", "2", "--rotate-hours", String(1 / 3600)];
    await using first = example("fan_in_nats", args);
    await using second = example("fan_in_nats", [...args, ...more]);
    for (const child of [first, second]) await child.says(/^[1-9]\d\d+ stored/m);
    first.signal("SIGKILL");
    await first.exit();
    const [, before] = [...second.err.matchAll(/^(\d+) stored/gm)].at(-1)!;
    while (true) {
      const [, after] = [...second.err.matchAll(/^(\d+) stored/gm)].at(-1)!;
      if (Number(after) > Number(before) + 500) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    second.signal("SIGINT");
    assertEquals(await second.exit(), 0, second.err);
    assert(/^\d+ messages stored, 0 publishes repeated, [1-9]\d* were there already$/m.test(second.out), second.out);
    const client = await connect({ servers: `127.0.0.1:${nats.port}` });
    const { state } = await (await jetstreamManager(client)).streams.info("test");
    const consumer = await jetstream(client).consumers.get("test");
    const numbers: number[] = [];
    for await (const message of await consumer.fetch({ max_messages: state.messages, expires: 10_000 })) {
      numbers.push(Number(message.string().split(" ")[0]));
    }
    await client.close();
    assertEquals(numbers.length, state.messages);
    const sorted = numbers.toSorted((a, b) => a - b);
    assertEquals(sorted, numbers.map((_, i) => sorted[0]! + i));
    await using reader = example("fan_in_nats_reader", broker);
    assertEquals(await reader.exit(), 0, reader.err);
    assertEquals(
      reader.out,
      `test.numbers: ${state.messages} with ids\n${state.messages} messages, 0 missing, 0 twice\n`,
    );
  },
  { skip, timeout: 60_000 },
);

test("fan_in_nats.ts stores the gap of a feed's connection between its messages", async () => {
  using store = folder();
  await using nats = await startNats(store.path);
  await using feed = await feeds();
  const broker = ["--nats", `127.0.0.1:${nats.port}`, "--stream", "test"];
  await using child = example("fan_in_nats", [...broker, `one=${feed.url("/numbers?rate=500&count=100&cut=1")}`]);
  await child.says(/^201 stored, 0 under way/m);
  assert(child.err.includes("one: attempt 2 follows ERR_CONNECTION_LOST: "), child.err);
  child.signal("SIGINT");
  assertEquals(await child.exit(), 0, child.err);
  await using reader = example("fan_in_nats_reader", broker);
  assertEquals(await reader.exit(), 0, reader.err);
  assertEquals(reader.out, "test.one: 201 of 201\n201 messages, 0 missing, 0 twice, 1 gaps\n");
  const client = await connect({ servers: `127.0.0.1:${nats.port}` });
  const consumer = await jetstream(client).consumers.get("test");
  const at: number[] = [];
  for await (const { headers, info } of await consumer.fetch({ max_messages: 201, expires: 10_000 })) {
    if (headers?.has("gap")) at.push(info.streamSequence);
  }
  await client.close();
  assertEquals(at, [101]);
}, { skip, timeout: 40_000 });

test("fan_in_nats.ts waits for a broker that is not there yet, and ends by a signal meanwhile", async () => {
  using store = folder();
  await using feed = await feeds();
  const port = await closedPort();
  const broker = ["--nats", `127.0.0.1:${port}`, "--stream", "test"];
  const list = `one=${feed.url("/numbers?rate=5000&count=1000")}`;
  await using child = example("fan_in_nats", [...broker, list]);
  await using other = example("fan_in_nats", [...broker, list]);
  for (const one of [child, other]) await one.says(/^waiting for the broker at 127\.0\.0\.1:\d+$/m);
  other.signal("SIGINT");
  assertEquals(await other.exit(), 0, other.err);
  await using _nats = await startNats(store.path, port);
  await child.says(/^1000 stored, 0 under way/m);
  child.signal("SIGINT");
  assertEquals(await child.exit(), 0, child.err);
}, { skip, timeout: 40_000 });

test("fan_in_nats.ts says what is wrong with the name of a feed", async () => {
  await using child = example("fan_in_nats", ["ws://127.0.0.1/"]);
  assert(await child.exit() !== 0);
  assert(child.err.includes("a feed is NAME=URL"), child.err);
});
