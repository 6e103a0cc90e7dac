/** The exit codes of the command: curl's, if curl has one for the case. */
import { CurlWebSocketError, type ErrorCode } from "../mod.ts";
import { OutputError } from "./errors.ts";

/** The connection was closed with 1000 or without a code, by either side. */
export const OK = 0;
/** Any other failure. */
export const FAILED = 1;
/** The command line is wrong. */
export const USAGE = 2;
/** Standard output, or the file of `--har`, cannot be written. */
export const OUTPUT_FAILED = 23;
/** `--max-time` or another time limit passed. */
export const TIMED_OUT = 28;
/** The server closed with another code than 1000. curl has no code for that. */
export const CLOSED_BY_SERVER = 100;

const CODES: Readonly<Partial<Record<ErrorCode, number>>> = {
  ERR_IMPERSONATE: 4,
  ERR_PROXY_CONNECT: 5,
  ERR_DNS: 6,
  ERR_CONNECT_REFUSED: 7,
  ERR_TOO_MANY_OPEN_FILES: 7,
  ERR_HANDSHAKE_INVALID: 8,
  ERR_PROTOCOL: 8,
  ERR_HANDSHAKE_STATUS: 22,
  ERR_CONNECT_TIMEOUT: TIMED_OUT,
  ERR_HANDSHAKE_TIMEOUT: TIMED_OUT,
  ERR_PING_TIMEOUT: TIMED_OUT,
  ERR_IDLE_TIMEOUT: TIMED_OUT,
  ERR_TLS: 35,
  ERR_HANDSHAKE_REDIRECT: 47,
  ERR_CONNECTION_LOST: 56,
  ERR_PROXY: 97,
  ERR_PROXY_AUTH: 97,
};

/**
 * curl's own codes of TLS, which say more than 35: 60 is an untrusted certificate, 58 an unusable client certificate, 90 a
 * pinned key that does not match.
 */
const TLS_CODES: readonly number[] = [35, 51, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98];

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof OutputError) return OUTPUT_FAILED;
  if (!(error instanceof CurlWebSocketError)) return FAILED;
  const { code, curlCode = -1 } = error;
  if (code === "ERR_TLS" && TLS_CODES.includes(curlCode)) return curlCode;
  return CODES[code] ?? FAILED;
}

/** The codes that a shell reports for a program that a signal ended: 128 and the signal's number. */
export const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
