import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { isSendableCloseCode, VIOLATIONS } from "../../src/protocol/constants.ts";
import { MessageReader } from "../../src/protocol/message_reader.ts";
import { closePayload, frame, Opcode } from "../support/frames.ts";
import { test } from "../support/testing.ts";
import { RFC_EXAMPLES, SEQUENCES, VIOLATIONS as BAD } from "../vectors/frames.ts";
import { bytewise, concat, cut, type Event, fromHex, places, play, property, stopping, toHex } from "./support.ts";
import { encodeUtf8, judgeUtf8 } from "./utf8.ts";

for (const { name, wire, events, maxMessageSize } of [...RFC_EXAMPLES, ...SEQUENCES]) {
  test(`receives: ${name}`, () => {
    const bytes = fromHex(wire);
    assertEquals(play([bytes], { maxMessageSize }), [...events]);
    assertEquals(play(bytewise(bytes), { maxMessageSize }), [...events]);
    assertEquals(play([bytes], { maxMessageSize, stop: () => true }), [...events]);
    for (let place = 1; place < Math.min(bytes.length, 64); place++) {
      assertEquals(play(cut(bytes, [place]), { maxMessageSize }), [...events], `cut at ${place}`);
    }
  });
}

for (const { name, wire, events, maxMessageSize } of BAD) {
  test(`refuses: ${name}`, () => {
    const bytes = fromHex(wire);
    assertEquals(play([bytes], { maxMessageSize }), [...events]);
    assertEquals(play(bytewise(bytes), { maxMessageSize }), [...events]);
    assertEquals(
      play(bytewise(bytes.subarray(0, -1)), { maxMessageSize }),
      events.slice(0, -1),
      "not before the last byte",
    );
  });
}

test("each close code from 0 to 5000 is received, or is a violation", () => {
  for (let code = 0; code <= 5000; code++) {
    const expected: Event = isSendableCloseCode(code) ? ["close", code, "why"] : ["violation", "CLOSE_CODE", 1002];
    assertEquals(play([frame(Opcode.close, closePayload(code, "why"))]), [expected]);
  }
});

test("the longest reason is received", () => {
  const reason = "\u00e9".repeat(61) + "x";
  assertEquals(play([frame(Opcode.close, closePayload(4999, reason))]), [["close", 4999, reason]]);
});

test("nothing is read behind a close, however it comes", () => {
  const events: Event[] = [["close", 1000, ""]];
  const close = frame(Opcode.close, closePayload(1000));
  assertEquals(play([close, fromHex("ff ff"), frame(Opcode.text, "late")]), events);
  assertEquals(play([close, close]), events);
  const reader = new MessageReader({ maxMessageSize: 10, inflater: null }, {
    onMessage: () => true,
    onPing: () => true,
    onFragment: () => true,
    onPong: () => true,
    onClose() {},
  });
  const more = concat(close, Uint8Array.of(0xff, 0xff));
  assertEquals(reader.receive(more, 0), more.length, "a close does not stop the reader: the rest is taken");
  assertEquals(reader.receive(Uint8Array.of(1, 2, 3), 0), 3);
});

test("a callback that returns false stops at its own frame's end", () => {
  const first = frame(Opcode.text, "one"), pong = frame(Opcode.pong, "p"), last = frame(Opcode.binary, "");
  const input = concat(first, frame(Opcode.ping, "not asked"), pong, last);
  const ends = [first.length, input.length - last.length, input.length];
  const offsets: number[] = [];
  const reader = new MessageReader({ maxMessageSize: 10, inflater: null }, {
    onMessage: () => false,
    onPing: () => true,
    onFragment: () => true,
    onPong: () => false,
    onClose() {},
  });
  for (let at = 0; at < input.length;) offsets.push(at = reader.receive(input, at));
  assertEquals(offsets, ends);
});

test("a frame is fed from the middle of a chunk", () => {
  const input = concat(Uint8Array.of(0xff, 0xff, 0xff), frame(Opcode.text, "Hello"));
  const seen: unknown[] = [];
  const reader = new MessageReader({ maxMessageSize: 10, inflater: null }, {
    onMessage: (data) => seen.push(data) > 0,
    onPing: () => true,
    onFragment: () => true,
    onPong: () => true,
    onClose() {},
  });
  assertEquals(reader.receive(input, 3), input.length);
  assertEquals(seen, ["Hello"]);
});

test("no memory is taken for a length that is only announced", () => {
  // 2^52 bytes: an allocation of the announced size would throw a RangeError.
  const announced = fromHex("82 7f 00 10 00 00 00 00 00 00 01 02 03");
  assertEquals(play([announced], { maxMessageSize: Infinity }), []);
  assertEquals(play(bytewise(announced), { maxMessageSize: Infinity }), []);
});

/** What a server sends: messages, cut into frames anywhere, with control frames between the frames. */
const conversation = fc.array(
  fc.record({
    message: fc.oneof(
      fc.array(fc.oneof(fc.nat({ max: 0x7f }), fc.integer({ min: 0xe000, max: 0x10_ffff })), { maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ minLength: 120, maxLength: 300 }),
    ),
    places: fc.array(fc.nat({ max: 1000 }), { maxLength: 3 }),
    controls: fc.array(fc.record({ pong: fc.boolean(), payload: fc.uint8Array({ maxLength: 12 }) }), { maxLength: 3 }),
  }),
  { maxLength: 5 },
);

