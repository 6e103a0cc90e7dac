/** The options of permessage-deflate, RFC 7692. */
import { type DeflateOffer, MAX_WINDOW_BITS, MIN_WINDOW_BITS } from "../handshake/extensions.ts";
import { checkNames, numberOf } from "./validate.ts";

/** How messages are compressed, RFC 7692. */
export interface PerMessageDeflateOptions {
  /** Messages of this many bytes or more are compressed; default 1024. What the server compresses is its own choice. */
  threshold?: number;
  /** zlib's compression level, 0 (none) to 9 (best); default -1, zlib's own choice, which is 6. */
  level?: number;
  /** How much memory a compressing stream takes, 1 (least) to 9; default 8, which makes 256 KiB with the largest window. */
  memLevel?: number;
  /**
   * Asks the server to compress each message by itself, which spares both sides memory; default false. A server may not
   * heed it: then it is as without the option, an inflating stream of 40 KiB stays with the connection, and `extensions`
   * lacks `server_no_context_takeover`.
   */
  serverNoContextTakeover?: boolean;
  /** Compresses each message by itself; default false. */
  clientNoContextTakeover?: boolean;
  /**
   * Asks the server for a window of at most 2^n bytes, n from 8 to 15; by default the server chooses. A server may not heed
   * it, and then uses up to 2^15; one that says a larger one is refused. This client's memory is the same either way.
   */
  serverMaxWindowBits?: number;
  /**
   * The window this client compresses with, 2^n bytes, n from 8 to 15; true (the default) lets the server bound it, false
   * does not (the default where a browser is impersonated that does not).
   */
  clientMaxWindowBits?: number | boolean;
}

/** What permessage-deflate is offered with, and what this client compresses with. */
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

/** Checks them; null where compression is not to be offered. `bounded` is the default of `clientMaxWindowBits`. */
export function deflateOptions(
  given: boolean | PerMessageDeflateOptions,
  bounded = true,
): CompleteDeflateOptions | null {
  if (given === false) return null;
  const options = given === true ? {} : given;
  checkNames("perMessageDeflate option", options, DEFLATE_NAMES);
  const integer = (name: keyof PerMessageDeflateOptions, min: number, max: number): number | undefined =>
    options[name] === undefined ? undefined : numberOf(`perMessageDeflate.${name}`, options[name], min, max, true);
  const flag = (name: keyof PerMessageDeflateOptions): boolean => {
    const value = options[name] ?? false;
    if (typeof value !== "boolean") {
      throw new TypeError(`perMessageDeflate.${name} must be true or false, not ${value}`);
    }
    return value;
  };
  const bound = options.clientMaxWindowBits ?? bounded;
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
