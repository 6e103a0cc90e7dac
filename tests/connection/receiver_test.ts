import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import "../../mod.ts";
import { Receiver } from "../../src/connection/receiver.ts";
import { END, READ_SIZE, type Transport, WOULD_BLOCK } from "../../src/curl/transport.ts";
import type { ClosingHandshake } from "../../src/protocol/closing_handshake.ts";
import { runtime, setRuntime } from "../../src/platform/runtime.ts";
import { ProtocolViolation } from "../../src/protocol/constants.ts";
import type { Reactor } from "../../src/reactor/reactor.ts";
import { closePayload, frame, Opcode } from "../support/frames.ts";
import { test } from "../support/testing.ts";

interface Init {
  /** What each read of the transport gives; after these it would block. */
  readonly reads: (Uint8Array | number | Error)[];
  readonly readsAhead?: boolean;
  /** Called for each message. False says that it waits for a loop. */
  readonly onMessage?: (data: string | ArrayBuffer) => boolean | void;
}

/** A receiver, and what it told. */
class Bench {
  readonly told: string[] = [];
  readonly closing = { mayDeliver: true, finished: false };
  readonly reactor = { turnBytes: 0, turnEnd: Infinity };
  reads = 0;
  readonly receiver: Receiver;

  constructor({ reads, readsAhead = false, onMessage }: Init) {
    const transport = {
      readsAhead,
      recv: (buffer: Uint8Array) => {
        this.reads++;
        const next = reads.shift() ?? WOULD_BLOCK;
        if (next instanceof Error) throw next;
        if (typeof next === "number") return next;
        const taken = Math.min(next.length, buffer.length);
        buffer.set(next.subarray(0, taken));
        if (taken < next.length) reads.unshift(next.subarray(taken));
        return taken;
      },
    };
    this.receiver = new Receiver(
      transport as unknown as Transport,
      this.reactor as unknown as Reactor,
      this.closing as unknown as ClosingHandshake,
      { maxMessageSize: 1 << 24, deflate: null, observer: null },
      {
        onBytes: () => {},
        onMessage: (data) => {
          this.told.push(typeof data === "string" ? data : `${data.byteLength} bytes`);
          return onMessage?.(data) !== false;
        },
        onPing: (payload) => {
          this.told.push(`ping ${Buffer.from(payload)}`);
          return false;
        },
        onPong: (payload) => {
          this.told.push(`pong ${Buffer.from(payload)}`);
          return true;
        },
        onClose: (code, reason) => void this.told.push(`close ${code} ${reason}`),
      },
    );
  }
}

const text = (value: string) => frame(Opcode.text, value);

test("a plain socket that gives less than asked for is drained: it is not asked again", () => {
  const bench = new Bench({ reads: [Buffer.concat([text("one"), text("two")])] });
  assertEquals([bench.receiver.read(), bench.reads], [false, 1]);
  assertEquals(bench.told, ["one", "two"]);
  assertEquals([bench.receiver.messages, bench.receiver.bytes, bench.reactor.turnBytes], [2, 10, 10]);
});

test("with TLS, records are read together until there is none, since libcurl may hold more", () => {
  const records = ["one", "two", "three"].map(text);
  const bench = new Bench({ reads: [...records], readsAhead: true });
  assertEquals([bench.receiver.read(), bench.reads], [false, 4]);
  assertEquals(bench.told, ["one", "two", "three"]);
});

test("without checkpoints each message takes a turn of its own, and the last one leaves nothing to do", () => {
  const real = runtime();
  setRuntime({ ...real, checkpoint: () => false });
  try {
    const bench = new Bench({ reads: [Buffer.concat([text("one"), text("two")]), text("three"), text("four")] });
    assertEquals([bench.receiver.read(), bench.reads, bench.told.length], [true, 1, 1]);
    assertEquals([bench.receiver.read(), bench.reads, bench.told.length], [true, 1, 2]);
    assertEquals([bench.receiver.read(), bench.reads, bench.told.length], [false, 2, 3]);
    assertEquals([bench.receiver.read(), bench.reads, bench.told.length], [false, 3, 4]);
  } finally {
    setRuntime(real);
  }
});

