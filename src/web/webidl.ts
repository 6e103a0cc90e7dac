/** The arguments of `CurlWebSocket`'s members: their Web IDL conversions, and the checks of the WebSockets Standard. */
import { withParams } from "../options/handshake.ts";
import { type CompleteOptions, completeOptions, type CurlWebSocketOptions } from "../options/options.ts";
import { isToken } from "../handshake/fields.ts";
import { becomeWs } from "../handshake/url.ts";
import { MAX_CONTROL_PAYLOAD } from "../protocol/constants.ts";
import { shownSubprotocols, shownUrl } from "../observe/redact.ts";

/** Options of the two-argument constructor: the subprotocols may stand among them. */
export type CurlWebSocketInit = CurlWebSocketOptions & { protocols?: string | Iterable<string> };

/**
 * What the runtime's own `WebSocket` takes behind the URL, by its types: Deno's and Bun's take options of their own,
 * and `CurlWebSocket` is a `typeof WebSocket` only if it takes all of them. It is for the type checker alone: an option
 * that is not one of {@linkcode CurlWebSocketInit} is a `TypeError`.
 */
export type NativeInit = typeof globalThis extends
  { WebSocket: { new (url: string, options?: infer First): unknown; new (url: string, list?: infer _): unknown } }
  ? First
  : never;

/** What `send()` takes. */
export type Sendable = string | ArrayBufferLike | ArrayBufferView | Blob;

/** What may stand behind the URL. */
export type AfterUrl = [second?: SecondArgument, third?: CurlWebSocketOptions];
type SecondArgument = string | Iterable<string> | CurlWebSocketInit | NativeInit;

const encoder = new TextEncoder();
/** The content of what has none. */
export const NO_BYTES: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** Web IDL's conversion to a string: a symbol is a TypeError. As UTF-8, a lone surrogate is U+FFFD (USVString). */
export function utf8(value: unknown): Uint8Array<ArrayBuffer> {
  return encoder.encode(typeof value === "string" ? value : `${value}`);
}

/** Web IDL's objects, which functions are too. */
function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return isObject(value) && Symbol.iterator in value;
}

/**
 * Both forms of the constructor as one. By Web IDL's rules for a union of a string, a sequence and a dictionary: what
 * is iterable is a list of subprotocols, another object, null or undefined options, and anything else one subprotocol.
 */
export function initOf(
  second: SecondArgument | null | undefined,
  third: CurlWebSocketOptions | undefined,
): CurlWebSocketInit {
  if (third !== undefined && third !== null && (!isObject(third) || isIterable(third))) {
    const kind = isObject(third) ? "a list" : `a ${typeof third}`;
    throw new TypeError(`the third argument must be an object of options, not ${kind}; subprotocols are the second`);
  }
  const options = second === undefined || second === null || (isObject(second) && !isIterable(second));
  return options
    ? { ...(second as CurlWebSocketInit | null | undefined), ...third }
    : { ...third, protocols: second as string | Iterable<string> };
}

/** WHATWG, the constructor's steps 1 to 7: http and https stand for ws and wss; a fragment is refused. */
function socketUrl(text: string): URL {
  const href = (globalThis as { location?: { href?: string } }).location?.href;
  const base = href !== undefined && URL.canParse(href) ? href : undefined;
  const url = URL.parse(text, base);
  if (url === null) throw new DOMException(`not a URL: "${shownUrl(text)}"`, "SyntaxError");
  if (!becomeWs(url)) {
    throw new DOMException(`the URL's scheme must be ws, wss, http or https: "${shownUrl(text)}"`, "SyntaxError");
  }
  // An empty fragment is one, and shows in the href alone.
  if (url.href.includes("#")) {
    throw new DOMException(`the URL must have no fragment: "${shownUrl(text)}"`, "SyntaxError");
  }
  return url;
}

/** WHATWG, the constructor's steps 8 and 9. */
function subprotocols(given: string | Iterable<string>): readonly string[] {
  const list = isIterable(given) ? Array.from(given, (protocol) => `${protocol}`) : [`${given}`];
  for (const [i, protocol] of list.entries()) {
    if (!isToken(protocol)) {
      throw new DOMException(`not a subprotocol: "${shownSubprotocols([protocol])}"`, "SyntaxError");
    }
    // RFC 6455 section 4.1, item 10: unique strings; those that differ in case are different.
    if (list.indexOf(protocol) !== i) {
      throw new DOMException(`subprotocol given twice: ${shownSubprotocols([protocol])}`, "SyntaxError");
    }
  }
  return list;
}

/** The constructors' arguments, checked and completed: by the order of the WHATWG constructor's steps. */
export function completeInit(
  url: string | URL,
  { protocols = [], ...options }: CurlWebSocketInit,
): { url: URL; protocols: readonly string[]; options: CompleteOptions } {
  const target = withParams(socketUrl(`${url}`), options.params);
  return { url: target, protocols: subprotocols(protocols), options: completeOptions(options) };
}

/** Web IDL's [Clamp] conversion to an unsigned short: the nearest integer, of two the even one. */
function clampedShort(value: unknown): number {
  const number = Math.min(65535, Math.max(0, +(value as number)));
  const floor = Math.floor(number);
  if (Number.isNaN(number)) return 0;
  const half = number - floor;
  return half < 0.5 || (half === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}

/** Whether `send()` takes a value as bytes. Blobs are not among them. */
export function isBuffer(value: unknown): value is ArrayBufferLike | ArrayBufferView {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) ||
    (typeof SharedArrayBuffer !== "undefined" && value instanceof SharedArrayBuffer);
}

/** The bytes of a buffer or view, as they are now. By Web IDL, those of a detached buffer are none. */
export function bytesOf(data: ArrayBufferLike | ArrayBufferView): Uint8Array {
  const view = ArrayBuffer.isView(data);
  const buffer = view ? data.buffer : data;
  if (buffer.byteLength === 0) return NO_BYTES;
  if (!view) return new Uint8Array(buffer);
  try {
    return new Uint8Array(buffer, data.byteOffset, data.byteLength);
  } catch {
    // A DataView that its resizable buffer no longer reaches has no length to ask for.
    return NO_BYTES;
  }
}

/** RFC 6455 section 5.5.1: the first two bytes of a close frame's payload are the code. */
const MAX_REASON = MAX_CONTROL_PAYLOAD - 2;

/**
 * WHATWG, "validate close code and reason": which a program may send. No code is null; `given` is how errors show it.
 */
export function checkClose(code: number | null, reason: Uint8Array, given: unknown): void {
  if (code !== null && code !== 1000 && !(code >= 3000 && code <= 4999)) {
    throw new DOMException(`close code must be 1000 or 3000 to 4999, and is ${given}`, "InvalidAccessError");
  }
  if (reason.length > MAX_REASON) {
    const message = `close reason must be at most ${MAX_REASON} bytes of UTF-8, and has ${reason.length}`;
    throw new DOMException(message, "SyntaxError");
  }
}

/** The arguments of `close()`, converted and checked. The code is 0 if none is to be sent. */
export function closeArguments(
  code: number | undefined,
  reason: string | undefined,
): { code: number; reason: Uint8Array } {
  const clamped = code === undefined ? null : clampedShort(code);
  const bytes = reason === undefined ? NO_BYTES : utf8(reason);
  checkClose(clamped, bytes, code);
  // A reason needs a code before it on the wire.
  return { code: clamped ?? (bytes.length > 0 ? 1000 : 0), reason: bytes };
}
