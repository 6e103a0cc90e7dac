/** The key of the opening handshake, and what the server makes of it: RFC 6455 sections 4.1 and 4.2.2. Pure. */
import { base64 } from "./base64.ts";

/** RFC 6455 section 1.3: what a server appends to the key. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** How many bytes a key has. */
const KEY_SIZE = 16;
/** Random bytes for the next keys: to ask for a few costs as much as to ask for this many. */
const RESERVE = 64 * KEY_SIZE;
let reserve = new Uint8Array(0);

/** Returns a new `Sec-WebSocket-Key`: 16 random bytes in base64. */
export function makeKey(random: Uint8Array = takeRandom()): string {
  return base64(random);
}

function takeRandom(): Uint8Array {
  if (reserve.length === 0) reserve = crypto.getRandomValues(new Uint8Array(RESERVE));
  const taken = reserve.subarray(0, KEY_SIZE);
  reserve = reserve.subarray(KEY_SIZE);
  return taken;
}

/** Returns the `Sec-WebSocket-Accept` that belongs to a key; `sha1` returns the digest of an ASCII text, in base64. */
export function acceptFor(key: string, sha1: (text: string) => string): string {
  return sha1(key + GUID);
}
