/** The texts of `--help`. */
import { UsageError } from "../errors.ts";
import { type Option, TOPICS } from "./option.ts";
import { OPTIONS } from "./options.ts";

/** Names and summaries of the subcommands. */
export type Commands = readonly (readonly [name: string, summary: string])[];

/** Columns: those of a terminal, 80, less one, as some terminals wrap after the last. */
const WIDTH = 79;

const EXITS = `Exit codes, curl's if it has one:
    0 closed normally        1 other failure           2 wrong usage
    4 no such browser        5 proxy not reached       6 host unknown
    7 connection refused     8 no WebSocket server    22 refused by the server
   23 output not written    28 took too long          35, 58, 60, 77, 90 TLS
   47 redirected
   56 connection lost       97 refused by the proxy  100 closed by the server
  129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM`;

/** Options as two columns: flags, and from `column` on the help, wrapped. */
export function table(options: readonly Option[], column: number): string {
  return options.flatMap((option) => {
    const flags = `  ${flagsOf(option)}`;
    const lines = wrapped(option.help, WIDTH - column);
    const first = flags.length + 2 > column ? [flags] : [flags.padEnd(column) + lines.shift()];
    return [...first, ...lines.map((line) => " ".repeat(column) + line)];
  }).join("\n");
}

function flagsOf({ name, short, value }: Option): string {
  return `${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** The most used options: 23 lines of 79 columns, so that a terminal of 24 lines has room for the prompt. */
function screen(commands: Commands): string {
  const brief = OPTIONS.filter(({ brief }) => brief !== undefined).map((option) => ({
    ...option,
    help: option.brief!,
  }));
  return [
    "Usage: curlws [options] URL    sends lines of standard input, prints messages",
    `       curlws COMMAND        ${commands.map(([name]) => name).join(", ")}`,
    table(brief, 30),
    `curlws --help ${["all", ...Object.keys(TOPICS).slice(0, -1), "exit"].join(", ")}`,
  ].join("\n");
}

/** The text of `--help TOPIC`; one screen if `topic` is null. Throws a `UsageError` if there is no such topic. */
export function help(topic: string | null, commands: Commands): string {
  const names = Object.keys(TOPICS);
  if (topic === null) return screen(commands);
  if (topic === "all") {
    const parts = Object.entries(TOPICS).map(([name, title]) => part(name, title));
    return [usage(commands), ...parts, EXITS].join("\n\n");
  }
  const title = Object.hasOwn(TOPICS, topic) ? TOPICS[topic as keyof typeof TOPICS] : undefined;
  if (title !== undefined) return part(topic, title);
  if (topic === "exit") return EXITS;
  throw new UsageError(`--help knows no topic ${JSON.stringify(topic)}, only all, exit, ${names.join(", ")}`);
}

function part(name: string, title: string): string {
  return `${title}:\n${table(OPTIONS.filter(({ topic }) => topic === name), 30)}`;
}

function usage(commands: Commands): string {
  const width = Math.max(...commands.map(([name]) => name.length));
  return [
    "Usage: curlws [options] URL",
    "       curlws COMMAND [options]",
    "",
    ...commands.flatMap(([name, summary]) =>
      wrapped(summary, WIDTH - width - 4).map((line, index) => `  ${(index === 0 ? name : "").padEnd(width)}  ${line}`)
    ),
  ].join("\n");
}
