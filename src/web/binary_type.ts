/** `binaryType`: what the data of a binary message is. */
import { runtime } from "../platform/runtime.ts";

/** A `Blob`, an `ArrayBuffer`, or a `Buffer` of Node's. The last is no value of the standard's; Bun's class has it too. */
export type BinaryType = "blob" | "arraybuffer" | "nodebuffer";

/**
 * The values that `binaryType` of the runtime's own `WebSocket` has, by its types: reading it gives this type, since
 * `CurlWebSocket` is a `typeof WebSocket` only then. Each {@linkcode BinaryType} may be assigned.
 */
export type NativeBinaryType = typeof globalThis extends
  { WebSocket: { readonly prototype: { binaryType: infer Native extends string } } } ? Native : "blob" | "arraybuffer";

/** The data of a message as programs get it; only with `"nodebuffer"` it is a `Buffer`, which is a `Uint8Array`. */
export type MessageData = string | Blob | ArrayBuffer | Uint8Array<ArrayBuffer>;

/** Returns the value that is set, converted by Web IDL; a value that is none changes nothing. */
export function binaryTypeOf(value: unknown, present: BinaryType): BinaryType {
  const type = `${value}`;
  return type === "blob" || type === "arraybuffer" || type === "nodebuffer" ? type : present;
}

/** Returns the bytes of a binary message as this type has them. */
export function binaryData(bytes: ArrayBuffer, type: BinaryType): Blob | ArrayBuffer | Uint8Array<ArrayBuffer> {
  if (type === "arraybuffer") return bytes;
  return type === "blob" ? new Blob([bytes]) : runtime().buffer(bytes);
}

/** Returns the payload of a ping or a pong, which is no Blob: whoever wants it, wants it at once. */
export function controlData(bytes: ArrayBuffer, type: BinaryType): ArrayBuffer | Uint8Array<ArrayBuffer> {
  return type === "nodebuffer" ? runtime().buffer(bytes) : bytes;
}
