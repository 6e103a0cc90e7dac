/** `curlws URL`: one connection, from standard input and to standard output. */
import process from "node:process";
import { CurlWebSocket } from "../../mod.ts";
import { setTracer } from "../../src/observe/trace.ts";
import { UsageError } from "../errors.ts";
import { inOurWords, socketOptions } from "../options/socket_options.ts";
import { Session } from "./session.ts";
import type { Values } from "../options/values.ts";
import { Verbose } from "./verbose.ts";
import { paintFor } from "../terminal/colours.ts";

/** Connects, and returns the exit code when the connection is closed. */
export async function connect(operand: string, values: Values, commands: readonly string[]): Promise<number> {
  const options = socketOptions(values);
  const plan = planOf(values);
  const verbose = values.has("verbose") ? new Verbose(paintFor(process.stderr)) : null;
  if (verbose !== null) setTracer((kind, text) => verbose.trace(kind, text));
  let socket: CurlWebSocket;
  try {
    socket = new CurlWebSocket(urlOf(operand, commands), options);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError || error instanceof DOMException) {
      throw new UsageError(inOurWords(error.message), { cause: error });
    }
    throw error;
  }
  return await new Session(socket, plan, verbose).run();
}

/** What a session does, beside its connection. */
export interface Plan {
  readonly binary: boolean;
  readonly json: boolean;
  readonly timestamps: boolean;
  readonly stats: boolean;
  readonly listen: boolean;
  readonly slash: boolean;
  readonly history: boolean;
  /** Infinity for all. */
  readonly count: number;
  /** Ms of quiet after the end of input; undefined where nothing was said. */
  readonly wait: number | undefined;
  /** Ms, or undefined. */
  readonly maxTime: number | undefined;
  /** The longest line to send. */
  readonly maxSize: number;
}

function planOf(values: Values): Plan {
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
    count: values.has("one") ? 1 : values.integer("count", 1) ?? Infinity,
    wait: wait === "forever" || wait === "-1" ? Infinity : values.milliseconds("wait"),
    maxTime: values.milliseconds("max-time"),
    maxSize: values.bytes("max-message-size") ?? 64 * 1024 * 1024,
  };
}

/** A URL without a scheme is `ws:`; a word alone is more likely a command that is misspelt. */
function urlOf(operand: string, commands: readonly string[]): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(operand)) return operand;
  if (/^[\w-]+$/.test(operand) && operand !== "localhost") {
    const list = commands.join(", ");
    throw new UsageError(
      `there is no command ${JSON.stringify(operand)}, only ${list}; for a host of that name give ws://${operand}`,
    );
  }
  return `ws://${operand}`;
}
