import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import "../../mod.ts";
import { Sender } from "../../src/connection/sender.ts";
import type { Transport } from "../../src/curl/transport.ts";
import type { CurlWebSocketError } from "../../src/errors.ts";
import type { ClosingHandshake } from "../../src/protocol/closing_handshake.ts";
import { OPCODE_BINARY, OPCODE_PING } from "../../src/protocol/constants.ts";
import type { Reactor } from "../../src/reactor/reactor.ts";
import { Opcode, parseFrame } from "../support/frames.ts";
import { test } from "../support/testing.ts";

/** A sender on a network that takes as many bytes as there is room. */
class Network {
  room = Infinity;
  /** What the next send throws. */
  failure: Error | null = null;
  /** Sends, and how often the reactor was asked to look for an answer. */
  sends = 0;
  answers = 0;
  maySend = true;
  readonly sent: Buffer[] = [];
  readonly events: string[] = [];
  readonly sender: Sender;

  constructor() {
    const transport = { send: (bytes: Uint8Array) => this.#take(bytes) };
    const reactor = { expectAnswer: () => void this.answers++ };
    const maySend = () => this.maySend;
    const closing = {
      get maySend() {
        return maySend();
      },
    };
    this.sender = new Sender(
      transport as unknown as Transport,
      reactor as unknown as Reactor,
      closing as ClosingHandshake,
      null,
      {
        onFlushed: (bytes, unblocked) => void this.events.push(`flushed ${bytes}${unblocked ? " unblocked" : ""}`),
        onSendFailed: (error: CurlWebSocketError) => {
          this.maySend = false;
          this.events.push(`failed ${error.message}`);
        },
        onMessageLost: (cause) => void this.events.push(`lost ${cause}`),
      },
    );
  }

  #take(bytes: Uint8Array): number {
    this.sends++;
    if (this.failure !== null) throw this.failure;
    const taken = Math.min(this.room, bytes.length);
    this.room -= taken;
    this.sent.push(Buffer.from(bytes.slice(0, taken)));
    return taken;
  }

  /** The payloads of the frames with an opcode that went out whole. */
  frames(opcode: number): string[] {
    const payloads: string[] = [];
    for (let rest = Buffer.concat(this.sent); rest.length > 0;) {
      const parsed = parseFrame(rest);
      if (parsed === undefined) break;
      if (parsed.frame.opcode === opcode) payloads.push(Buffer.from(parsed.frame.payload).toString());
      rest = rest.subarray(parsed.size);
    }
    return payloads;
  }
}

/** The end of this task. */
const microtasks = () => new Promise<void>((resolve) => queueMicrotask(resolve));

test("what a task sends goes out with one send at its end, and counts as buffered until then", async () => {
  const network = new Network(), { sender } = network;
  for (const text of ["one", "two", "three"]) assert(sender.text(text));
  assertEquals([network.sends, sender.bufferedAmount, sender.size], [0, 11, 29]);
  await microtasks();
  assertEquals([network.sends, sender.bufferedAmount, sender.size], [1, 0, 0]);
  assertEquals(network.frames(Opcode.text), ["one", "two", "three"]);
  assertEquals([network.events, network.answers], [["flushed 29"], 1]);
});

test("much goes out at once, and bufferedAmount does not fall before the task ends", async () => {
  const network = new Network(), { sender } = network;
  sender.message(OPCODE_BINARY, new Uint8Array(600_000));
  assert(network.sends > 0);
  assertEquals([sender.size, sender.bufferedAmount], [0, 600_000]);
  await microtasks();
  assertEquals(sender.bufferedAmount, 0);
});

test("a network that takes less than all blocks the sender until it is told to go on", async () => {
  const network = new Network(), { sender } = network;
  network.room = 5;
  sender.text("0123456789");
  await microtasks();
  assertEquals([sender.waiting, sender.size, sender.bufferedAmount], [true, 11, 7]);
  sender.text("more");
  await microtasks();
  assertEquals(network.events, ["flushed 5"], "nothing is tried before the network takes more");
  network.room = Infinity;
  sender.flush();
  assertEquals(network.events, ["flushed 5", "flushed 21 unblocked"]);
  assertEquals(network.frames(Opcode.text), ["0123456789", "more"]);
});

