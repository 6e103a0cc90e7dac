/** `batches()` and `latest()` from end to end. */
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import process from "node:process";
import {
  CurlWebSocket,
  type CurlWebSocketError,
  type LatestMessage,
  type MessageBatch,
  type MessageData,
} from "../../mod.ts";
import { closed, next, opened } from "../support/events.ts";
import { closePayload, frame, Opcode } from "../support/frames.ts";
import { Pair } from "../support/pair.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

const text = (value: string) => frame(Opcode.text, value);
const CLOSE = frame(Opcode.close, closePayload(1000));
const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, index) => `${from + index}`);
const packet = (count: number, from = 0): Uint8Array => Buffer.concat(numbers(count, from).map(text));

/** All of what a loop takes, and what it throws in the end. */
async function collect<Item>(loop: AsyncIterable<Item>): Promise<{ items: Item[]; error: CurlWebSocketError | null }> {
  const items: Item[] = [];
  try {
    for await (const item of loop) items.push(item);
  } catch (error) {
    return { items, error: error as CurlWebSocketError };
  }
  return { items, error: null };
}
const lists = (batches: readonly MessageBatch[]) => batches.map((batch) => [...batch]);

test("the messages of a packet are one batch, with the time at which they came", async () => {
  await using pair = await Pair.open();
  const batches = pair.socket.batches();
  let last = performance.now();
  for (const count of [1, 8, 300, 2]) {
    await pair.peer.send(packet(count));
    const batch: MessageBatch = (await batches.next()).value;
    assertEquals(Array.isArray(batch), true);
    assertEquals([...batch], numbers(count));
    assert(last <= batch.receivedAt && batch.receivedAt <= performance.now(), `${last}, ${batch.receivedAt}`);
    last = batch.receivedAt;
  }
});

test("a flood comes in order, nothing is lost, and receivedAt never goes back", async () => {
  for (const tls of [false, true]) {
    await using pair = await Pair.open({}, { tls });
    const count = 20_000;
    const sent = pair.peer.send(packet(count));
    let expected = 0, last = 0;
    for await (const batch of pair.socket.batches()) {
      for (const data of batch) assertEquals(data, String(expected++));
      assert(batch.length > 0 && batch.receivedAt >= last);
      last = batch.receivedAt;
      if (expected === count) break;
    }
    await sent;
    assertEquals(expected, count);
  }
});

test("fragments, a message of several reads, an empty one, binary and compressed ones are messages of a batch", async () => {
  await using pair = await Pair.open();
  pair.socket.binaryType = "arraybuffer";
  const batches = pair.socket.batches();
  await pair.peer.send(Buffer.concat([text("one"), frame(Opcode.text, "fra", { fin: false })]));
  assertEquals([...(await batches.next()).value], ["one"]);
  const before = performance.now();
  await pair.peer.send(Buffer.concat([frame(Opcode.continuation, "gment"), text(""), frame(Opcode.binary, "b")]));
  const { value } = await batches.next();
  assertEquals([value.length, value[0], value[1]], [3, "fragment", ""]);
  assertEquals(new Uint8Array(value[2] as ArrayBuffer), new TextEncoder().encode("b"));
  assert(value.receivedAt >= before);
  // More than is read at once, and more than the high-water mark.
  const huge = "h".repeat(3_000_000);
  const sent = pair.peer.send(Buffer.concat([text(huge), text("after")]));
  const got: unknown[] = [];
  while (got.length < 2) got.push(...(await batches.next()).value);
  await sent;
  assert(got[0] === huge);
  assertEquals(got[1], "after");
});

test("what comes behind the handshake is a batch, also if the loop begins in the open event", async () => {
  for (const late of [false, true]) {
    await using server = await RawServer.start();
    const socket = new CurlWebSocket(server.url());
    let loop = late ? null : socket.batches();
    socket.onopen = () => loop ??= socket.batches();
    const peer = await server.connection(), before = performance.now();
    await peer.accept({ then: packet(5) });
    await opened(socket);
    const { value } = await loop!.next();
    assertEquals([...value], numbers(5));
    assert(value.receivedAt >= before);
    socket.terminate();
  }
});