/** The bytes of a conversation, and what they mean. */
function written(conversation_: typeof conversation extends fc.Arbitrary<infer T> ? T : never) {
  const wire: Uint8Array[] = [], events: Event[] = [];
  for (const { message, places, controls } of conversation_) {
    const text = Array.isArray(message);
    const payload = text ? encodeUtf8(message) : message;
    const fragments = cut(payload, places);
    fragments.forEach((fragment, i) => {
      const opcode = i > 0 ? Opcode.continuation : text ? Opcode.text : Opcode.binary;
      wire.push(frame(opcode, fragment, { fin: i === fragments.length - 1 }));
      const control = i === fragments.length - 1 ? undefined : controls[i];
      if (control === undefined) return;
      wire.push(frame(control.pong ? Opcode.pong : Opcode.ping, control.payload));
      events.push([control.pong ? "pong" : "ping", toHex(control.payload)]);
    });
    events.push(text ? ["text", String.fromCodePoint(...message)] : ["binary", toHex(payload)]);
  }
  return { wire: concat(...wire), events };
}

property(
  "what a server writes is received, cut anywhere and stopped anywhere",
  fc.record({ conversation, places, stops: fc.array(fc.boolean(), { maxLength: 5 }) }),
  ({ conversation, places, stops }) => {
    const { wire, events } = written(conversation);
    assertEquals(play([wire]), events);
    assertEquals(play(cut(wire, places), { stop: stopping(stops) }), events);
  },
  300,
);

/** Bytes that are nearly a conversation, or no frames at all. */
const noise = fc.oneof(
  fc.record({
    conversation,
    faults: fc.array(fc.record({ at: fc.nat({ max: 2000 }), byte: fc.nat({ max: 255 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
  }).map(({ conversation, faults }) => {
    const { wire } = written(conversation);
    for (const { at, byte } of faults) if (wire.length > 0) wire[at % wire.length] = byte;
    return wire;
  }),
  fc.array(
    fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 2, 3, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a, 0xe2, 0x82, 0x7e)),
    { maxLength: 60 },
  ).map((bytes) => Uint8Array.from(bytes)),
);

property(
  "any bytes give the same events, cut anywhere and stopped anywhere; all that comes out is in the table",
  fc.record({
    bytes: noise,
    places,
    stops: fc.array(fc.boolean(), { maxLength: 5 }),
    maxMessageSize: fc.constantFrom(0, 1, 100, 1 << 20),
  }),
  ({ bytes, places, stops, maxMessageSize }) => {
    const events = play([bytes], { maxMessageSize });
    assertEquals(play(cut(bytes, places), { maxMessageSize, stop: stopping(stops) }), events);
    assertEquals(play(bytewise(bytes), { maxMessageSize }), events);
    events.forEach((event, i) => {
      const last = i === events.length - 1;
      if (event[0] === "violation") {
        assert(last);
        assertEquals(event[2], VIOLATIONS[event[1]][0] as number);
      } else if (event[0] === "close") {
        assert(last);
        assert(event[1] === 1005 || isSendableCloseCode(event[1]));
      } else if (event[0] === "text") assert(new TextEncoder().encode(event[1]).length <= maxMessageSize);
      else if (event[0] === "binary") assert(event[1].length <= maxMessageSize * 2);
    });
  },
  1000,
);

property(
  "text is what an independent validator takes for UTF-8, in a message and in a reason",
  fc.record({
    bytes: fc.array(fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0x41, 0x80, 0xbf, 0xc3, 0xe2, 0xed, 0xf0, 0xf4)), {
      maxLength: 16,
    }).map((bytes) => Uint8Array.from(bytes)),
    fragments: fc.array(fc.nat({ max: 100 }), { maxLength: 3 }),
    places,
  }),
  ({ bytes, fragments, places }) => {
    const judgement = judgeUtf8(bytes);
    const parts = cut(bytes, fragments);
    const wire = concat(
      ...parts.map((part, i) =>
        frame(i === 0 ? Opcode.text : Opcode.continuation, part, { fin: i === parts.length - 1 })
      ),
    );
    const message: Event = "text" in judgement ? ["text", judgement.text] : ["violation", "TEXT_NOT_UTF8", 1007];
    assertEquals(play(cut(wire, places)), [message]);
    const close = frame(Opcode.close, concat(closePayload(1000), bytes));
    const reason: Event = "text" in judgement ? ["close", 1000, judgement.text] : ["violation", "CLOSE_REASON", 1007];
    assertEquals(play(cut(close, places)), [reason]);
  },
  500,
);

property(
  "the limit is exact, whatever the frames",
  fc.record({
    payload: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    fragments: fc.array(fc.nat({ max: 1000 }), { maxLength: 4 }),
    places,
  }),
  ({ payload, fragments, places }) => {
    const parts = cut(payload, fragments);
    const wire = concat(
      ...parts.map((part, i) =>
        frame(i === 0 ? Opcode.binary : Opcode.continuation, part, { fin: i === parts.length - 1 })
      ),
    );
    const chunks = cut(wire, places);
    assertEquals(play(chunks, { maxMessageSize: payload.length }), [["binary", toHex(payload)]]);
    assertEquals(play(chunks, { maxMessageSize: payload.length - 1 }), [["violation", "MESSAGE_TOO_BIG", 1009]]);
  },
);
