/** Bytes in base64, RFC 4648 section 4. */

/** Returns bytes in base64 with padding. There must be thousands at most: each is an argument of a call. */
export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
