/** The buffer that libcurl writes error messages of a handle to (CURLOPT_ERRORBUFFER). */
import { CURL_ERROR_SIZE } from "./constants.ts";
import { allocate } from "../platform/ffi.ts";
import { shownWords } from "../observe/redact.ts";
import type { Curl } from "./library.ts";

/** It must live as long as the handles that have it. */
export class ErrorBuffer {
  readonly bytes: Uint8Array = allocate(CURL_ERROR_SIZE);

  /** Forgets what was written: before a call, if other handles have the same buffer. */
  clear(): void {
    this.bytes[0] = 0;
  }

  /**
   * Returns libcurl's words for a code that a call has just returned, else its general words for the code. Some of them
   * may come from a peer's certificate or a proxy's response, and are made fit to be shown.
   */
  message(curl: Curl, code: number): string {
    const text = this.bytes.subarray(0, this.bytes.indexOf(0));
    return shownWords(new TextDecoder().decode(text)) || curl.message(code);
  }
}
