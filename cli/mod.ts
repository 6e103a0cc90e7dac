/**
 * The `curlws` command.
 *
 *     deno run -A jsr:@curlws/curlws/cli install-libcurl
 *     bun cli/mod.ts install-impersonate
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import type { Command } from "./command.ts";
import { CommandError, UsageError, words } from "./errors.ts";
import { installImpersonate, installLibcurl } from "./install.ts";

const COMMANDS: Record<string, Command> = {
  "install-libcurl": installLibcurl,
  "install-impersonate": installImpersonate,
};

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  return [
    "Usage: curlws COMMAND [options]",
    "",
    ...Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "curlws COMMAND --help tells a command's options.",
  ].join("\n");
}

function help(name: string, { help }: Command): string {
  return `Usage: curlws ${name} [options]\n\n${help}`;
}

/** Runs the command with arguments; answers the exit code: 0, 1 where it failed, 2 where it was called wrongly. */
export async function main(args: readonly string[]): Promise<number> {
  const [name = "", ...rest] = args;
  if (name === "" || name === "help" || name === "--help" || name === "-h") {
    console.log(overview());
    return name === "" ? 2 : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  try {
    if (command === undefined) throw new UsageError(`there is no command ${JSON.stringify(name)}\n\n${overview()}`);
    const values = parse(command, rest);
    if (values.help === true) console.log(help(name, command));
    else await command.run(values);
    return 0;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(`curlws: ${error.message}`);
    if (!(error instanceof UsageError)) return 1;
    if (command !== undefined) console.error(`curlws ${name} --help tells its options`);
    return 2;
  }
}

function parse(command: Command, args: string[]): ReturnType<typeof parseArgs>["values"] {
  const options = { help: { type: "boolean", short: "h" }, ...command.options } as const;
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(words(error), { cause: error });
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
