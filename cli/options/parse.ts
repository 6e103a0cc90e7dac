/**
 * Arguments into values, by commander: it takes what curl takes (`-kv4`, `-Hname:value`, `--header value`, a value that
 * begins with a dash, options behind the URL), and names the option that a misspelt one may have meant.
 */
import { Command, CommanderError, Option as CommanderOption } from "commander";
import { shownOption, shownUrl } from "../../src/observe/redact.ts";
import { UsageError } from "../errors.ts";
import type { Option, Refused } from "./option.ts";
import { Values } from "./values.ts";

/** What was given. */
export interface Parsed {
  readonly values: Values;
  readonly operands: readonly string[];
}

/**
 * Parses arguments; `operand` names the one that may stand beside the options, if one may.
 *
 * @throws {UsageError} for what is not known, what misses its value, and what is refused
 */
export function parse(
  args: readonly string[],
  options: readonly Option[],
  operand: string | null,
  refused: readonly Refused[] = [],
): Parsed {
  const program = new Command().helpOption(false).helpCommand(false).exitOverride().allowExcessArguments();
  program.configureOutput({ writeOut: () => {}, writeErr: () => {} });
  if (operand !== null) program.argument(`[${operand}]`);
  const values = new Values();
  for (const { name, short, value, apart } of options) {
    const flags = short === undefined ? `--${name}` : `-${short}, --${name}`;
    program.addOption(new CommanderOption(value === undefined ? flags : `${flags} ${argument(value)}`));
    program.on(`option:${name}`, (text: string | null) => {
      if (apart !== undefined && text !== null && !args.includes(`--${name}=${text}`)) {
        const joined = !args.includes(text);
        if (joined || text.startsWith("-")) {
          throw new UsageError(
            `-${short}${joined ? "" : " "}${text}: here -${short} is --${name}, as in -${short} NAME; ${apart}`,
          );
        }
      }
      values.add(name, text);
    });
  }
  for (const { name, short, why } of refused) {
    program.addOption(new CommanderOption(short === undefined ? `--${name}` : `-${short}, --${name}`).hideHelp());
    program.on(`option:${name}`, () => {
      throw new UsageError(`curl's --${name}${short === undefined ? "" : ` (-${short})`} cannot be honoured: ${why}`);
    });
  }
  try {
    program.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const message = error.message.replace(/^error: /, "")
      .replace(/^unknown option '([^]*?)'(?=\n|$)/, (_all, option) => `unknown option '${shownOption(option)}'`);
    throw new UsageError(message.replace(/\n\(Did (.*)\)$/, "; did $1"), { cause: error });
  }
  const excess = program.args[operand === null ? 0 : 1];
  if (excess !== undefined) {
    throw new UsageError(
      operand === null
        ? `it takes options alone, and not "${shownUrl(excess)}"`
        : `it takes one ${operand}, and not "${shownUrl(excess)}" too`,
    );
  }
  return { values, operands: program.args };
}

/** `[TOPIC]` may be left out; commander writes a value that may not in angle brackets. */
function argument(value: string): string {
  return value.startsWith("[") ? value : `<${value.replace(/[<>[\]]/g, "")}>`;
}
