/**
 * Measures the steps of handling a message one by one, on the runtime that runs this: `deno run -A bench/micro.ts`,
 * `bun bench/micro.ts`. Each task handles many messages, so that the cost of the clock is negligible; the table is in
 * nanoseconds per message. docs/internals.md compares alternatives by it.
 */
import { Buffer } from "node:buffer";
import { parseArgs } from "node:util";
import { Bench } from "tinybench";
import "../mod.ts";
import { runtimeDecoder } from "../src/connection/runtime_decoder.ts";
import { runtime } from "../src/platform/runtime.ts";
import { AsciiScanner, portableDecoder } from "../src/protocol/payload.ts";
import { FrameParser } from "../src/protocol/frame_parser.ts";
import { writeFrame } from "../src/protocol/frame_writer.ts";
import { mask, maskingMemory } from "../src/protocol/mask.ts";
import { MessageReader } from "../src/protocol/message_reader.ts";
import { FastMessageEvent } from "../src/web/message_events.ts";
import { MessageListeners } from "../src/web/message_listeners.ts";
import { loadZlib } from "../src/platform/zlib.ts";
import { ZlibDeflate } from "../src/platform/zlib_deflate.ts";
import { ZlibInflate } from "../src/platform/zlib_inflate.ts";
import { frame, Opcode } from "../tests/support/frames.ts";
import { jsonMessage } from "./load/messages.ts";

const { values } = parseArgs({ options: { time: { type: "string", default: "300" } } });
const SIZES = [16, 100, 1000, 16_384];
const bench = new Bench({ time: Number(values.time), warmupTime: 100, throws: true });
const counts = new Map<string, number>();
let sink = 0;

/** A task that handles `count` messages per call. */
function add(name: string, count: number, task: () => void): void {
  counts.set(name, count);
  bench.add(name, task);
}

for (const size of SIZES) {
  const text = "0123456789 abcdefghijklmnopqrstuvwxyz ".repeat(size).slice(0, size);
  const bytes = Buffer.from(text);
  const count = Math.max(8, Math.min(2000, Math.floor(400_000 / (size + 4))));
  const frames = new Uint8Array(new ArrayBuffer(count * (size + 4)));
  const whole = Buffer.concat(Array.from({ length: count }, () => frame(Opcode.text, bytes)));
  frames.set(whole);
  const step = whole.length / count, header = step - size;
  const each = (use: (from: number, to: number) => void) => () => {
    for (let at = header; at < whole.length; at += step) use(at, at + size);
  };
  const scanner = new AsciiScanner();
  const session = new MessageReader({ maxMessageSize: 1 << 20, inflater: null, decoder: runtimeDecoder }, {
    onMessage: (data) => (sink += (data as string).length) > 0,
    onPing: () => true,
    onFragment: () => true,
    onPong: () => true,
    onClose() {},
  });
  const parser = new FrameParser();
  const into = new Uint8Array(new ArrayBuffer(size + 14));
  const view = whole.length === frames.length ? frames : frames.subarray(0, whole.length);
  add(`${size} B: header of a whole frame`, count, () => {
    for (let at = 0; at < view.length; at += step) sink += parser.readWhole(view, at, view.length);
  });
  add(
    `${size} B: TextDecoder, fatal`,
    count,
    each((from, to) => sink += portableDecoder.decode(view, from, to).length),
  );
  add(`${size} B: decode as used`, count, each((from, to) => sink += runtimeDecoder.decode(view, from, to).length));
  add(`${size} B: look for non-ASCII`, count, each((from, to) => sink += Number(scanner.isAscii(view, from, to))));
  add(`${size} B: Latin-1`, count, each((from, to) => sink += runtime().latin1(view, from, to).length));
  add(`${size} B: copy of binary`, count, each((from, to) => sink += runtimeDecoder.copy(view, from, to).byteLength));
  add(`${size} B: session, text`, count, () => void session.receive(view, 0));
  const kernel = new Uint8Array(maskingMemory(400 * 1024)!, 0, view.length);
  add(`${size} B: mask, by words`, count, each((from, to) => mask(view, from, to, 0x12345678)));
  add(`${size} B: mask, by SIMD`, count, each((from, to) => mask(kernel, from, to, 0x12345678)));
  add(`${size} B: frame written`, count, each(() => sink += writeFrame(into, 0, 1, bytes, 0x12345678)));
}

const target = new EventTarget();
target.addEventListener("message", () => sink++);
const listeners = new MessageListeners(target);
listeners.add(() => sink++);
const thousand = (use: () => void) => () => {
  for (let i = 0; i < 1000; i++) use();
};
add("event: the platform's", 1000, thousand(() => target.dispatchEvent(new MessageEvent("message", { data: "" }))));
add("event: our own", 1000, thousand(() => listeners.dispatch(new FastMessageEvent("", "", target))));
add("microtask checkpoint", 1000, thousand(() => void runtime().checkpoint()));

const zlib = loadZlib();
if (zlib !== null) {
  const messages = Array.from({ length: 200 }, (_, i) => Buffer.from(jsonMessage(i)));
  const deflate = new ZlibDeflate(zlib, 15, -1, 8);
  const compressed = messages.map((message) => deflate.deflate(message).slice(0, -4));
  const inflate = new ZlibInflate(zlib, 15);
  add("JSON of 560 B: deflate", 200, () => {
    for (const message of messages) sink += deflate.deflate(message).length;
  });
  add("JSON of 560 B: inflate", 200, () => {
    for (const payload of compressed) {
      inflate.write(payload, true);
      sink += inflate.read()!.length;
    }
  });
}

await bench.run();
console.table(bench.tasks.map((task) => {
  const { result } = task;
  if (result.state !== "completed") return { task: task.name, "ns a message": "failed" };
  const nanoseconds = (milliseconds: number) => (milliseconds * 1e6 / counts.get(task.name)!).toFixed(1);
  return { task: task.name, "ns a message": nanoseconds(result.latency.p50), p99: nanoseconds(result.latency.p99) };
}));
if (sink < 0) console.log(sink);
