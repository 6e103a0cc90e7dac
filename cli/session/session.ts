/** The life of a connection, or of a feed: open, messages both ways, and how it ends. */
import { Buffer } from "node:buffer";
import process from "node:process";
import { type CurlWebSocket, type CurlWebSocketError, type GapEvent, ReconnectingCurlWebSocket } from "../../mod.ts";
import { printableLines, shownSubprotocols, shownUrl } from "../../src/observe/redact.ts";
import { type Paint, paintFor } from "../terminal/colours.ts";
import { CommandError, messageOf, OutputError } from "../errors.ts";
import { CLOSED_BY_SERVER, exitCodeOf, OK, SIGNALS, TIMED_OUT } from "../exit_codes.ts";
import { type Format, formatted } from "./format.ts";
import { History } from "../terminal/history.ts";
import { drained, inputKind, sendInput } from "../terminal/input.ts";
import { Interactive } from "../terminal/interactive.ts";
import { Output, standardOutput } from "../terminal/output.ts";
import { withFlagNames } from "../options/socket_options.ts";
import type { Plan } from "./plan.ts";
import { type Link, Sender } from "./sender.ts";
import { milliseconds, Stats } from "./stats.ts";
import type { Verbose } from "./verbose.ts";
import { wordsOfClose, wordsOfEnd } from "./words.ts";

/** After the end of input the session closes once no message came for this long, ms: enough for a reply over the Internet. */
const DEFAULT_WAIT = 1000;

/** A session. Call {@linkcode run} once. */
export class Session {
  readonly #link: Link;
  readonly #sender: Sender;
  readonly #plan: Plan;
  readonly #verbose: Verbose | null;
  readonly #stats: Stats = new Stats();
  readonly #paint: Paint = paintFor(process.stdout);
  readonly #paintError: Paint = paintFor(process.stderr);
  readonly #interactive: boolean;
  #output: Output;
  #format: Format;
  #terminal: Interactive | null = null;
  #error: CurlWebSocketError | null = null;
  /** The exit code, once the session was asked to end or cannot go on; null before. */
  #code: number | null = null;
  #closing = false;
  #received = 0;
  #quietTimer: ReturnType<typeof setTimeout> | undefined;
  /** The session closes once no message came for this long, ms; null before the end of input. */
  #quiet: number | null = null;
  /** Whether a connection was open. */
  #wasOpen = false;
  /** Of a feed that has no connection: since when, and why; null if it has one, or had none yet and nothing failed. */
  #down: { readonly since: Date; readonly words: string } | null = null;

  /** @param onPrint called before anything is written to standard output */
  constructor(link: Link, plan: Plan, verbose: Verbose | null, onPrint: () => void) {
    this.#link = link;
    this.#sender = new Sender(link);
    this.#plan = plan;
    this.#verbose = verbose;
    const terminal = process.stdout.isTTY === true;
    const { binary, json, timestamps, listen } = plan;
    this.#interactive = terminal && inputKind() === "terminal" && !listen && !binary && process.env.TERM !== "dumb";
    const mark = this.#interactive ? this.#paint("in", "< ") : "";
    this.#format = { binary, json, timestamps, terminal, mark, paint: this.#paint };
    const sink = standardOutput();
    this.#output = new Output(
      (bytes) => {
        onPrint();
        if (this.#terminal === null) return sink(bytes);
        this.#terminal.print(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
        return Promise.resolve();
      },
      {
        onFull: () => link.pause(),
        onDrained: () => link.resume(),
        // A reader that is gone has all that it wanted.
        onBroken: (error) => {
          if (error.code === "EPIPE") this.#end(OK);
          else this.#fail(new OutputError(error));
        },
      },
    );
  }

