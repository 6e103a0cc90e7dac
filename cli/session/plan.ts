/** What the command line asks a session to do. */
import { UsageError } from "../errors.ts";
import type { Values } from "../options/values.ts";

/** What a session does with its messages, beside the options of its socket. */
export interface Plan {
  readonly binary: boolean;
  readonly json: boolean;
  readonly timestamps: boolean;
  readonly stats: boolean;
  readonly listen: boolean;
  readonly slash: boolean;
  readonly history: boolean;
  /** The first messages of each connection. */
  readonly hello: readonly string[];
  /** This many messages are printed; Infinity for all. */
  readonly count: number;
  /**
   * Once its input has ended, the session ends this many ms after the last message; Infinity for never, undefined for the
   * default.
   */
  readonly wait: number | undefined;
  /** The session ends after this many ms; undefined for never. */
  readonly maxTime: number | undefined;
  /** The longest line to send, in bytes. */
  readonly maxSize: number;
}

/**
 * The plan that the command line asks for.
 *
 * @throws {UsageError} if two options contradict each other, or one has a value that it cannot have
 */
export function planOf(values: Values): Plan {
  const kinds = ["text", "binary", "json"].filter((name) => values.has(name));
  if (values.has("binary") && kinds.length > 1) {
    throw new UsageError(`--${kinds.join(" and --")} do not go together: bytes are printed as they are`);
  }
  if (values.has("binary") && values.has("timestamps")) {
    throw new UsageError("--binary and --timestamps do not go together: bytes are printed as they are");
  }
  if (values.has("listen") && values.has("wait")) {
    throw new UsageError("--listen and --wait do not go together: with --listen standard input is not read");
  }
  const wait = values.text("wait");
  return {
    binary: values.has("binary"),
    json: values.has("json"),
    timestamps: values.has("timestamps"),
    stats: values.has("stats"),
    listen: values.has("listen"),
    slash: values.has("slash"),
    history: !values.has("no-history"),
    hello: values.list("hello"),
    count: values.has("one") ? 1 : values.integer("count", 1) ?? Infinity,
    wait: wait === "forever" || wait === "-1" ? Infinity : values.milliseconds("wait"),
    maxTime: values.milliseconds("max-time"),
    maxSize: values.bytes("max-message-size") ?? 64 * 1024 * 1024,
  };
}
