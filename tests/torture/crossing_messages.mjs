// Messages of the crossing test, for both sides: what a connection's n-th message of a size has to be, byte for byte.
import { Buffer } from "node:buffer";

/** A small generator (mulberry32): the same numbers for the same seed. */
export function randomFrom(seed) {
  let state = seed | 0;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
}

/** What the bytes of a connection's messages are taken from; the latest few names'. */
const patterns = new Map();
const PATTERN = 8_192;

function patternOf(name) {
  let pattern = patterns.get(name);
  if (pattern !== undefined) return pattern;
  // Its name again and again, with a number: whose bytes these are shows at a glance.
  let text = "";
  for (let i = 0; text.length < PATTERN; i++) text += `<${name} ${i}>`;
  pattern = Buffer.from(text.slice(0, PATTERN), "latin1");
  if (patterns.size > 200) patterns.delete(patterns.keys().next().value);
  patterns.set(name, pattern);
  return pattern;
}

/** The message: "NAME:number:size:" and as many bytes of the name's pattern as make the size. */
export function makeMessage(name, number, size) {
  const head = `${name}:${number}:${size}:`;
  const message = Buffer.allocUnsafe(Math.max(size, head.length));
  message.latin1Write(head, 0);
  const pattern = patternOf(name);
  // Another beginning for each message: bytes of one message in another's place show.
  for (let at = head.length, from = number * 61 % PATTERN; at < message.length; from = 0) {
    at += pattern.copy(message, at, from);
  }
  return message;
}
