/** What a subcommand of `curlws` is. */
import type { parseArgs, ParseArgsConfig } from "node:util";

/** The values of options, by name. */
export type Values = ReturnType<typeof parseArgs>["values"];

/** One subcommand. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** The help, below the line with the usage: what it does, then each option. */
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Settles when it is done; throws a {@linkcode CommandError} where it cannot be. */
  run(values: Values): Promise<void>;
}

/** Tells people how it goes, on standard error: standard output is for results. */
export function say(text: string): void {
  console.error(text);
}

/** The text of an option, or undefined. */
export function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
