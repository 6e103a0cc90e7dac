/** What a subcommand of `curlws` is. */
import { printableLines } from "../../src/observe/redact.ts";
import type { Option } from "./option.ts";
import type { Values } from "./values.ts";

/** One subcommand. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What it does, for its help. */
  readonly about: string;
  readonly options: readonly Option[];
  /** The operand that it takes, if it takes one: its name in the help, and what a shell completes it with. */
  readonly operand?: { readonly name: string; readonly words: readonly string[] };
  /** Settles when it is done; throws a `CommandError` where it cannot be. */
  run(values: Values, operand: string | undefined): Promise<void>;
}

/** Tells people how it goes, on standard error: standard output is for results. A server's words may be in it. */
export function say(text: string): void {
  console.error(printableLines(text));
}
