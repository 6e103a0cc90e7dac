import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import "../../mod.ts";
import { SendQueue } from "../../src/connection/send_queue.ts";
import { OPCODE_BINARY } from "../../src/protocol/constants.ts";
import { MessageWriter } from "../../src/protocol/message_writer.ts";
import { parseFrame } from "../support/frames.ts";
import { test } from "../support/testing.ts";

/** What connections write into a queue. */
function fill(queue: SendQueue, ...messages: (string | Uint8Array)[]): void {
  const writer = new MessageWriter(queue);
  for (const message of messages) {
    if (typeof message === "string") writer.text(message);
    else writer.message(OPCODE_BINARY, message);
  }
}

/** All that a queue sends, taken `step` bytes at a time at most; every other send takes nothing. */
function drain(queue: SendQueue, step = Infinity): Buffer {
  const sent: Uint8Array[] = [];
  let refuse = false, offered: Uint8Array | undefined;
  for (let turns = 0; !queue.empty; turns++) {
    assert(turns < 1_000_000, "the queue does not get empty");
    queue.flush((bytes) => {
      // TLS: what was refused is offered again as it was.
      if (offered !== undefined) assertEquals([bytes.byteOffset, bytes.length], [offered.byteOffset, offered.length]);
      refuse = !refuse && step !== Infinity;
      offered = refuse ? bytes : undefined;
      if (refuse) return 0;
      const taken = Math.min(step, bytes.length);
      sent.push(bytes.slice(0, taken));
      return taken;
    });
  }
  return Buffer.concat(sent);
}

function frames(bytes: Buffer): { opcode: number; payload: Buffer }[] {
  const found: { opcode: number; payload: Buffer }[] = [];
  for (let at = 0; at < bytes.length;) {
    const { frame, size } = parseFrame(bytes.subarray(at))!;
    assert(frame.masked && frame.fin);
    found.push({ opcode: frame.opcode | frame.reserved << 4, payload: Buffer.from(frame.payload) });
    at += size;
  }
  return found;
}

test("frames of every size leave whole and in order, whatever each send takes", () => {
  const sizes = [0, 1, 125, 126, 127, 5000, 16_370, 16_384, 65_535, 65_536, 200_000, 262_144, 1_000_003, 3];
  const payloads = sizes.map((size) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => i * 31 + size)));
  for (const step of [Infinity, 100_000, 4099]) {
    const queue = new SendQueue();
    queue.pushRaw(Buffer.from("GET"));
    fill(queue, ...payloads);
    assertEquals(queue.bufferedAmount, sizes.reduce((sum, size) => sum + size, 0));
    const sent = drain(queue, step);
    assertEquals(sent.toString("latin1", 0, 3), "GET");
    const got = frames(sent.subarray(3));
    assertEquals(got.map(({ payload }) => payload.length), sizes);
    for (const [index, { payload }] of got.entries()) assert(payload.equals(payloads[index]!), `frame ${index}`);
    assertEquals(queue.bufferedAmount, 0);
  }
});

test("bufferedAmount falls as a message goes out, in proportion where it is compressed", () => {
  const queue = new SendQueue();
  for (const [size, counted] of [[1008, 10_000], [16, 0]] as const) {
    queue.room(size, size).end += size;
    queue.commit(size, counted);
  }
  assertEquals(queue.bufferedAmount, 10_000);
  let first = true;
  queue.flush(() => first ? (first = false, 504) : 0);
  assertEquals(queue.bufferedAmount, 5000);
  queue.flush((bytes) => bytes.length);
  assertEquals(queue.bufferedAmount, 0);
});

test("a queue that is closed keeps its count and gives its buffers to the next", () => {
  const queue = new SendQueue();
  fill(queue, new Uint8Array(500_000));
  queue.close();
  assertEquals([queue.empty, queue.bufferedAmount], [true, 500_000]);
  const next = new SendQueue();
  fill(next, Uint8Array.of(1, 2, 3));
  assertEquals([...frames(drain(next))[0]!.payload], [1, 2, 3]);
});

test("a send that throws behind a chunk that went out: each buffer has one owner still", () => {
  const failing = new SendQueue();
  // A small chunk and two large ones.
  for (let i = 0; i < 300; i++) fill(failing, new Uint8Array(1000));
  let sends = 0;
  assertThrows(
    () =>
      failing.flush((bytes) => {
        if (++sends === 3) throw new Error("reset");
        return bytes.length;
      }),
    Error,
    "reset",
  );
  const left = failing.bufferedAmount;
  assert(left > 0 && left < 300_000);
  failing.close();
  assertEquals([failing.empty, failing.bufferedAmount], [true, left]);
  // More queues than there are buffers of each size: no two have the same one.
  const queues = Array.from({ length: 40 }, (_, i) => {
    const queue = new SendQueue();
    fill(queue, i % 2 === 0 ? `queue ${i}` : `queue ${i} ${"x".repeat(20_000)}`);
    return queue;
  });
  for (const [i, queue] of queues.entries()) {
    assert(frames(drain(queue))[0]!.payload.toString().startsWith(`queue ${i}`), `queue ${i}`);
  }
});

test("a message that memory runs out for leaves the queue as it was", () => {
  for (const before of ["", "before"]) {
    const queue = new SendQueue();
    if (before !== "") fill(queue, before);
    const platform = globalThis.ArrayBuffer;
    // Eight large buffers are kept; a ninth has to be made.
    globalThis.ArrayBuffer = class {
      constructor() {
        throw new RangeError("no memory");
      }
    } as unknown as ArrayBufferConstructor;
    try {
      assertThrows(() => fill(queue, new Uint8Array(4_000_000)), RangeError, "no memory");
    } finally {
      globalThis.ArrayBuffer = platform;
    }
    assertEquals([queue.empty, queue.bufferedAmount, queue.size], [
      before === "",
      before.length,
      before === "" ? 0 : 12,
    ]);
    fill(queue, Buffer.from("after"));
    const got = frames(drain(queue)).map(({ payload }) => payload.toString());
    assertEquals(got, before === "" ? ["after"] : [before, "after"]);
  }
});
