/** `curl_easy_getinfo`, by the type of what it returns. */
import { allocate, ffi, isNull, type Pointer } from "../platform/ffi.ts";
import type { Curl } from "./library.ts";

/** What libcurl writes to. Reused: nothing is kept in it between two calls. */
let out: { bytes: Uint8Array; fields: DataView } | undefined;

function ask(curl: Curl, easy: Pointer, info: number): DataView | null {
  if (out === undefined) {
    const bytes = allocate(8);
    out = { bytes, fields: new DataView(bytes.buffer) };
  }
  out.bytes.fill(0);
  return curl.getInfo(easy, info, out.bytes) === 0 ? out.fields : null;
}

/** Returns a `long`, an `off_t` or a socket; null if the loaded libcurl does not know it. */
export function getNumber(curl: Curl, easy: Pointer, info: number): number | null {
  const fields = ask(curl, easy, info);
  return fields === null ? null : Number(fields.getBigInt64(0, true));
}

/** Returns a pointer; NULL if there is none, or the loaded libcurl does not know it. */
export function getPointer(curl: Curl, easy: Pointer, info: number): Pointer {
  return ask(curl, easy, info) === null ? null : ffi().pointerAt(ffi().pointerTo(out!.bytes), 0);
}

/** Returns text; null if there is none, or the loaded libcurl does not know it. */
export function getText(curl: Curl, easy: Pointer, info: number): string | null {
  const pointer = getPointer(curl, easy, info);
  return isNull(pointer) ? null : ffi().cString(pointer);
}
