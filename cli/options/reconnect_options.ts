/** Turns the values of the command line into how `ReconnectingCurlWebSocket` connects again. */
import type { KeyOf, ReconnectingCurlWebSocketOptions } from "../../mod.ts";
import { UsageError } from "../errors.ts";
import type { Values } from "./values.ts";

/** What `ReconnectingCurlWebSocket` has beside the options of a connection. */
export type ReconnectOptions = Pick<ReconnectingCurlWebSocketOptions, "reconnect" | "rotate">;

/**
 * How to connect again; null if the command line does not ask for it.
 *
 * @throws {UsageError} if a value is invalid, or an option lacks the one that it is for
 */
export function reconnectOptions(values: Values): ReconnectOptions | null {
  const path = values.text("rotate-key");
  if (path !== undefined && !values.has("rotate")) throw new UsageError("--rotate-key needs --rotate");
  if (!values.has("reconnect") && !values.has("rotate")) {
    const more = values.first("max-attempts", "max-delay");
    if (more !== undefined) throw new UsageError(`--${more} needs --reconnect`);
    return null;
  }
  const rotate = values.milliseconds("rotate"), port = values.text("local-port") ?? "";
  if (rotate !== undefined && /^\d+$/.test(port)) {
    throw new UsageError(
      `--rotate needs two ports for a while, and --local-port ${port} is one: give a range, such as 4000-4100`,
    );
  }
  return {
    reconnect: {
      maxAttempts: values.integer("max-attempts", 1) ?? Infinity,
      ...optional("maxDelay", values.milliseconds("max-delay")),
    },
    rotate: { ...optional("after", rotate), ...optional("key", path === undefined ? undefined : memberOf(path)) },
  };
}

function optional<Name extends string, Value>(name: Name, value: Value | undefined): { [name in Name]?: Value } {
  return value === undefined ? {} : { [name]: value } as { [name in Name]: Value };
}

const DECODER = new TextDecoder();

/** Reads the member of a JSON message that a path such as `data.id` names: a string, or an integer. */
function memberOf(path: string): KeyOf {
  const names = path.split(".");
  return (data) => {
    let value: unknown;
    try {
      value = JSON.parse(typeof data === "string" ? data : DECODER.decode(data));
    } catch {
      return undefined;
    }
    for (const name of names) value = (value as Record<string, unknown> | null | undefined)?.[name];
    // A number of more digits than a double has could be another message's.
    return typeof value === "string" || Number.isSafeInteger(value) ? value as string | number : undefined;
  };
}
