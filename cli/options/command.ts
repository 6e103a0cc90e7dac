/** Subcommands of `curlws`. */
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
  /** Its operand, if it has one: the name in the help, and the words that a shell completes, or that it is a file. */
  readonly operand?: { readonly name: string; readonly words: readonly string[]; readonly complete?: "file" };
  /** Runs it to its end. Rejects with a `CommandError` if it fails. */
  run(values: Values, operand: string | undefined): Promise<void>;
}

/** Prints progress on standard error, as standard output is for results. Escapes what a server may have sent. */
export function printNotice(text: string): void {
  console.error(printableLines(text));
}
