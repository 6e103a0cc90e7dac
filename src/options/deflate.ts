/** The options of permessage-deflate, RFC 7692. */
import { type DeflateOffer, MAX_WINDOW_BITS, MIN_WINDOW_BITS } from "../handshake/extensions.ts";
import { checkNames, flagOf, numberOf } from "./validate.ts";

/** How messages are compressed, RFC 7692. */
export interface PerMessageDeflateOptions {
  /** Messages of this many bytes or more are compressed; default 1024. The server chooses for its own messages. */
  threshold?: number;
  /** zlib's compression level, 0 (none) to 9 (best); default -1, zlib's own choice, which is 6. */
  level?: number;
  /**
   * How much memory a compressing stream takes, 1 (least) to 9; default 8, which is 256 KiB with the largest window.
   */
  memLevel?: number;
  /**
   * Asks the server to compress each message by itself, which saves both sides memory; default false. If the server
   * does not, `extensions` lacks `server_no_context_takeover`, and the connection keeps an inflating stream of 40 KiB.
   */
  serverNoContextTakeover?: boolean;
  /** Compresses each message by itself; default false. */
  clientNoContextTakeover?: boolean;
  /**
   * Asks the server for a window of at most 2^n bytes, n from 8 to 15; by default the server chooses. A server that
   * does not repeat it may use up to 2^15; one that responds with more is refused. This client takes the same memory
   * either way.
   */
  serverMaxWindowBits?: number;
  /**
   * The window that this client compresses with, 2^n bytes, n from 8 to 15. With true (the default) the server may
   * limit it; with false it may not (the default if the browser that is impersonated has that).
   */
  clientMaxWindowBits?: number | boolean;
}

/** The offer of permessage-deflate, and how this client compresses. */
export interface CompleteDeflateOptions {
  readonly offer: DeflateOffer;
  readonly threshold: number;
  readonly level: number;
  readonly memLevel: number;
}

const DEFLATE_NAMES = [
  "threshold",
  "level",
  "memLevel",
  "serverNoContextTakeover",
  "clientNoContextTakeover",
  "serverMaxWindowBits",
  "clientMaxWindowBits",
];

/**
 * Checks the option. Returns null if compression is not to be offered. `clientWindow` is the default of
 * `clientMaxWindowBits`.
 *
 * @throws {TypeError | RangeError} that names the option
 */
export function deflateOptions(
  given: boolean | PerMessageDeflateOptions,
  clientWindow = true,
): CompleteDeflateOptions | null {
  if (given === false) return null;
  const options = given === true ? {} : given;
  checkNames("perMessageDeflate option", options, DEFLATE_NAMES);
  const integer = (name: keyof PerMessageDeflateOptions, min: number, max: number): number | undefined =>
    options[name] === undefined ? undefined : numberOf(`perMessageDeflate.${name}`, options[name], min, max, true);
  const flag = (name: keyof PerMessageDeflateOptions): boolean =>
    flagOf(`perMessageDeflate.${name}`, options[name], false);
  const bound = options.clientMaxWindowBits ?? clientWindow;
  return {
    offer: {
      serverNoContextTakeover: flag("serverNoContextTakeover"),
      clientNoContextTakeover: flag("clientNoContextTakeover"),
      serverMaxWindowBits: integer("serverMaxWindowBits", MIN_WINDOW_BITS, MAX_WINDOW_BITS) ?? null,
      clientMaxWindowBits: typeof bound === "boolean"
        ? bound || null
        : integer("clientMaxWindowBits", MIN_WINDOW_BITS, MAX_WINDOW_BITS)!,
    },
    threshold: integer("threshold", 0, Number.MAX_SAFE_INTEGER) ?? 1024,
    level: integer("level", -1, 9) ?? -1,
    memLevel: integer("memLevel", 1, 9) ?? 8,
  };
}
