/** Keys and the `Sec-WebSocket-Accept` that belongs to each. */
export const ACCEPTS: readonly { readonly key: string; readonly accept: string }[] = [
  // RFC 6455 section 1.3.
  { key: "dGhlIHNhbXBsZSBub25jZQ==", accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" },
  // The octets 0x01 to 0x10.
  { key: "AQIDBAUGBwgJCgsMDQ4PEA==", accept: "C/0nmHhBztSRGR1CwL6Tf4ZjwpY=" },
];
