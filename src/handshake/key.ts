/** The key of the opening handshake, and what the server makes of it: RFC 6455 sections 4.1 and 4.2.2. Pure. */
import { base64 } from "./base64.ts";

/** RFC 6455 section 1.3: what a server appends to the key. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Returns a new `Sec-WebSocket-Key`: 16 random bytes in base64. */
export function makeKey(random: Uint8Array = crypto.getRandomValues(new Uint8Array(16))): string {
  return base64(random);
}

/** Returns the `Sec-WebSocket-Accept` that belongs to a key; `sha1` returns the digest of an ASCII text. */
export function acceptFor(key: string, sha1: (text: string) => Uint8Array): string {
  return base64(sha1(key + GUID));
}
