/** What a scenario does with sockets, and notes everything that a program can see of them. */
import {
  CurlWebSocket,
  CurlWebSocketError,
  type CurlWebSocketInit,
  CurlWebSocketStream,
  type CurlWebSocketStreamOptions,
} from "../../mod.ts";
import { USERS_ERROR } from "./failures.ts";
import type { Faults } from "./faults.ts";

/** Where the servers are. */
export interface Place {
  readonly ws: number;
  readonly wss: number;
  readonly proxy: number;
  readonly secureProxy: number;
  /** The CA of the TLS server, and its certificate and key, which serve as a client's too. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** A folder with the CA in `bundle.pem`, and by its hash. */
  readonly cas: string;
}

/** A user's callbacks, and what each may do that closes the socket, or is wrong. */
export const HOOKS: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  [
    ...["onopen", "onmessage", "onpong", "onerror", "onclose"].map((
      name,
    ) => [name, ["throws", "closes", "terminates"]]),
    ...["handshake", "open", "error", "close"].map((name) => [
      `curlws:${name}`,
      ["throws", "closes", "terminates", "aborts"],
    ]),
    ...["getCookieString", "setCookie"].map((name) => [
      name,
      ["throws", "rejects", "nonsense", "closes", "terminates", "aborts"],
    ]),
    ["getter", ["throws"]],
    ["toString", ["throws"]],
  ],
);

const CODES = new Set<string>();
/** The codes that docs/errors.md documents. */
export function documentedCodes(page: string): void {
  for (const [, code] of page.matchAll(/^\| `(ERR_\w+)`/gm)) CODES.add(code!);
}

const TIMEOUTS = { connectTimeout: 2_000, handshakeTimeout: 2_000, closeTimeout: 2_000 };

/** One socket and its events. */
export class Subject {
  readonly socket: CurlWebSocket;
  readonly #bench: Bench;
  readonly #name: string;
  readonly #log: string[] = [];
  readonly closed: Promise<void>;
  /** Whether it opened; false when it ended before. */
  readonly opened: Promise<boolean>;
  readonly #waiting: ((data: unknown) => void)[] = [];
  readonly #inbox: unknown[] = [];
  #errors = 0;
  #closes = 0;

