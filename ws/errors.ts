/** Errors as programs written for `ws` know them: its messages, and its codes or Node's. The cause is always ours. */
import type { CurlWebSocketError, ErrorCode } from "../src/errors.ts";
import type { ProtocolViolation } from "../src/protocol/constants.ts";

/** An error with a code, as Node has them. */
export interface CodedError extends Error {
  /** Of `ws`, such as `"WS_ERR_INVALID_UTF8"`, or of Node, such as `"ECONNREFUSED"`, or the cause's. */
  code?: string;
}

/** What is said of a socket that is closed before it is open. */
export const CLOSED_EARLY = "WebSocket was closed before the connection was established";
const TIMED_OUT = "Opening handshake has timed out";

/** Node's codes for what has one there. */
const NODE_CODES: Partial<Record<ErrorCode, string>> = {
  ERR_CONNECT_REFUSED: "ECONNREFUSED",
  ERR_CONNECT_TIMEOUT: "ETIMEDOUT",
  ERR_HANDSHAKE_TIMEOUT: "ETIMEDOUT",
  ERR_CONNECTION_LOST: "ECONNRESET",
  ERR_DNS: "ENOTFOUND",
};

/** `ws`'s words for a handshake that is wrong, by a part of ours. */
const HANDSHAKE_FAULTS: readonly (readonly [ours: RegExp, theirs: string])[] = [
  [/^the response's Upgrade must/, "Invalid Upgrade header"],
  [/^the response's Sec-WebSocket-Accept must/, "Invalid Sec-WebSocket-Accept header"],
  [/^the server chose the subprotocol .* and offered were none$/, "Server sent a subprotocol but none was requested"],
  [/^the server chose (the|more than one) subprotocol/, "Server sent an invalid subprotocol"],
  [/^the server chose none of the subprotocols/, "Server sent no subprotocol"],
  [/^Sec-WebSocket-Extensions is malformed/, "Invalid Sec-WebSocket-Extensions header"],
  [/^the server's response to the offer/, "Invalid Sec-WebSocket-Extensions header"],
  [/^the server chose permessage-deflate more/, "Invalid Sec-WebSocket-Extensions header"],
  [/^the server chose the extension/, "Server indicated an extension that was not requested"],
];
const NO_EXTENSION = "Server sent a Sec-WebSocket-Extensions header but no extension was requested";

/** `ws`'s code and words for a violation of the protocol. */
const VIOLATIONS: Readonly<Record<ProtocolViolation["violation"], readonly [code: string, words: string]>> = {
  RESERVED_BITS: ["WS_ERR_UNEXPECTED_RSV_2_3", "RSV2 and RSV3 must be clear"],
  RESERVED_OPCODE: ["WS_ERR_INVALID_OPCODE", "invalid opcode"],
  MASKED: ["WS_ERR_UNEXPECTED_MASK", "MASK must be clear"],
  LENGTH_NOT_MINIMAL: ["WS_ERR_INVALID_PAYLOAD_LENGTH", "invalid payload length"],
  LENGTH_TOO_LARGE: [
    "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH",
    "Unsupported WebSocket frame: payload length > 2^53 - 1",
  ],
  CONTROL_FRAGMENTED: ["WS_ERR_EXPECTED_FIN", "FIN must be set"],
  CONTROL_TOO_LONG: ["WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH", "invalid payload length"],
  CONTINUATION_UNEXPECTED: ["WS_ERR_INVALID_OPCODE", "invalid opcode 0"],
  CONTINUATION_EXPECTED: ["WS_ERR_INVALID_OPCODE", "invalid opcode inside a fragmented message"],
  CLOSE_PAYLOAD: ["WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH", "invalid payload length 1"],
  CLOSE_CODE: ["WS_ERR_INVALID_CLOSE_CODE", "invalid status code"],
  CLOSE_REASON: ["WS_ERR_INVALID_UTF8", "invalid UTF-8 sequence"],
  TEXT_NOT_UTF8: ["WS_ERR_INVALID_UTF8", "invalid UTF-8 sequence"],
  DEFLATE_INVALID: ["Z_DATA_ERROR", "invalid compressed data"],
  MESSAGE_TOO_BIG: ["WS_ERR_UNSUPPORTED_MESSAGE_LENGTH", "Max payload size exceeded"],
};

const STATES = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"] as const;

/** Returns the error of who sends in another state than OPEN. */
export function notOpen(state: 0 | 1 | 2 | 3): Error {
  return new Error(`WebSocket is not open: readyState ${state} (${STATES[state]})`);
}

/** Returns an error with a code and a cause. */
function coded(error: CodedError, code: string | undefined, cause: CurlWebSocketError): CodedError {
  if (code !== undefined) error.code = code;
  Object.defineProperty(error, "cause", { value: cause, writable: true, configurable: true });
  return error;
}

/** Returns the error of a server that gave another response than was asked for. */
export function unexpectedResponse(status: number, cause: CurlWebSocketError): CodedError {
  return coded(new Error(`Unexpected server response: ${status}`), cause.code, cause);
}

/** Returns the error of a connection that was not made. `offersDeflate` says whether compression was offered. */
export function openingError(cause: CurlWebSocketError, offersDeflate: boolean): CodedError {
  const code = NODE_CODES[cause.code] ?? cause.code;
  if (code === "ETIMEDOUT") return coded(new Error(TIMED_OUT), code, cause);
  if (cause.code === "ERR_HANDSHAKE_INVALID") {
    // What came is no HTTP: as Node's parser says it.
    if (cause.status === undefined) {
      return coded(new Error(`Parse Error: ${cause.message}`), "HPE_INVALID_CONSTANT", cause);
    }
    const found = HANDSHAKE_FAULTS.find(([ours]) => ours.test(cause.message))?.[1];
    const words = found === HANDSHAKE_FAULTS.at(-1)![1] && !offersDeflate ? NO_EXTENSION : found;
    return coded(new Error(words ?? cause.message), cause.code, cause);
  }
  return coded(new Error(cause.message), code, cause);
}

/** Returns the error of a connection that was open. */
export function connectionError(cause: CurlWebSocketError): CodedError {
  if (cause.code !== "ERR_PROTOCOL") return coded(new Error(cause.message), cause.code, cause);
  const { violation, message } = cause.cause as ProtocolViolation;
  const [code, words] = VIOLATIONS[violation];
  // What is behind the reference to the RFC: the opcode, or the status code.
  const detail = /\): (\S+)$/.exec(message)?.[1];
  const shown = /(?:opcode|status code)$/.test(words) && detail !== undefined ? ` ${Number(detail)}` : "";
  const prefix = /^(?:Max|Unsupported|invalid compressed)/.test(words) ? "" : "Invalid WebSocket frame: ";
  const Kind = code.endsWith("UTF8") || code === "Z_DATA_ERROR" ? Error : RangeError;
  return coded(new Kind(`${prefix}${words}${shown}`), code, cause);
}
