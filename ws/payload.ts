/** What `send()`, `ping()` and `close()` take, as bytes; and what comes, as `binaryType` wants it. */
import { Buffer } from "node:buffer";

/** What `send()`, `ping()` and `pong()` take: text, bytes in any form, a Blob, or a number, which is sent as text. */
export type BufferLike =
  | string
  | number
  | ArrayBufferLike
  | ArrayBufferView
  | Blob
  | readonly number[]
  | { valueOf(): string | ArrayBufferLike | Uint8Array };

/** The type of binary messages that come. */
export type WsBinaryType = "nodebuffer" | "arraybuffer" | "fragments" | "blob";

/** A message: of text always a `Buffer`. */
export type RawData = Buffer | ArrayBuffer | Buffer[] | Blob;

/** All types, with the default first. */
export const BINARY_TYPES: readonly WsBinaryType[] = ["nodebuffer", "arraybuffer", "fragments", "blob"];
/** One for all that have no bytes. */
export const EMPTY: Buffer = Buffer.alloc(0);

/** Returns the bytes of data, without a copy if it is bytes already. Throws a `TypeError` for what has none. */
export function toBytes(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (data === undefined || data === null || data === "") return EMPTY;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return Buffer.from(data as string);
}

/** Returns how many bytes data would be sent as. */
export function sizeOf(data: unknown): number {
  return data instanceof Blob ? data.size : toBytes(data).length;
}

/** Returns a message as an event has it. A binary message is not copied, except into a Blob. */
export function received(data: string | ArrayBuffer, type: WsBinaryType): RawData {
  if (typeof data === "string") return data === "" ? EMPTY : Buffer.from(data);
  switch (type) {
    case "arraybuffer":
      return data;
    case "fragments":
      return [Buffer.from(data)];
    case "blob":
      return new Blob([data]);
    default:
      return Buffer.from(data);
  }
}
