/** What the command ends with. Where curl has a code for it, it is curl's. */
import { CurlWebSocketError, type ErrorCode } from "../mod.ts";
import { OutputError } from "./errors.ts";

/** Closed with 1000 or without a code, by whichever side. */
export const OK = 0;
/** What has no code of its own. */
export const FAILED = 1;
/** Called wrongly. */
export const USAGE = 2;
/** Standard output cannot be written. */
export const OUTPUT_FAILED = 23;
/** `--max-time` is over, or something took longer than its limit. */
export const TIMED_OUT = 28;
/** The server closed with another code than 1000. */
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

/** Of TLS, curl tells more: a certificate that is not trusted is 60, a client's that cannot be used 58, a pin 90. */
const TLS_CODES: readonly number[] = [35, 51, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98];

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof OutputError) return OUTPUT_FAILED;
  if (!(error instanceof CurlWebSocketError)) return FAILED;
  const { code, curlCode = -1 } = error;
  if (code === "ERR_TLS" && TLS_CODES.includes(curlCode)) return curlCode;
  return CODES[code] ?? FAILED;
}

/** The shell's code for a program that a signal ended. */
export const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