test("a send that fails ends the sending: what is queued stays counted, nothing more is taken, and who waits is released", async () => {
  const network = new Network(), { sender } = network;
  network.room = 5;
  sender.text("0123456789");
  await microtasks();
  let released = 0;
  sender.whenQueued(0, () => void released++);
  network.failure = new Error("reset");
  sender.flush();
  assertEquals([released, network.events.at(-1)], [1, "failed sending failed: Error: reset"]);
  const { sends } = network;
  assertEquals([sender.text("late"), sender.message(OPCODE_BINARY, Uint8Array.of(1))], [false, false]);
  sender.control(OPCODE_PING, Uint8Array.of(1));
  sender.flush();
  await microtasks();
  assertEquals([network.sends, sender.bufferedAmount, sender.size, sender.waiting], [sends, 7, 11, false]);
});

test("who waits is called once no more than the limit is queued, and another call releases the one before", async () => {
  const network = new Network(), { sender } = network, calls: string[] = [];
  sender.whenQueued(0, () => calls.push("at once"));
  network.room = 10;
  sender.message(OPCODE_BINARY, new Uint8Array(94));
  await microtasks();
  sender.whenQueued(80, () => calls.push("first"));
  sender.whenQueued(50, () => calls.push("second"));
  assertEquals(calls, ["at once", "first"]);
  network.room = 20;
  sender.flush();
  assertEquals([sender.size, calls.length], [70, 2]);
  network.room = 20;
  sender.flush();
  assertEquals([sender.size, calls.at(-1)], [50, "second"]);
  sender.whenQueued(0, () => calls.push("third"));
  sender.dispose();
  assertEquals(calls.at(-1), "third");
});

test("a sender whose queue never gets empty answers pings all the time, and the latest of a flood", () => {
  const network = new Network(), { sender } = network;
  network.room = 0;
  const message = new Uint8Array(100_000);
  const send = (room: number) => {
    network.room = room;
    sender.flush();
    network.room = 0;
  };
  const floods = 20, pings = 100;
  sender.message(OPCODE_BINARY, message);
  for (let flood = 0; flood < floods; flood++) {
    for (let i = 0; i < pings; i++) sender.pong(new TextEncoder().encode(`${flood} ${i}`));
    // There is always another message before the last one has left.
    sender.message(OPCODE_BINARY, message);
    while (sender.size > 2 * message.length) send(10_000);
    sender.message(OPCODE_BINARY, message);
    while (sender.size > message.length) send(10_000);
    assert(sender.waiting);
  }
  send(Infinity);
  send(Infinity);
  assert(!sender.waiting);
  const pongs = network.frames(Opcode.pong);
  // Of each flood the first ones, and the latest.
  for (let flood = 0; flood < floods; flood++) {
    assert(pongs.includes(`${flood} 0`), `flood ${flood}: ${pongs.length} pongs`);
    assert(pongs.includes(`${flood} ${pings - 1}`), `flood ${flood}: not the latest`);
  }
  assert(pongs.length <= floods * 66, `${pongs.length} pongs`);
  assertEquals(pongs.at(-1), `${floods - 1} ${pings - 1}`);
});

test("no pong follows the close frame, not even that of the latest ping", () => {
  const network = new Network(), { sender } = network;
  network.room = 0;
  for (let i = 0; i < 100; i++) sender.pong(new TextEncoder().encode(`${i}`));
  network.maySend = false;
  sender.close(1000, new Uint8Array(0));
  sender.pong(Uint8Array.of(1));
  network.room = Infinity;
  sender.flush();
  sender.flush();
  assertEquals([network.frames(Opcode.pong).length, network.frames(Opcode.close).length], [64, 1]);
  assert(Buffer.concat(network.sent).subarray(-8)[0] === 0x88, "the close frame is the last");
});

test("onProgress() looks now, each time that bytes have left, and at the end, until it has seen enough", async () => {
  const network = new Network(), { sender } = network;
  network.room = 40;
  const looks: string[] = [];
  sender.message(OPCODE_BINARY, new Uint8Array(200));
  sender.onProgress((isOver) => {
    looks.push(`${sender.size} ${isOver}`);
    return sender.size < 100;
  });
  await microtasks();
  network.room = 100;
  sender.flush();
  network.room = 100;
  sender.flush();
  assertEquals(looks, ["208 false", "168 false", "68 false"]);
  sender.onProgress((isOver) => void looks.push(`first ${isOver}`) === null);
  sender.onProgress((isOver) => void looks.push(`second ${isOver}`) === null);
  sender.dispose();
  sender.dispose();
  assertEquals(looks.slice(3), ["first false", "first true", "second false", "second true", "second true"]);
});
