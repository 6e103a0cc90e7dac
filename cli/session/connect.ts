/** `curlws URL`: opens one connection between standard input and standard output. */
import process from "node:process";
import { CurlWebSocket } from "../../mod.ts";
import { withObserver } from "../../src/observe/observer.ts";
import { UsageError } from "../errors.ts";
import { socketOptions, withFlagNames } from "../options/socket_options.ts";
import type { Values } from "../options/values.ts";
import { planOf } from "./plan.ts";
import { Session } from "./session.ts";
import { Verbose } from "./verbose.ts";
import { paintFor } from "../terminal/colours.ts";

/** Connects, and returns the exit code when the connection is closed. */
export async function connect(operand: string, values: Values, commands: readonly string[]): Promise<number> {
  const options = socketOptions(values);
  const plan = planOf(values);
  const verbose = values.has("verbose") ? new Verbose(paintFor(process.stderr)) : null;
  let socket: CurlWebSocket;
  try {
    socket = new CurlWebSocket(urlOf(operand, commands), withObserver(options, verbose));
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError || error instanceof DOMException) {
      throw new UsageError(withFlagNames(error.message), { cause: error });
    }
    throw error;
  }
  return await new Session(socket, plan, verbose).run();
}

/** The URL of an operand: `ws:` if it has no scheme. A single word is more likely a misspelt command than a host. */
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