  /** Runs the session to its end. Resolves with the exit code. */
  async run(): Promise<number> {
    const link = this.#link, { maxTime } = this.#plan;
    link.binaryType = "arraybuffer";
    const closed = new Promise<CloseEvent>((resolve) => link.onclose = resolve);
    link.onopen = () => this.#onOpen();
    link.onmessage = ({ data }) => this.#onMessage(data);
    link.onerror = (event) => this.#error = event.error;
    if (link instanceof ReconnectingCurlWebSocket) this.#watch(link);
    const release = this.#catchSignals();
    const timer = maxTime === undefined ? undefined : setTimeout(() => {
      if (!this.#closing) this.#say(`--max-time, ${maxTime / 1000} s, has passed`);
      this.#end(TIMED_OUT);
    }, maxTime);
    const event = await closed;
    clearTimeout(timer);
    this.#stopQuiet();
    this.#sender.wake();
    await this.#output.flush();
    const code = this.#conclude(event);
    release();
    return code;
  }

  /** Introduces a connection: called for each one, before anything else is sent over it. */
  greet(socket: CurlWebSocket): void {
    if (this.#verbose !== null) socket.addEventListener("pong", () => this.#verbose?.pong(socket));
    for (const text of this.#plan.hello) {
      socket.send(text);
      this.#stats.count(this.#stats.sent, Buffer.byteLength(text));
    }
  }

  /** Prints a notice of what goes on beside the session. */
  notice(text: string): void {
    this.#say(text);
  }

  /** Tells the interruptions of a feed. */
  #watch(feed: ReconnectingCurlWebSocket): void {
    feed.onreconnecting = (event) => {
      const words = wordsOfEnd(event.reason);
      this.#verbose?.reconnecting(event);
      this.#stopQuiet();
      if (this.#down !== null) return;
      this.#down = { since: new Date(), words };
      // A gap is told when it is over. Who types, or waits for the first connection, is to know now.
      if (this.#interactive || !this.#wasOpen) this.#say(`${words}; connecting again`);
    };
    feed.ongap = (gap) => this.#say(gapLine(gap));
    let told = -1;
    feed.onwarning = ({ reason }) => {
      const { rotations } = feed.stats;
      // The first of a row: the old connection stands, and it is tried again and again.
      if (told !== rotations) this.#say(`no rotation, which is tried again: ${wordsOfEnd(reason)}`);
      told = rotations;
    };
  }

  #onOpen(): void {
    this.#down = null;
    if (this.#wasOpen) {
      this.#sender.wake();
      return this.#startQuiet();
    }
    this.#wasOpen = true;
    this.#stats.opened();
    if (!(this.#link instanceof ReconnectingCurlWebSocket)) this.greet(this.#link);
    if (this.#interactive) return this.#startTerminal();
    if (this.#plan.listen || inputKind() === "nothing") return;
    this.#sendInput().catch((error) => this.#fail(error));
  }

  #onMessage(data: string | ArrayBuffer): void {
    const { count, stats } = this.#plan;
    if (this.#closing) return;
    if (stats) {
      this.#stats.count(this.#stats.received, typeof data === "string" ? Buffer.byteLength(data) : data.byteLength);
    }
    let text;
    try {
      text = formatted(data, new Date(), this.#format);
    } catch (cause) {
      const size = typeof data === "string" ? `${data.length} characters` : `${data.byteLength} bytes`;
      return this.#fail(new CommandError(`a message of ${size} cannot be printed: ${messageOf(cause)}`, { cause }));
    }
    this.#output.push(text);
    if (++this.#received >= count) this.#end(OK);
    else if (this.#quiet !== null) this.#quietTimer?.refresh?.();
  }

  async #sendInput(): Promise<void> {
    const { binary, maxSize, wait, count } = this.#plan, sender = this.#sender;
    const onSent = (size: number) => this.#stats.count(this.#stats.sent, size);
    const sent = await sendInput(sender, { binary, maxSize, onSent });
    await drained(sender, 0);
    if (this.#closing) return;
    // An input that is empty from the start counts as no input.
    const quiet = wait ?? (sent === 0 || count !== Infinity ? Infinity : DEFAULT_WAIT);
    if (quiet === Infinity) return;
    this.#quiet = quiet;
    // Nothing can come while no connection is open: then the time begins with the next one.
    if (sender.isOpen) this.#startQuiet();
  }

  #startQuiet(): void {
    this.#stopQuiet();
    if (this.#quiet !== null) this.#quietTimer = setTimeout(() => this.#end(OK), this.#quiet);
  }

  #stopQuiet(): void {
    clearTimeout(this.#quietTimer);
    this.#quietTimer = undefined;
  }

  #startTerminal(): void {
    const history = this.#plan.history ? new History() : null;
    const { url, protocol } = this.#link;
    const hint = `connected to ${shownUrl(url)}${
      protocol === "" ? "" : `, ${shownSubprotocols([protocol])}`
    }; Ctrl-C closes`;
    process.stdout.write(`${this.#paint("dim", hint)}\n`);
    this.#terminal = new Interactive(this.#paint, history, {
      onLine: (line) => this.#onLine(line),
      onEnd: () => this.#end(OK),
    });
    if (this.#verbose !== null) this.#verbose.write = (text) => this.#show(text);
  }

  #onLine(line: string): void {
    if (this.#closing) return;
    try {
      if (this.#plan.slash && line.startsWith("/")) return this.#command(line);
      if (!this.#sender.isOpen) return this.#refuse("line");
      const size = Buffer.byteLength(line);
      this.#sender.send(line, size);
      this.#stats.count(this.#stats.sent, size);
    } catch (error) {
      this.#say((error as Error).message);
    }
  }

  /** What was typed for one connection may be wrong for the next one: it is not kept. */
  #refuse(what: string): void {
    const again = this.#plan.history ? "; the arrow up brings it back" : "";
    this.#say(`no connection is open: the ${what} was not sent${again}`);
  }

  /** `/ping [TEXT]`, `/close [CODE [REASON]]`. */
  #command(line: string): void {
    const [, name, rest = ""] = /^\/(\w*)\s*([^]*)$/.exec(line) ?? [];
    if (name === "ping") return this.#sender.isOpen ? void this.#sender.socket!.ping(rest) : this.#refuse("ping");
    const [, code, reason] = /^(?:(\d+)(?:\s+([^]*))?)?$/.exec(rest) ?? [];
    if (name === "close") {
      this.#link.close(code === undefined ? 1000 : Number(code), reason);
      this.#end(OK);
    } else this.#say(`there is no /${name}, only /ping [TEXT] and /close [CODE [REASON]]`);
  }

  /** Begins to close. The exit code of the first call counts. */
  #end(code: number): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#code = code;
    this.#stopQuiet();
    // From now on keys are for the shell, and Ctrl-C is a signal.
    this.#leaveTerminal();
    // To get the server's close frame, messages before it are read and dropped.
    this.#link.resume();
    if (this.#link.readyState <= 1) this.#link.close(...(this.#link.readyState === 1 ? [1000] : []));
  }

  #fail(error: unknown): void {
    this.#say(error instanceof CommandError ? error.message : String(error));
    const code = exitCodeOf(error);
    this.#end(code);
    // A failed write may be noticed only after --count was reached: the output is incomplete all the same.
    if (this.#code === OK) this.#code = code;
  }

  #leaveTerminal(): void {
    this.#terminal?.close();
    this.#terminal = null;
    if (this.#verbose !== null) this.#verbose.write = (text) => void process.stderr.write(text);
  }

  /** The first signal closes cleanly, the second ends the process at once. Returns a function that undoes it. */
  #catchSignals(): () => void {
    const listeners = Object.entries(SIGNALS).map(([name, code]) => {
      const listener = () => {
        if (this.#closing) process.exit(code);
        this.#end(code);
      };
      process.on(name, listener);
      return () => process.off(name, listener);
    });
    return () => listeners.forEach((off) => off());
  }

  #conclude(event: CloseEvent): number {
    this.#leaveTerminal();
    const { code } = event, isFeed = this.#link instanceof ReconnectingCurlWebSocket;
    if (!isFeed) this.#verbose?.closed(event);
    let exit = this.#code;
    if (exit === null && this.#error !== null) {
      this.#say(withFlagNames(this.#error.message));
      exit = exitCodeOf(this.#error);
    } else if (exit === null) {
      const normal = code === 1000 || code === 1005;
      if (!normal || this.#interactive) this.#say(wordsOfClose(event));
      exit = normal ? OK : CLOSED_BY_SERVER;
    }
    if (isFeed) this.#tellRest(exit);
    if (this.#plan.stats) process.stderr.write(this.#stats.report(this.#link));
    return exit;
  }

  /** The gap that a feed ends in, and what of the input has not left. */
  #tellRest(exit: number): void {
    if (this.#down !== null && this.#wasOpen) {
      const { since, words } = this.#down;
      this.#say(`gap from ${since.toISOString()} to the end, ${lasting(Date.now() - since.getTime())}: ${words}`);
    }
    const { bufferedAmount } = this.#sender;
    if (bufferedAmount > 0 && exit !== OK) this.#say(`${bufferedAmount} bytes of messages were not sent`);
  }

  /** Prints an error or a notice for people. */
  #say(text: string): void {
    this.#show(`${this.#paintError("error", `curlws: ${printableLines(text)}`)}\n`);
  }

  #show(text: string): void {
    if (this.#terminal === null) process.stderr.write(text);
    else this.#terminal.print(text);
  }
}

/** A gap for people, and for programs that look for its two times. */
function gapLine({ from, lostAt, to, reason }: GapEvent): string {
  const iso = (time: number) => new Date(time).toISOString();
  return `gap from ${iso(from)} to ${iso(to)}, ${lasting(to - lostAt)}: ${wordsOfEnd(reason)}`;
}

function lasting(time: number): string {
  return `${milliseconds(time)} without a connection`;
}
