/** After which ends it is no use to connect again. Pure. */
import type { ErrorCode } from "../errors.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";

/**
 * RFC 6455 section 7.4.1 and the IANA registry: this side speaks wrongly, sends what the server does not take, breaks its
 * rules, sends too much, or misses an extension. The next connection would do the same.
 */
const FATAL_CLOSE_CODES: readonly number[] = [1002, 1003, 1007, 1008, 1009, 1010];

/** Refusals that the same request gets again: RFC 9110 section 15.5. */
const FATAL_STATUSES: readonly number[] = [400, 401, 403, 404, 405, 410, 426];

/** Errors of the program, its options or this machine: nothing that the network brings, or that time heals. */
const FATAL_CODES: readonly ErrorCode[] = [
  "ERR_ABORTED",
  "ERR_FFI_PERMISSION",
  "ERR_HANDSHAKE_REDIRECT",
  "ERR_IMPERSONATE",
  "ERR_LIBCURL",
  "ERR_LIBCURL_NOT_FOUND",
  "ERR_LIBCURL_TOO_OLD",
  "ERR_OPTIONS",
  "ERR_PROXY_AUTH",
  "ERR_RUNTIME",
];

/**
 * Of `ERR_TLS`, by CURLcode: a certificate that is not trusted (60, 83, 90, 91), and files or settings of this side that
 * cannot be used (53, 54, 58, 59, 66, 77, 82). A handshake that broke (35) may go well the next time.
 */
const FATAL_TLS: readonly number[] = [53, 54, 58, 59, 60, 66, 77, 82, 83, 90, 91];

/** Whether an end is the last, if the option `isFatal` does not say otherwise. */
export function isFatalEnd({ error, code, wasClean }: ConnectionEnd): boolean {
  if (error === null) return wasClean && FATAL_CLOSE_CODES.includes(code);
  if (error.code === "ERR_HANDSHAKE_STATUS") return FATAL_STATUSES.includes(error.status ?? 0);
  if (error.code === "ERR_TLS") return FATAL_TLS.includes(error.curlCode ?? 0);
  return FATAL_CODES.includes(error.code);
}
