/** One connection's life: open, messages both ways, and how it ends. */
import { Buffer } from "node:buffer";
import process from "node:process";
import type { CurlWebSocket, CurlWebSocketError } from "../../mod.ts";
import { printable, printableLines, shownSubprotocols, shownUrl } from "../../src/observe/redact.ts";
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
import { Stats } from "./stats.ts";
import type { Verbose } from "./verbose.ts";

/** After the end of input the session closes once no message came for this long, ms: enough for a reply over the Internet. */
const DEFAULT_WAIT = 1000;

/** A session. Call {@linkcode run} once. */
export class Session {
  readonly #socket: CurlWebSocket;
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

  constructor(socket: CurlWebSocket, plan: Plan, verbose: Verbose | null) {
    this.#socket = socket;
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
        if (this.#terminal === null) return sink(bytes);
        this.#terminal.print(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
        return Promise.resolve();
      },
      {
        onFull: () => socket.pause(),
        onDrained: () => socket.resume(),
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
    const socket = this.#socket, { maxTime } = this.#plan;
    socket.binaryType = "arraybuffer";
    const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
    socket.onopen = () => this.#onOpen();
    socket.onmessage = ({ data }) => this.#onMessage(data);
    socket.onerror = (event) => this.#error = event.error;
    if (this.#verbose !== null) socket.addEventListener("pong", () => this.#verbose?.pong(socket));
    const release = this.#catchSignals();
    const timer = maxTime === undefined ? undefined : setTimeout(() => {
      if (!this.#closing) this.#say(`--max-time, ${maxTime / 1000} s, has passed`);
      this.#end(TIMED_OUT);
    }, maxTime);
    const event = await closed;
    clearTimeout(timer);
    clearTimeout(this.#quietTimer);
    await this.#output.flush();
    const code = this.#conclude(event);
    release();
    return code;
  }

  #onOpen(): void {
    this.#stats.opened();
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
    const { binary, maxSize, wait, count } = this.#plan, socket = this.#socket;
    const onSent = (size: number) => this.#stats.count(this.#stats.sent, size);
    const sent = await sendInput(socket, { binary, maxSize, onSent });
    await drained(socket, 0);
    if (socket.readyState !== 1 || this.#closing) return;
    // An input that is empty from the start counts as no input.
    const quiet = wait ?? (sent === 0 || count !== Infinity ? Infinity : DEFAULT_WAIT);
    if (quiet === Infinity) return;
    this.#quiet = quiet;
    this.#quietTimer = setTimeout(() => this.#end(OK), quiet);
  }

  #startTerminal(): void {
    const history = this.#plan.history ? new History() : null;
    const { url, protocol } = this.#socket;
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
    const socket = this.#socket;
    if (socket.readyState !== 1) return;
    try {
      if (this.#plan.slash && line.startsWith("/")) return this.#command(line);
      socket.send(line);
      this.#stats.count(this.#stats.sent, Buffer.byteLength(line));
    } catch (error) {
      this.#say((error as Error).message);
    }
  }

  /** `/ping [TEXT]`, `/close [CODE [REASON]]`. */
  #command(line: string): void {
    const [, name, rest = ""] = /^\/(\w*)\s*([^]*)$/.exec(line) ?? [];
    if (name === "ping") return this.#socket.ping(rest);
    const [, code, reason] = /^(?:(\d+)(?:\s+([^]*))?)?$/.exec(rest) ?? [];
    if (name === "close") {
      this.#socket.close(code === undefined ? 1000 : Number(code), reason);
      this.#end(OK);
    } else this.#say(`there is no /${name}, only /ping [TEXT] and /close [CODE [REASON]]`);
  }

  /** Begins to close. The exit code of the first call counts. */
  #end(code: number): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#code = code;
    clearTimeout(this.#quietTimer);
    // From now on keys are for the shell, and Ctrl-C is a signal.
    this.#leaveTerminal();
    // To get the server's close frame, messages before it are read and dropped.
    this.#socket.resume();
    if (this.#socket.readyState <= 1) this.#socket.close(...(this.#socket.readyState === 1 ? [1000] : []));
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
    this.#verbose?.closed(event);
    const { code, reason } = event;
    const words = `${code}${reason === "" ? "" : ` ${printable(reason)}`}`;
    let exit = this.#code;
    if (exit === null && this.#error !== null) {
      this.#say(withFlagNames(this.#error.message));
      exit = exitCodeOf(this.#error);
    } else if (exit === null) {
      const normal = code === 1000 || code === 1005;
      if (!normal || this.#interactive) this.#say(`the server closed the connection: ${words}`);
      exit = normal ? OK : CLOSED_BY_SERVER;
    }
    if (this.#plan.stats) process.stderr.write(this.#stats.report(this.#socket));
    return exit;
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
