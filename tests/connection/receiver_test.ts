import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import "../../mod.ts";
import { Receiver } from "../../src/connection/receiver.ts";
import { END, READ_SIZE, type Transport, WOULD_BLOCK } from "../../src/curl/transport.ts";
import type { ClosingHandshake } from "../../src/protocol/closing_handshake.ts";
import { ProtocolViolation } from "../../src/protocol/constants.ts";
import type { Reactor } from "../../src/reactor/reactor.ts";
import { closePayload, frame, Opcode } from "../support/frames.ts";
import { test } from "../support/testing.ts";

interface Init {
  /** What each read of the transport gives; after these it would block. */
  readonly reads: (Uint8Array | number | Error)[];
  readonly readsAhead?: boolean;
  /** Called for each message. */
  readonly onMessage?: (data: string | ArrayBuffer) => void;
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
          onMessage?.(data);
        },
        onPing: (payload) => void this.told.push(`ping ${Buffer.from(payload)}`),
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
