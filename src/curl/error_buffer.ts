/** Where libcurl writes what went wrong with a handle, in words. */
import { CURL_ERROR_SIZE } from "./constants.ts";
import { allocate } from "../platform/ffi.ts";
import { shownWords } from "../observe/redact.ts";
import type { Curl } from "./library.ts";

/** One handle's; it must live as long as the handle. */
export class ErrorBuffer {
  readonly bytes: Uint8Array = allocate(CURL_ERROR_SIZE);

  /**
   * The words for a code that a call gave just now: libcurl's own, else its general ones for the code. A peer may have put
   * some of them there, by its certificate or its proxy's answer.
   */
  message(curl: Curl, code: number): string {
    const text = this.bytes.subarray(0, this.bytes.indexOf(0));
    return shownWords(new TextDecoder().decode(text)) || curl.message(code);
  }
}
