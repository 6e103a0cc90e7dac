/** The message reader without compression: against the reference, cut anywhere, stopped and resumed. */
import { readFrames } from "../reference_reader.ts";
import { runReader } from "../run_reader.ts";
import { checkSame, concat, cut, Input, makeRandom, type Target } from "../target.ts";

export const LIMITS: readonly number[] = [
  1 << 20,
  0,
  1,
  5,
  125,
  126,
  1000,
  65536,
  2 ** 31,
  2 ** 40,
  Number.MAX_SAFE_INTEGER,
];

const CLOSE_CODES: readonly number[] = [0, 999, 1003, 1004, 1006, 1007, 1014, 1015, 1016, 2999, 3000, 4999, 5000];

/** A limit, how to cut, a seed for both cuts and stops; then the server's bytes. */
function fuzz(data: Uint8Array): void {
  const input = new Input(data);
  const maxMessageSize = LIMITS[input.byte() % LIMITS.length]!;
  const mode = input.byte(), seed = input.short();
  const bytes = input.rest();
  const options = { maxMessageSize, inflater: null };
  const expected = readFrames(bytes, { maxMessageSize, inflate: null });
  checkSame(runReader([bytes], options), expected, "the whole input and the reference");
  checkSame(runReader(cut(bytes, mode, makeRandom(seed)), options), expected, "the input in parts");
  const random = makeRandom(seed + 1);
  const stop = () => random(2) === 0;
  checkSame(runReader([bytes], { ...options, stop }), expected, "stopped and resumed");
  checkSame(runReader(cut(bytes, mode, makeRandom(seed)), { ...options, stop }), expected, "in parts, with stops");
}

/** A frame of a server; `announced` may lie. */
export function frame(first: number, payload: Uint8Array, announced: number = payload.length): Uint8Array<ArrayBuffer> {
  if (announced < 126) return concat([first, announced], payload);
  if (announced < 65536) return concat([first, 126, announced >> 8, announced & 255], payload);
  const header = new Uint8Array(10);
  header.set([first, 127]);
  new DataView(header.buffer).setBigUint64(2, BigInt(announced));
  return concat(header, payload);
}

export function seeds(): Uint8Array[] {
  const text = (value: string) => new TextEncoder().encode(value);
  const bodies: Uint8Array[] = [
    frame(0x81, text("Hello")),
    frame(0x82, Uint8Array.of(0, 1, 255)),
    frame(0x81, text("")),
    frame(0x89, text("are you there")),
    frame(0x8a, text("yes")),
    frame(0x88, new Uint8Array(0)),
    frame(0x88, concat([3, 232], text("bye \u00e9"))),
    frame(0x88, Uint8Array.of(15, 160)),
    concat(frame(0x01, text("Hel")), frame(0x89, text("p")), frame(0x00, text("l")), frame(0x80, text("o"))),
    concat(frame(0x02, new Uint8Array(3)), frame(0x80, new Uint8Array(0))),
    // A character over two frames, of each length.
    concat(frame(0x01, Uint8Array.of(0xc3)), frame(0x80, Uint8Array.of(0xa9))),
    concat(frame(0x01, Uint8Array.of(0xe2, 0x82)), frame(0x80, Uint8Array.of(0xac))),
    concat(frame(0x01, Uint8Array.of(0xf0, 0x9f, 0x98)), frame(0x80, Uint8Array.of(0x80))),
    frame(0x81, concat([0xef, 0xbb, 0xbf], text("with a mark"))),
    frame(0x82, new Uint8Array(126)),
    frame(0x82, new Uint8Array(300).fill(7)),
    // Announced, and never sent.
    frame(0x82, new Uint8Array(4), 65536),
    frame(0x82, new Uint8Array(4), 2 ** 31 - 1),
    frame(0x81, new Uint8Array(4).fill(65), 2 ** 39),
    frame(0x02, new Uint8Array(4), 2 ** 52),
    // Each of the mistakes.
    frame(0x81, Uint8Array.of(0xff)),
    frame(0x88, Uint8Array.of(3)),
    frame(0x88, Uint8Array.of(3, 237)),
    frame(0x80, text("stray")),
    concat(frame(0x01, text("a")), frame(0x81, text("b"))),
    Uint8Array.of(0x81, 126, 0, 5, 72, 101, 108, 108, 111),
    Uint8Array.of(0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1, 9),
    Uint8Array.of(0x82, 127, 128, 0, 0, 0, 0, 0, 0, 1, 9),
    concat([0x82, 126, 0, 125], new Uint8Array(125)),
    Uint8Array.of(0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 9),
    ...CLOSE_CODES.map((code) => frame(0x88, Uint8Array.of(code >> 8, code & 255))),
    Uint8Array.of(0x81, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    Uint8Array.of(0xc1, 1, 0),
  ];
  const joined = concat(...bodies.slice(0, 5), bodies[8]!, bodies[10]!, bodies[6]!);
  return [...bodies, joined].flatMap((body, i) => [
    concat([0, 0, 0, i], body),
    concat([i % LIMITS.length, 1 + i % 9, i, 7], body),
  ]);
}

export const messageReader: Target = { name: "message_reader", fuzz, seeds, dictionary: [] };
