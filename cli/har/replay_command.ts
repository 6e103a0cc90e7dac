/** `curlws replay FILE`. */
import { CommandError, UsageError } from "../errors.ts";
import { type Command, printNotice } from "../options/command.ts";
import type { Option } from "../options/option.ts";
import type { Values } from "../options/values.ts";
import { printLine } from "../terminal/output.ts";
import { replay } from "./replay.ts";

const MODES = ["ignore", "wait", "compare"] as const;

const OPTIONS: readonly Option[] = [
  {
    name: "speed",
    value: "N",
    help: "N times as fast as recorded, or max: as fast as the client reads",
    complete: ["max"],
  },
  { name: "port", value: "N", help: "the port of 127.0.0.1 to listen on; by default a free one" },
  { name: "entry", value: "N", help: "play this WebSocket of the file alone; by default the client's path chooses" },
  {
    name: "sent",
    value: "MODE",
    help: "what the client sends: ignore it, wait for it, or compare it with the recording; default ignore",
    complete: MODES,
  },
  { name: "once", help: "end when each WebSocket was played; with code 1 if a comparison failed" },
];

/** The subcommand. */
export const replayCommand: Command = {
  summary: "serve a HAR file's WebSockets again on loopback, for tests",
  about:
    `Serves the WebSockets of a HAR file, of curlws --har, Chromium's DevTools or mitmproxy, on 127.0.0.1, and prints their
URLs. A client gets what the server sent, when it did, and is closed as the recorded connection was. Those of one
path are played one after another, a client each, and from the first again after the last.

  curlws --har feed.har -n 100 wss://example.com/feed
  curlws replay --speed 10 feed.har`,
  options: OPTIONS,
  operand: { name: "FILE", words: [], complete: "file" },
  async run(values, file): Promise<void> {
    if (file === undefined) throw new UsageError("there is no HAR file to replay");
    await using server = replay(file, {
      speed: speedOf(values),
      port: values.integer("port", 0, 0xffff) ?? 0,
      sent: values.word("sent", MODES) ?? "ignore",
      onDifference: (words) => printNotice(`curlws: ${words}`),
      ...entryOf(values),
    });
    for (const url of server.urls) printLine(url);
    if (!values.has("once")) await new Promise<never>(() => {});
    await server.played;
    const { length } = server.differences;
    if (length > 0) {
      throw new CommandError(
        length === 1 ? "1 connection was not as recorded" : `${length} connections were not as recorded`,
      );
    }
  },
};

function speedOf(values: Values): number {
  const text = values.text("speed");
  if (text === undefined) return 1;
  const speed = text === "max" || text === "0" ? Infinity : /^(?:\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : NaN;
  if (speed > 0) return speed;
  throw new UsageError(`--speed takes a number, such as 2 or 0.5, or max, not ${JSON.stringify(text)}`);
}

function entryOf(values: Values): { entry?: number } {
  const entry = values.integer("entry", 1);
  return entry === undefined ? {} : { entry };
}