test("an error behind bytes comes after what they hold", () => {
  const bench = new Bench({ reads: [text("one"), new Error("reset")], readsAhead: true });
  assertEquals([bench.receiver.read(), bench.told], ["end", ["one"]]);
  assertEquals(bench.receiver.error?.message, "receiving failed: Error: reset");
});

test("the end of TCP is an end without an error", () => {
  const bench = new Bench({ reads: [text("one"), END] });
  assertEquals([bench.receiver.read(), bench.receiver.read(), bench.receiver.error], [false, "end", null]);
});

test("what came behind the handshake is read first, and counts", () => {
  const bench = new Bench({ reads: [text("two")] });
  bench.receiver.begin(text("one"));
  bench.receiver.read();
  assertEquals([bench.told, bench.receiver.bytes, bench.receiver.messages], [["one", "two"], 10, 2]);
});

test("a handler that pauses gets no other message; what was read is kept, though the buffer is used by others", () => {
  const first = Buffer.concat(["one", "two", "three"].map(text));
  const bench = new Bench({
    reads: [first],
    onMessage: (data) => void (data === "one" && (bench.receiver.paused = true)),
  });
  assertEquals([bench.receiver.read(), bench.told], [false, ["one"]]);
  // All receivers of a thread read into one buffer.
  new Bench({ reads: [Buffer.alloc(1000, text("other"))] }).receiver.read();
  bench.receiver.paused = false;
  assertEquals([bench.receiver.read(), bench.told], [false, ["one", "two", "three"]]);
});

test("a turn that is over leaves the rest for the next one", () => {
  const bench = new Bench({ reads: [Buffer.concat(["one", "two", "three"].map(text))] });
  bench.reactor.turnEnd = -Infinity;
  assertEquals([bench.receiver.read(), bench.told], [true, ["one"]]);
  for (let i = 0; i < 5; i++) bench.receiver.read();
  assertEquals(bench.told, ["one", "two", "three"]);
});

test("one connection reads 2 MiB in a turn at most", () => {
  const message = frame(Opcode.binary, new Uint8Array(READ_SIZE));
  const bench = new Bench({ reads: [Buffer.concat(Array.from({ length: 10 }, () => message))] });
  assertEquals(bench.receiver.read(), true);
  assert(bench.receiver.bytes <= 4 * READ_SIZE, `${bench.receiver.bytes} bytes`);
  while (bench.receiver.read() === true);
  assertEquals(bench.told.length, 10);
});

test("messages that come when none may be told are read, and thrown away", () => {
  const bench = new Bench({ reads: [Buffer.concat([text("one"), frame(Opcode.close, closePayload(1000, "bye"))])] });
  bench.closing.mayDeliver = false;
  bench.receiver.read();
  assertEquals([bench.told, bench.receiver.messages], [["close 1000 bye"], 0]);
});

test("a violation is thrown behind what came before it; then everything is read and thrown away", () => {
  const bench = new Bench({
    reads: [Buffer.concat([text("one"), frame(Opcode.text, "masked", { masked: true })]), text("two"), END],
  });
  assertThrows(() => bench.receiver.read(), ProtocolViolation, "masked");
  bench.receiver.discard();
  assertEquals([bench.receiver.read(), bench.receiver.read(), bench.told], [false, "end", ["one"]]);
});

test("behind a send that failed, all that is there is read, and then it is the end", () => {
  const bench = new Bench({ reads: [text("one"), text("two")] });
  bench.receiver.endWhenDrained();
  assertEquals([bench.receiver.read(), bench.told], ["end", ["one", "two"]]);
});

