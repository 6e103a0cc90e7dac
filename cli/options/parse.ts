/**
 * Parses arguments, with commander, in the forms that curl accepts (`-kv4`, `-Hname:value`, `--header value`, a value that
 * begins with a dash, options after the URL), and suggests the right option for a misspelt one.
 */
import { Command, CommanderError, Option as CommanderOption } from "commander";
import { shownOption, shownUrl } from "../../src/observe/redact.ts";
import { UsageError } from "../errors.ts";
import type { Option, Unsupported } from "./option.ts";
import { Values } from "./values.ts";

/** The parsed command line. */
export interface Parsed {
  readonly values: Values;
  readonly operands: readonly string[];
}

/**
 * Parses arguments. `operand` is the name of the only operand, null if there is none.
 *
 * @throws {UsageError} if an option is unknown, unsupported or lacks its value, or there are too many operands
 */
export function parse(
  args: readonly string[],
  options: readonly Option[],
  operand: string | null,
  unsupported: readonly Unsupported[] = [],
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
  for (const { name, short, why } of unsupported) {
    program.addOption(new CommanderOption(short === undefined ? `--${name}` : `-${short}, --${name}`).hideHelp());
    program.on(`option:${name}`, () => {
      throw new UsageError(`curl's --${name}${short === undefined ? "" : ` (-${short})`} is not supported: ${why}`);
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
        ? `only options are allowed, not "${shownUrl(excess)}"`
        : `only one ${operand} is allowed, not "${shownUrl(excess)}" too`,
    );
  }
  return { values, operands: program.args };
}

/** A value in commander's notation: `[TOPIC]` is optional, `<NAME>` is not. */
function argument(value: string): string {
  return value.startsWith("[") ? value : `<${value.replace(/[<>[\]]/g, "")}>`;
}
