/** Bytes in base64, RFC 4648 section 4. */

/** Returns bytes, of which there must be few (thousands at most), in base64 with its padding. */
export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