test("a loop that begins in the midst of a packet gets what is left of it", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const done = Promise.withResolvers<string[]>();
  socket.onmessage = ({ data }) => {
    if (data !== "3") return;
    const got: string[] = [], batches = socket.batches();
    void (async () => {
      while (got.length < 4) got.push(...(await batches.next()).value);
      done.resolve(got);
    })();
  };
  await peer.send(packet(8));
  assertEquals(await done.promise, ["4", "5", "6", "7"]);
});

test("the close comes behind the batch that is before it in the packet", async () => {
  await using pair = await Pair.open();
  const all = collect(pair.socket.batches());
  await pair.peer.send(Buffer.concat([packet(3), CLOSE]));
  await pair.peer.closeFrame();
  pair.peer.end();
  const { items, error } = await all;
  assertEquals([lists(items), error], [[numbers(3)], null]);
});

test("what a loop sends for a batch goes out before the answer to a close frame behind it", async () => {
  await using pair = await Pair.open({ perMessageDeflate: false });
  const all = (async () => {
    for await (const batch of pair.socket.batches()) for (const data of batch) pair.socket.send(`got ${data}`);
  })();
  await pair.peer.send(Buffer.concat([packet(50), CLOSE]));
  for (const number of numbers(50)) {
    assertEquals(new TextDecoder().decode((await pair.peer.frame())?.payload), `got ${number}`);
  }
  assertEquals((await pair.peer.frame())?.opcode, Opcode.close);
  pair.peer.end();
  await all;
});

test("a failure in the midst of a packet is thrown behind the batch before it", async () => {
  const reserved = Uint8Array.of(0x83, 0);
  for (const [after, code] of [[reserved, "ERR_PROTOCOL"], [null, "ERR_CONNECTION_LOST"]] as const) {
    await using pair = await Pair.open();
    const batches = collect(pair.socket.batches()), latest = collect(pair.socket.latest((data) => data));
    await pair.peer.send(Buffer.concat([packet(3), ...(after === null ? [] : [after])]));
    if (after === null) {
      await next(pair.socket, "message");
      pair.peer.reset();
    } else {
      await pair.peer.closeFrame();
      pair.peer.end();
    }
    const ended = [await batches, await latest];
    assertEquals(ended.map(({ items, error }) => [items.flat().length, error?.code]), [[3, code], [3, code]]);
    assertEquals((await collect(pair.socket.batches())).error?.code, code);
  }
});

test("a failure that nobody waits for is no unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on("unhandledRejection", note);
  await using pair = await Pair.open();
  pair.socket.batches();
  pair.socket.latest(() => 1);
  const end = closed(pair.socket);
  await pair.peer.send(Uint8Array.of(0x83, 0));
  await pair.peer.closeFrame();
  pair.peer.end();
  await end;
  await new Promise((resolve) => setTimeout(resolve));
  process.off("unhandledRejection", note);
  assertEquals(unhandled, []);
});

test("leaving the loop closes the connection, and another loop ends with it", async () => {
  for (const leave of ["batches", "latest"] as const) {
    await using pair = await Pair.open();
    const { socket, peer } = pair;
    const other = collect(socket.batches()), end = closed(socket);
    const left = (async () => {
      if (leave === "batches") { for await (const _ of socket.batches()) break; }
      else for await (const _ of socket.latest(() => 1)) break;
    })();
    await peer.send(packet(2));
    await left;
    await peer.closeFrame();
    await pair.close();
    assertEquals((await end).wasClean, true);
    const { items, error } = await other;
    assertEquals([lists(items), error], [[numbers(2)], null]);
    assertEquals((await collect(socket.batches())).items, []);
  }
});