test("nothing is told when it is disposed of inside a handler", () => {
  const bench = new Bench({
    reads: [Buffer.concat(["one", "two"].map(text))],
    onMessage: () => {
      bench.closing.finished = true;
      bench.receiver.dispose();
    },
  });
  assertEquals([bench.receiver.read(), bench.told], [false, ["one"]]);
  assertEquals(bench.receiver.read(), false);
  assertEquals(bench.told, ["one"]);
});

/** Counts the runs of microtasks between the messages of a receiver: each run tells "loop". */
function looping(bench: () => Bench): () => boolean {
  let waits = true;
  return () => {
    if (waits) {
      waits = false;
      queueMicrotask(() => {
        waits = true;
        bench().told.push("loop");
      });
    }
    return false;
  };
}

/** What is told, with the messages between two runs of the loop counted. */
function batches(told: readonly string[]): (number | string)[] {
  const counted: (number | string)[] = [];
  let messages = 0;
  for (const one of told) {
    if (one === "m") {
      messages++;
      continue;
    }
    if (messages > 0) counted.push(messages);
    messages = 0;
    if (one !== "loop") counted.push(one);
  }
  return messages > 0 ? [...counted, messages, "no loop"] : counted;
}

test("messages for a loop are handed over together, more and more of them while it is fast", () => {
  const bench: Bench = new Bench({
    reads: [Buffer.concat(Array.from({ length: 1000 }, () => text("m")))],
    onMessage: looping(() => bench),
  });
  bench.receiver.read();
  const counts = batches(bench.told) as number[];
  assertEquals(counts[0], 1);
  assert(counts.length < 500, `the loop ran ${counts.length} times`);
  assert(Math.max(...counts) <= 256, `${Math.max(...counts)} messages at once`);
  assertEquals(counts.reduce((sum, count) => sum + count), 1000);
});

test("a slow loop gets its messages one by one, and the event loop its turns", () => {
  const run = looping(() => bench);
  const bench: Bench = new Bench({
    reads: [Buffer.concat(Array.from({ length: 10 }, () => text("m")))],
    onMessage: () => {
      // The loop takes 2 ms.
      queueMicrotask(() => {
        for (const end = performance.now() + 2; performance.now() < end;);
      });
      return run();
    },
  });
  bench.receiver.read();
  const counts = batches(bench.told) as number[];
  assert(Math.max(...counts.slice(1)) <= 2, `${counts}`);
});

test("a large message counts for many: the loop takes it before the next is read", () => {
  const bench: Bench = new Bench({
    reads: [Buffer.concat(Array.from({ length: 4 }, () => frame(Opcode.binary, new Uint8Array(300 * 1024))))],
    onMessage: looping(() => bench),
  });
  bench.receiver.read();
  assertEquals(bench.told, Array.from({ length: 4 }, () => ["307200 bytes", "loop"]).flat());
});

test("a loop has taken what came before a pong, a close frame, a violation and the end of what was read", () => {
  const many = Buffer.concat(Array.from({ length: 20 }, () => text("m")));
  const endings: [string, Uint8Array, string[]][] = [
    ["a pong", frame(Opcode.pong, "p"), ["pong p"]],
    ["a close frame", frame(Opcode.close, closePayload(1000)), ["close 1000 "]],
    ["a violation", frame(Opcode.text, "masked", { masked: true }), ["violation"]],
    ["nothing more", new Uint8Array(0), []],
  ];
  for (const [what, bytes, expected] of endings) {
    // From the first run on, microtasks are known to run when asked to: then messages are gathered.
    const bench: Bench = new Bench({ reads: [Buffer.concat([many, bytes])], onMessage: looping(() => bench) });
    try {
      bench.receiver.read();
    } catch (error) {
      assert(error instanceof ProtocolViolation);
      bench.told.push("violation");
    }
    const counts = batches(bench.told);
    assertEquals(counts.filter((one) => typeof one === "string"), expected, what);
    assertEquals(counts.filter((one) => typeof one === "number").reduce((sum, one) => sum + one, 0), 20, what);
  }
});

