/** Converts arguments by Web IDL, and checks them by the WebSockets Standard. */
import { withParams } from "../options/handshake.ts";
import { type CompleteOptions, completeOptions, type CurlWebSocketOptions } from "../options/options.ts";
import { isToken } from "../handshake/fields.ts";
import { becomeWs } from "../handshake/url.ts";
import { MAX_CONTROL_PAYLOAD } from "../protocol/constants.ts";
import { shownSubprotocols, shownUrl } from "../observe/redact.ts";

/** The options of the two-argument constructor, which may contain the subprotocols. */
export type CurlWebSocketInit = CurlWebSocketOptions & {
  /** The subprotocols to offer, in order of preference. */
  protocols?: string | Iterable<string>;
  /** Another name of `protocols`, as in Bun's class, whose value is taken if both are given. */
  protocol?: string;
};

/**
 * What the runtime's own `WebSocket` takes after the URL, by its types. Deno's and Bun's take options of their own, and
 * `CurlWebSocket` is a `typeof WebSocket` only if it takes all of them. This is only for the type checker: an option
 * that is not in {@linkcode CurlWebSocketInit} is a `TypeError`.
 */
export type NativeInit = typeof globalThis extends
  { WebSocket: { new (url: string, options?: infer First): unknown; new (url: string, list?: infer _): unknown } }
  ? First
  : never;

/** What `send()` takes. */
export type Sendable = string | ArrayBufferLike | ArrayBufferView | Blob;

/** The constructor's arguments after the URL. */
export type AfterUrl = [second?: SecondArgument, third?: CurlWebSocketOptions];
type SecondArgument = string | Iterable<string> | CurlWebSocketInit | NativeInit;

const encoder = new TextEncoder();
/** The content of what has none. */
export const NO_BYTES: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** Returns a value as a string (Web IDL: a symbol is a TypeError), in UTF-8: a lone surrogate is U+FFFD (USVString). */
export function utf8(value: unknown): Uint8Array<ArrayBuffer> {
  return encoder.encode(typeof value === "string" ? value : `${value}`);
}

/** Returns whether a value is an object to Web IDL; functions are. */
function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return isObject(value) && Symbol.iterator in value;
}

/**
 * Returns the arguments of both forms of the constructor as one dictionary. By Web IDL's rules for a union of a string,
 * a sequence and a dictionary, an iterable second argument is a list of subprotocols; another object, null and
 * undefined are options; and anything else is one subprotocol.
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
    ? withProtocols({ ...(second as CurlWebSocketInit | null | undefined), ...third })
    : withProtocols({ ...third, protocols: second as string | Iterable<string> });
}

/** Returns options in which the subprotocols have one name, so that those of one caller can go before another's. */
function withProtocols(init: CurlWebSocketInit): CurlWebSocketInit {
  if (init.protocol === undefined) return init;
  const { protocol, protocols = protocol, ...options } = init;
  return { ...options, protocols };
}

/**
 * Returns the URL by the WHATWG constructor's steps 1 to 7: http becomes ws, https becomes wss, a fragment is refused.
 */
function socketUrl(text: string): URL {
  const href = (globalThis as { location?: { href?: string } }).location?.href;
  const base = href !== undefined && URL.canParse(href) ? href : undefined;
  const url = URL.parse(text, base);
  if (url === null) throw new DOMException(`not a URL: "${shownUrl(text)}"`, "SyntaxError");
  if (!becomeWs(url)) {
    throw new DOMException(`the URL's scheme must be ws, wss, http or https: "${shownUrl(text)}"`, "SyntaxError");
  }
  // An empty fragment is a fragment, and only the href shows it.
  if (url.href.includes("#")) {
    throw new DOMException(`the URL must have no fragment: "${shownUrl(text)}"`, "SyntaxError");
  }
  return url;
}

const NO_PROTOCOLS: readonly string[] = Object.freeze([]);

/** Returns the list of subprotocols by the WHATWG constructor's steps 8 and 9. */
function subprotocols(given: string | Iterable<string> | undefined): readonly string[] {
  if (given === undefined) return NO_PROTOCOLS;
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

/** Returns the constructor's arguments, checked and completed in the order of the WHATWG constructor's steps. */
export function completeInit(
  url: string | URL,
  { protocols, ...options }: CurlWebSocketInit,
): { url: URL; protocols: readonly string[]; options: CompleteOptions } {
  const target = withParams(socketUrl(`${url}`), options.params);
  return { url: target, protocols: subprotocols(protocols), options: completeOptions(options) };
}

/** Returns a number as an unsigned short, by Web IDL's [Clamp]: the nearest integer, and the even one of two. */
function clampedShort(value: unknown): number {
  const number = Math.min(65535, Math.max(0, +(value as number)));
  const floor = Math.floor(number);
  if (Number.isNaN(number)) return 0;
  const half = number - floor;
  return half < 0.5 || (half === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}

/** Returns whether a value is a buffer or view, which `send()` takes as bytes. A Blob is neither. */
export function isBuffer(value: unknown): value is ArrayBufferLike | ArrayBufferView {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) ||
    (typeof SharedArrayBuffer !== "undefined" && value instanceof SharedArrayBuffer);
}

/** Returns the bytes of a buffer or view, without a copy. By Web IDL, a detached buffer has none. */
export function bytesOf(data: ArrayBufferLike | ArrayBufferView): Uint8Array {
  const view = ArrayBuffer.isView(data);
  const buffer = view ? data.buffer : data;
  if (buffer.byteLength === 0) return NO_BYTES;
  if (!view) return new Uint8Array(buffer);
  try {
    return new Uint8Array(buffer, data.byteOffset, data.byteLength);
  } catch {
    // A DataView whose resizable buffer has become too short throws when its length is read.
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

/** Returns the arguments of `close()`, converted and checked. The code is 0 if none is to be sent. */
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
