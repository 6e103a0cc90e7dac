/** `curlws URL`: opens a connection, or one after another, between standard input and standard output. */
import process from "node:process";
import { CurlWebSocket, ReconnectingCurlWebSocket } from "../../mod.ts";
import { withObserver } from "../../src/observe/observer.ts";
import { OutputError, UsageError } from "../errors.ts";
import { OK, OUTPUT_FAILED } from "../exit_codes.ts";
import { HarRecording } from "../har/har_recording.ts";
import { reconnectOptions } from "../options/reconnect_options.ts";
import { socketOptions, withFlagNames } from "../options/socket_options.ts";
import { urlOf } from "../options/url.ts";
import type { Values } from "../options/values.ts";
import { planOf } from "./plan.ts";
import type { Link } from "./sender.ts";
import { Session } from "./session.ts";
import { Verbose } from "./verbose.ts";
import { paintFor } from "../terminal/colours.ts";

/** Connects, and returns the exit code when the connection is closed, or the last one. */
export async function connect(operand: string, values: Values, commands: readonly string[]): Promise<number> {
  const options = socketOptions(values), again = reconnectOptions(values);
  const plan = planOf(values);
  const verbose = values.has("verbose") ? new Verbose(paintFor(process.stderr), { isFeed: again !== null }) : null;
  const recording = recordingOf(values, (error) => session.notice(error.message));
  const shown = withObserver(options, verbose), observed = recording?.of(shown) ?? shown;
  let link: Link;
  try {
    const url = urlOf(operand, commands);
    link = again === null ? new CurlWebSocket(url, observed) : new ReconnectingCurlWebSocket(url, {
      ...observed,
      ...again,
      // Called when the first connection is open, which is later.
      connected: (socket) => session.greet(socket),
    });
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError || error instanceof DOMException) {
      throw new UsageError(withFlagNames(error.message), { cause: error });
    }
    throw error;
  }
  const session: Session = new Session(link, plan, verbose, () => recording?.flush());
  const code = await session.run();
  recording?.close();
  return recording?.error && code === OK ? OUTPUT_FAILED : code;
}

/** What records the session's connections, or null. The session goes on when the file cannot be written any more. */
function recordingOf(values: Values, onError: (error: OutputError) => void): HarRecording | null {
  const path = values.text("har"), secrets = values.has("har-secrets");
  if (path === undefined) {
    if (secrets) throw new UsageError("--har-secrets needs --har FILE");
    return null;
  }
  try {
    return new HarRecording(path, {
      secrets,
      onError: ({ cause }) => onError(new OutputError(cause, `--har ${path}`)),
    });
  } catch (error) {
    throw new OutputError((error as Error).cause, `--har ${path}`);
  }
}