test("events, the iterator, batches and latest all get every message, as one another does not change", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const events: string[] = [];
  socket.onmessage = ({ data }) => events.push(data);
  const loops = [
    collect(socket),
    collect(socket.batches()),
    collect(socket.batches({ merge: true })),
    collect(socket.latest((data) => data)),
  ] as const;
  for (let i = 0; i < 10; i++) await peer.send(packet(50, 50 * i));
  await peer.send(CLOSE);
  await peer.closeFrame();
  peer.end();
  const [one, batches, merged, latest] = await Promise.all(loops);
  const all = numbers(500);
  assertEquals(events, all);
  assertEquals(one.items, all);
  assertEquals(batches.items.flat(), all);
  assertEquals(merged.items.flat(), all);
  assertEquals(latest.items.map(({ data }) => data), all);
});

test("receivedAt is when the bytes came, also of messages that wait in a pause", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  socket.onmessage = ({ data }) => void (data === "0" && socket.pause());
  const batches = socket.batches();
  await peer.send(packet(3));
  assertEquals([...(await batches.next()).value], ["0"]);
  const resumed = performance.now();
  socket.resume();
  const { value } = await batches.next();
  assertEquals([...value], ["1", "2"]);
  assert(value.receivedAt <= resumed, `${value.receivedAt} and ${resumed}`);
});

test("a slow loop over the latest gets the newest of each key, and the number of those it missed", async () => {
  await using pair = await Pair.open();
  const { socket, peer } = pair;
  const latest = socket.latest((data) => String(data).split(" ")[0]);
  const frames = Array.from({ length: 500 }, (_, i) => [text(`a ${i}`), text(`b ${i}`)]).flat();
  const seen = next<MessageEvent>(socket, "message");
  await peer.send(Buffer.concat(frames));
  await seen;
  await peer.send(Buffer.concat([text("c 0"), CLOSE]));
  await peer.closeFrame();
  peer.end();
  await closed(socket);
  const { items } = await collect<LatestMessage<string | undefined>>(latest);
  assertEquals(items.map(({ key, data, dropped }) => [key, data, dropped]), [
    ["a", "a 499", 499],
    ["b", "b 499", 499],
    ["c", "c 0", 0],
  ]);
});

test("what the function of latest() throws the loop throws, and the connection is closed", async () => {
  await using pair = await Pair.open();
  const latest = pair.socket.latest((data) => JSON.parse(String(data)).symbol);
  const end = closed(pair.socket);
  await pair.peer.send(Buffer.concat([text('{"symbol":"BTC"}'), text("no JSON"), text('{"symbol":"ETH"}')]));
  assertEquals((await latest.next()).value.key, "BTC");
  assertStrictEquals((await assertRejects(() => latest.next())) instanceof SyntaxError, true);
  await pair.peer.closeFrame();
  await pair.close();
  assertEquals((await end).wasClean, true);
});

test("bad arguments are errors at once, and no loop has begun", async () => {
  await using pair = await Pair.open();
  assertThrows(
    () => pair.socket.batches({ maxMessages: 0 }),
    RangeError,
    "maxMessages must be an integer from 1 on, not 0",
  );
  assertThrows(() => pair.socket.latest("s" as never), TypeError, "latest() needs a function");
  const one = pair.socket.batches({ maxMessages: 2 });
  await pair.peer.send(packet(3));
  assertEquals([(await one.next()).value.length, (await one.next()).value.length], [2, 1]);
});

test("the types are those of the messages", () => {
  const socket = new CurlWebSocket("ws://example.test/");
  const batches: AsyncIterableIterator<MessageBatch> = socket.batches({ merge: true, maxMessages: 5 });
  const latest: AsyncIterableIterator<LatestMessage<number>> = socket.latest((data) => String(data).length);
  const some: AsyncIterableIterator<LatestMessage<string>> = socket.latest((data): string | undefined =>
    typeof data === "string" ? data : undefined
  );
  const use = (batch: MessageBatch, { key, data, dropped }: LatestMessage<string>) => {
    const first: MessageData | undefined = batch[0];
    const sum: number = batch.receivedAt + dropped;
    const name: string | undefined = key;
    return [first, sum, name, data];
  };
  assert([batches, latest, some].every((loop) => Symbol.asyncIterator in loop) && use.length === 2);
  socket.close();
});
