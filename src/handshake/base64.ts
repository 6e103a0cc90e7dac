/** Bytes in base64, RFC 4648 section 4. */

/** Returns bytes in base64 with padding. There must be thousands at most: each is an argument of a call. */
export function base64(bytes: Uint8Array): string {
  // As an argument list: spread, each byte takes a step of an iterator.
  return btoa(String.fromCharCode.apply(null, bytes as unknown as number[]));
}
