/** `HarRecording`: records the connections of a program, or of the command, into a HAR file. */
import manifest from "../../deno.json" with { type: "json" };
import { observerOf, observers, withObserver } from "../../src/observe/observer.ts";
import { messageOf } from "../errors.ts";
import { headOf, TAIL } from "./har_entry.ts";
import { HarFile } from "./har_file.ts";
import { HarRecorder } from "./har_recorder.ts";

/** The options of {@linkcode HarRecording}. */
export interface HarRecordingOptions {
  /**
   * Whether the file has the secrets of handshakes: `Authorization`, `Cookie` and other fields that may have some, and the values
   * of the URL's query. False by default. What messages hold is recorded in any case.
   */
  readonly secrets?: boolean;
  /**
   * Called once if the file cannot be written any more, as on a full disk. The file keeps what it has; the connections go on.
   * By default the error is an uncaught one.
   */
  readonly onError?: (error: Error) => void;
}

/**
 * A HAR 1.2 file that records WebSockets as browsers do: an entry for each handshake, and the messages of both directions with
 * their times in its `_webSocketMessages`. The file is complete after each turn of the event loop that brought something, and
 * memory does not grow with it.
 *
 * ```ts
 * import { CurlWebSocket } from "@curlws/curlws";
 * import { HarRecording } from "@curlws/curlws/har";
 *
 * using recording = new HarRecording("feed.har");
 * const socket = new CurlWebSocket("wss://example.com/feed", recording.of({ protocols: ["chat"] }));
 * for await (const data of socket) console.log(data);
 * ```
 */
export class HarRecording {
  readonly #file: HarFile;
  readonly #recorder: HarRecorder;
  #error: Error | null = null;

  /**
   * Begins a file, which replaces one that is there, and which this user alone may read.
   *
   * @throws {Error} if it cannot be written; its cause is the system's error
   */
  constructor(path: string, { secrets = false, onError = reportError }: HarRecordingOptions = {}) {
    const broken = (cause: unknown) => new Error(`${path} cannot be written: ${messageOf(cause)}`, { cause });
    try {
      this.#file = new HarFile(path, headOf(manifest.version), TAIL);
    } catch (error) {
      throw broken(error);
    }
    this.#recorder = new HarRecorder(this.#file, secrets);
    this.#file.onBroken = (cause) => onError(this.#error = broken(cause));
  }

  /**
   * The options of a `CurlWebSocket`, `CurlWebSocketStream` or `ReconnectingCurlWebSocket` whose connections are to be recorded.
   * A file is for one connection, or one after another: what comes over a second one at the same time is kept in memory until
   * the first one has ended, at most 64 Mi characters.
   */
  of<Options extends object = Record<never, never>>(options: Options = {} as Options): Options {
    return withObserver(options, () => observers([observerOf(options), this.#recorder.observer()]));
  }

  /** Why the file cannot be written any more, or null. */
  get error(): Error | null {
    return this.#error;
  }

  /**
   * Writes at once what waits for the end of the turn. After it, all that the program has received is in the file: call it
   * before the program does what must not be ahead of the recording.
   */
  flush(): void {
    this.#recorder.flush();
  }

  /** Writes the rest, and closes the file: nothing more is recorded. Call it when the connections are closed. */
  close(): void {
    this.#recorder.close();
  }

  /** As {@linkcode close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
