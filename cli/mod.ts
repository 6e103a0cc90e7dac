/**
 * The `curlws` command.
 *
 *     deno run -A jsr:@curlws/curlws/cli wss://example.com/feed
 *     bun cli/mod.ts install-impersonate
 *
 * @module
 */
import process from "node:process";
import { type Command, printNotice } from "./options/command.ts";
import { completions } from "./options/completions.ts";
import { connect } from "./session/connect.ts";
import { fingerprint } from "./fingerprint/fingerprint.ts";
import { CommandError, messageOf, UsageError } from "./errors.ts";
import { exitCodeOf, FAILED, OK, USAGE } from "./exit_codes.ts";
import { type Commands, help, table } from "./options/help.ts";
import { replayCommand } from "./har/replay_command.ts";
import { installImpersonate, installLibcurl } from "./install/install.ts";
import type { Option } from "./options/option.ts";
import { OPTIONS } from "./options/options.ts";
import { printLine } from "./terminal/output.ts";
import { parse } from "./options/parse.ts";
import { UNSUPPORTED } from "./options/unsupported.ts";
import { versions } from "./version.ts";

const COMMANDS: Record<string, Command> = {
  "install-libcurl": installLibcurl,
  "install-impersonate": installImpersonate,
  replay: replayCommand,
  completions: completions(() => COMMANDS),
};

const HELP: Option = { name: "help", short: "h", help: "this" };

/**
 * Runs the command with its arguments, without the runtime's and the script's, and returns the exit code. Call
 * `process.exit` with it: an open standard input, for example, would keep the process alive.
 */
export async function main(args: readonly string[]): Promise<number> {
  const [name = "", ...rest] = args;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  try {
    if (command !== undefined) return await runCommand(name, command, rest);
    if (name === "help") return printed(help(rest[0] ?? null, summaries()));
    return await runConnect(args);
  } catch (error) {
    if (error instanceof CommandError) printNotice(`curlws: ${error.message}`);
    else if (exitCodeOf(error) !== FAILED || (error as Error).name === "CurlWebSocketError") {
      printNotice(`curlws: ${messageOf(error)}`);
    } else throw error;
    if (!(error instanceof UsageError)) return exitCodeOf(error);
    console.error(`curlws ${command === undefined ? "" : `${name} `}--help lists its options`);
    return USAGE;
  }
}

async function runCommand(name: string, command: Command, args: readonly string[]): Promise<number> {
  const { about, operand, options } = command;
  const all = [...options, HELP];
  const { values, operands } = parse(args, all, operand?.name ?? null);
  if (values.has("help")) {
    const usage = `Usage: curlws ${name}${operand === undefined ? "" : ` ${operand.name}`} [options]`;
    return printed(`${usage}\n\n${about}\n\n${table(all, 24)}`);
  }
  await command.run(values, operands[0]);
  return OK;
}

async function runConnect(args: readonly string[]): Promise<number> {
  const { values, operands } = parse(args, OPTIONS, "URL", UNSUPPORTED);
  if (values.has("help")) return printed(help(values.text("help") ?? null, summaries()));
  if (values.has("version")) return printed(versions(values.text("library")));
  if (values.has("fingerprint")) return await fingerprint(operands[0], values, Object.keys(COMMANDS));
  if (operands[0] === undefined) {
    if (args.length > 0) throw new UsageError("there is no URL to connect to");
    printed(help(null, summaries()));
    return USAGE;
  }
  return await connect(operands[0], values, Object.keys(COMMANDS));
}

function printed(text: string): number {
  printLine(text);
  return OK;
}

function summaries(): Commands {
  return Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary]);
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