  constructor(bench: Bench, name: string, url: string, options: CurlWebSocketInit) {
    this.#bench = bench;
    this.#name = name;
    this.socket = new CurlWebSocket(url, { ...TIMEOUTS, ...options });
    this.socket.binaryType = "arraybuffer";
    const { promise: closed, resolve: isClosed } = Promise.withResolvers<void>();
    const { promise: opened, resolve: isOpened } = Promise.withResolvers<boolean>();
    this.closed = closed;
    this.opened = opened;
    const problem = (text: string) => bench.faults.problems.push(`${name}: ${text}`);
    const late = (what: string) => this.#closes > 0 && problem(`${what} after close`);
    // Each first notes what came, then does as the user's callback is to do.
    this.socket.addEventListener("open", () => {
      late("open");
      this.#log.push("open");
      isOpened(true);
      bench.hook("onopen", this.socket);
    });
    this.socket.addEventListener("message", ({ data }) => {
      late("a message");
      if (this.#errors > 0) problem("a message after error");
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#inbox.push(data);
      else waiting(data);
      bench.hook("onmessage", this.socket);
    });
    this.socket.addEventListener("pong", () => {
      late("a pong");
      bench.hook("onpong", this.socket);
    });
    this.socket.addEventListener("error", ({ error }) => {
      late("error");
      if (++this.#errors > 1) problem("a second error");
      this.#log.push(`error ${bench.documented(name, error)}`);
      bench.hook("onerror", this.socket);
    });
    this.socket.addEventListener("close", ({ code, reason, wasClean }) => {
      if (++this.#closes > 1) problem("a second close");
      if (this.socket.readyState !== 3) problem(`readyState ${this.socket.readyState} at close`);
      if (this.#errors > 0 && (code !== 1006 || wasClean)) problem(`an error, and then close ${code} ${wasClean}`);
      this.#log.push(`close ${code}${reason && ` ${reason}`}${wasClean ? " clean" : ""}`);
      for (const waiting of this.#waiting.splice(0)) waiting(undefined);
      isOpened(false);
      isClosed();
      bench.hook("onclose", this.socket);
    });
  }

  /** Returns the next message, or undefined if there will be none. */
  next(): Promise<unknown> {
    if (this.#inbox.length > 0) return Promise.resolve(this.#inbox.shift());
    if (this.#closes > 0) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends messages at once, and compares what comes back, in its order. */
  async echo(...messages: (string | Uint8Array<ArrayBuffer>)[]): Promise<void> {
    let sent = 0;
    while (sent < messages.length && this.send(messages[sent]!)) sent++;
    for (const message of messages.slice(0, sent)) {
      const echoed = await this.next();
      if (echoed === undefined) return;
      if (same(message, echoed)) continue;
      this.#bench.faults.problems.push(`${this.#name}: ${describe(echoed)} came back for ${describe(message)}`);
    }
    this.note(`echo ${sent}`);
  }

  /** Sends one message, if it can be sent. */
  send(message: string | Uint8Array<ArrayBuffer> | Blob): boolean {
    if (this.socket.readyState !== 1) return false;
    try {
      this.socket.send(message);
      return true;
    } catch (error) {
      // The message is the caller's as before.
      if (error instanceof RangeError && error.message.startsWith("torture: ")) this.note("send() threw RangeError");
      else this.note(`send() threw ${this.#bench.documented(this.#name, error)}`);
      return false;
    }
  }

  note(text: string): void {
    this.#log.push(text);
  }

  get log(): string {
    return `${this.#name}: ${this.#log.join(", ")}`;
  }
}

function describe(data: unknown): string {
  if (typeof data === "string") return `text of ${data.length}`;
  return `${(data as ArrayBuffer | null)?.byteLength ?? data} bytes`;
}

function same(sent: string | Uint8Array, received: unknown): boolean {
  if (typeof sent === "string") return sent === received;
  if (!(received instanceof ArrayBuffer) || received.byteLength !== sent.length) return false;
  const bytes = new Uint8Array(received);
  return sent.every((byte, index) => byte === bytes[index]);
}

/** Makes the sockets of one run, and knows which fault it has. */
export class Bench {
  readonly faults: Faults;
  readonly place: Place;
  readonly subjects: Subject[] = [];
  readonly #notes: string[] = [];
  readonly abort: AbortController = new AbortController();

  constructor(faults: Faults, place: Place) {
    this.faults = faults;
    this.place = place;
  }

  /** What could be seen. */
  get log(): string {
    return [...this.subjects.map(({ log }) => log), ...this.#notes].join("; ");
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  url(path: string, secure = false): string {
    return secure ? `wss://127.0.0.1:${this.place.wss}${path}` : `ws://127.0.0.1:${this.place.ws}${path}`;
  }

  /** A socket, or null where the constructor threw something documented. */
  socket(path: string, { secure = false, ...options }: CurlWebSocketInit & { secure?: boolean } = {}): Subject | null {
    const tls = secure ? { tls: { ca: this.place.ca, ...options.tls } } : {};
    try {
      const name = `socket ${this.subjects.length + 1}`;
      const subject = new Subject(this, name, this.url(path, secure), { ...options, ...tls });
      this.subjects.push(subject);
      return subject;
    } catch (error) {
      this.note(`the constructor threw ${this.documented("the constructor", error)}`);
      return null;
    }
  }

  stream(path: string, options: CurlWebSocketStreamOptions): CurlWebSocketStream | null {
    try {
      return new CurlWebSocketStream(this.url(path), { ...TIMEOUTS, ...options });
    } catch (error) {
      this.note(`the constructor threw ${this.documented("the constructor", error)}`);
      return null;
    }
  }

  /** An error's code; one that is not documented is a problem. */
  documented(where: string, error: unknown): string {
    if (error instanceof CurlWebSocketError && CODES.has(error.code)) return error.code;
    if (error instanceof Error && error.message === USERS_ERROR) return "the user's own error";
    // What a stream's promises are rejected with, as the standard says.
    if (error === this.abort.signal.reason) return "the signal's reason";
    this.faults.problems.push(`${where} told an error that is not documented: ${(error as Error)?.stack ?? error}`);
    return `${error}`;
  }

  /** A user's callback runs. */
  hook(name: string, socket: CurlWebSocket | null): unknown {
    switch (this.faults.called(name)) {
      case "throws":
        throw new Error(USERS_ERROR);
      case "rejects":
        return Promise.reject(new Error(USERS_ERROR));
      case "nonsense":
        return Object.create(null);
      case "closes":
        (socket ?? this.subjects.at(-1)?.socket)?.close();
        break;
      case "terminates":
        (socket ?? this.subjects.at(-1)?.socket)?.terminate();
        break;
      case "aborts":
        this.abort.abort(new Error("torture: aborted"));
    }
    return undefined;
  }

  /** A cookie jar; `later` gives promises. */
  jar(later: boolean): { getCookieString(url: string): string | Promise<string>; setCookie(): unknown } {
    const socket = () => this.subjects.at(-1)?.socket ?? null;
    return {
      getCookieString: () => {
        const own = this.hook("getCookieString", socket());
        if (own !== undefined) return own as Promise<string>;
        return later ? Promise.resolve("a=b") : "a=b";
      },
      setCookie: () => {
        const own = this.hook("setCookie", socket());
        return own !== undefined ? own : later ? Promise.resolve() : undefined;
      },
    };
  }
}