/** What is told of reads, between the messages. */
function observe(bench: Bench): number[] {
  const times: number[] = [];
  bench.receiver.reads = {
    onRead: (at) => {
      times.push(at);
      bench.told.push("read");
    },
    onReadEnd: () => {
      bench.told.push("end");
      return false;
    },
  };
  return times;
}

test("who observes reads learns of each, with the messages of it between its begin and its end", () => {
  const bench = new Bench({
    reads: [Buffer.concat([text("one"), text("two")]), text("three")],
    onMessage: () => false,
  });
  observe(bench);
  bench.receiver.read();
  bench.receiver.read();
  assertEquals(bench.told, ["read", "one", "two", "end", "read", "three", "end"]);
});

test("a read whose rest waits for a pause to end keeps its time, and so do bytes behind the handshake", () => {
  const bench = new Bench({
    reads: [Buffer.concat(["one", "two"].map(text)), text("three")],
    onMessage: (data) => void (bench.receiver.paused = data === "one"),
  });
  const times = observe(bench);
  bench.receiver.begin(text("zero"));
  bench.receiver.read();
  bench.receiver.paused = false;
  bench.receiver.read();
  bench.receiver.read();
  assertEquals(bench.told.join(" "), "read zero end read one end read two end read three end");
  assertEquals([times.length, times[1]], [4, times[2]]);
  assert(times[0]! <= times[1]! && times[2]! <= times[3]!, times.join());
});

test("without checkpoints, which makes a turn for each message, a read ends behind the last of them", () => {
  const real = runtime();
  setRuntime({ ...real, checkpoint: () => false });
  try {
    const bench = new Bench({ reads: [Buffer.concat([text("one"), text("two")])], onMessage: () => false });
    observe(bench);
    assertEquals([bench.receiver.read(), bench.receiver.read()], [true, true]);
    assertEquals(bench.told.join(" "), "read one read two end");
  } finally {
    setRuntime(real);
  }
});

test("a read that a turn has no time for ends in a later one", () => {
  const bench = new Bench({ reads: [Buffer.concat(["one", "two", "three"].map(text))] });
  observe(bench);
  bench.reactor.turnEnd = -Infinity;
  for (let i = 0; i < 3; i++) bench.receiver.read();
  assertEquals(bench.told.join(" "), "read one read two read three end");
});

test("a read ends before the close frame that is in it, and before what a violation throws", () => {
  const close = frame(Opcode.close, closePayload(1000));
  const bench = new Bench({ reads: [Buffer.concat([text("one"), close])], onMessage: () => false });
  observe(bench);
  bench.receiver.read();
  assertEquals(bench.told.slice(0, 4), ["read", "one", "end", "close 1000 "]);
  const bad = new Bench({ reads: [Buffer.concat([text("one"), Uint8Array.of(0x83, 0)])], onMessage: () => false });
  observe(bad);
  assertThrows(() => bad.receiver.read(), ProtocolViolation);
  assertEquals(bad.told, ["read", "one", "end"]);
});

test("a loop that pauses gets what was handed over together; the rest is kept", () => {
  let pauses = false;
  const bench: Bench = new Bench({
    reads: [Buffer.concat(Array.from({ length: 600 }, () => text("m")))],
    onMessage: () => {
      if (bench.receiver.messages >= 100) queueMicrotask(() => bench.receiver.paused = pauses);
      pauses = true;
      return false;
    },
  });
  assertEquals(bench.receiver.read(), false);
  const { messages } = bench.receiver;
  assert(messages >= 100 && messages < 400, `${messages} messages`);
  pauses = bench.receiver.paused = false;
  bench.receiver.read();
  assert(bench.receiver.messages > messages);
});
