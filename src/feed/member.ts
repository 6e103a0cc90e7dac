/** One connection of a feed: an attempt, which is prepared, connects, is introduced by `connected`, stands, and ends. */
import { CurlWebSocketError, wordsOf } from "../errors.ts";
import { type Timer } from "../platform/runtime.ts";
import { CLOSE_ABNORMAL } from "../protocol/constants.ts";
import type { CurlWebSocket } from "../web/websocket.ts";
import type { FeedClock } from "./clock.ts";
import type { ConnectionEnd } from "../protocol/closing_handshake.ts";
import type { ConnectionInit } from "./connection_plan.ts";

/** What came in a message, as it came. */
export type Data = string | ArrayBuffer;

/** Receives what becomes of a connection; after `onEnded`, nothing. */
export interface MemberHost {
  /** It is open, and `connected` is done. */
  onStanding(member: Member): void;
  /** A message came; it may come before {@linkcode onStanding}. Returns whether microtasks should run now. */
  onMessage(member: Member, data: Data): boolean;
  onEnded(member: Member, end: ConnectionEnd): void;
}

/** How connections are made. */
export interface Dialing {
  readonly clock: FeedClock;
  /** As {@linkcode ConnectionPlan.initOf}. */
  initOf(attempt: number, index: number): ConnectionInit | Promise<ConnectionInit>;
  /** Makes a socket, whose messages come to `onMessage`. */
  create(init: ConnectionInit, onMessage: (data: Data) => boolean): CurlWebSocket;
  /** The socket is the feed's to read from now on. */
  takeOver(socket: CurlWebSocket): void;
  /** The option `connected`. */
  readonly connected: ((socket: CurlWebSocket, attempt: number, index: number) => unknown) | undefined;
  /** How long that may take, and so may {@linkcode initOf}, ms; 0 for no limit. */
  readonly connectedTimeout: number;
}

export class Member {
  /** Which of redundant connections it is one of. */
  readonly index: number;
  readonly attempt: number;
  readonly #dialing: Dialing;
  readonly #host: MemberHost;
  /** Null until what it is made with is known. */
  socket: CurlWebSocket | null = null;
  isStanding = false;
  isEnded = false;
  /** Whether another one has taken over from it. */
  isReplaced = false;
  /** When it stood, monotonic; 0 before. */
  #stoodAt = 0;
  /** When it stood, and when the last message came, epoch ms; 0 if it has not, or none has. */
  stoodSince = 0;
  lastMessageAt = 0;
  #error: CurlWebSocketError | null = null;
  #timer: Timer | null = null;
  /** Whether it keeps the process alive. */
  #refed = true;

  constructor(attempt: number, index: number, dialing: Dialing, host: MemberHost) {
    this.attempt = attempt;
    this.index = index;
    this.#dialing = dialing;
    this.#host = host;
  }

  /** Begins; the host is called later, never inside this call. */
  start(): void {
    const refuse = (cause: unknown) => this.#fail("ERR_HOOK", "an option's function failed", cause);
    try {
      const init = this.#dialing.initOf(this.attempt, this.index);
      if (!(init instanceof Promise)) return this.#connect(init);
      this.#limit("an option's function");
      init.then((made) => this.#connect(made), refuse);
    } catch (cause) {
      this.#dialing.clock.defer(() => refuse(cause));
    }
  }

  /** How long it has stood, ms; 0 if it has not. */
  get stoodFor(): number {
    return this.isStanding ? this.#dialing.clock.now() - this.#stoodAt : 0;
  }

  #connect(init: ConnectionInit): void {
    if (this.isEnded) return;
    this.#clearTimer();
    let socket: CurlWebSocket;
    try {
      socket = this.#dialing.create(init, (data) => this.#onMessage(data));
    } catch (cause) {
      this.#dialing.clock.defer(() => this.#fail("ERR_OPTIONS", "the connection could not be begun", cause));
      return;
    }
    this.socket = socket;
    if (!this.#refed) socket.unref();
    socket.addEventListener("open", () => this.#onOpen(socket));
    socket.addEventListener("error", ({ error }) => this.#error = error);
    socket.addEventListener("close", ({ code, reason, wasClean }) => {
      this.#end({ error: this.#error, code, reason, wasClean });
    });
  }

  #onOpen(socket: CurlWebSocket): void {
    const { connected } = this.#dialing;
    if (this.isEnded) return;
    if (connected === undefined) return this.#stand();
    this.#limit("connected()");
    const failed = (cause: unknown) => this.#fail("ERR_HOOK", "connected() failed", cause);
    try {
      const done = connected(socket, this.attempt, this.index);
      if (isThenable(done)) done.then(() => this.#stand(), failed);
      else this.#stand();
    } catch (cause) {
      failed(cause);
    }
  }

  /** What is the user's may not take for ever: a token server that hangs would end the feed without a word. */
  #limit(what: string): void {
    const { connectedTimeout, clock } = this.#dialing;
    if (connectedTimeout === 0) return;
    this.#timer = clock.setTimer(() => {
      this.#fail("ERR_HOOK", `${what} took longer than connectedTimeout, ${connectedTimeout} ms`, undefined);
    }, connectedTimeout);
    if (!this.#refed) this.#timer.unref();
  }

  #stand(): void {
    // The hook may have closed it, or the server while the hook ran: its close event comes.
    if (this.isEnded || this.socket!.readyState !== 1) return;
    this.#clearTimer();
    this.#dialing.takeOver(this.socket!);
    this.isStanding = true;
    this.#stoodAt = this.#dialing.clock.now();
    this.stoodSince = this.#dialing.clock.date();
    this.#host.onStanding(this);
  }

  #onMessage(data: Data): boolean {
    if (this.isEnded) return false;
    this.lastMessageAt = this.#dialing.clock.date();
    return this.#host.onMessage(this, data);
  }

  /** Closes it; its end is told. Without a connection, the attempt is given up. */
  close(code?: number, reason?: string): void {
    if (this.isEnded) return;
    if (this.socket?.readyState === 1) this.socket.close(code, reason);
    else if (this.socket?.readyState !== 2) this.abandon();
  }

  /** Gives it up at once; nothing more is told. */
  abandon(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#clearTimer();
    this.socket?.terminate();
  }

  /** Whether it keeps the process alive, whatever of it is there or to come; it does by default. */
  setRef(refed: boolean): void {
    this.#refed = refed;
    this.socket?.[refed ? "ref" : "unref"]();
    this.#timer?.[refed ? "ref" : "unref"]();
  }

  #fail(code: "ERR_HOOK" | "ERR_OPTIONS", what: string, cause: unknown): void {
    if (this.isEnded) return;
    const error = cause instanceof CurlWebSocketError && code === "ERR_OPTIONS"
      ? cause
      : new CurlWebSocketError(code, cause === undefined ? what : `${what}: ${wordsOf(cause)}`, { cause });
    this.#end({ error, code: CLOSE_ABNORMAL, reason: "", wasClean: false });
    this.socket?.terminate();
  }

  #end(end: ConnectionEnd): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#clearTimer();
    this.#host.onEnded(this, end);
  }

  #clearTimer(): void {
    this.#timer?.clear();
    this.#timer = null;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
