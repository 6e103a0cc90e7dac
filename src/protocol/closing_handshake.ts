/**
 * How a connection ends, RFC 6455 section 7, as one state machine: who sent a close frame, what may still be sent and
 * delivered, when the end is clean, and which code the user gets. Knows no socket, timer or libcurl: its host has them.
 */
import { CurlWebSocketError, errorOf } from "../errors.ts";
import { CLOSE_ABNORMAL, CLOSE_NO_STATUS } from "./constants.ts";

/** How a connection ended, or why there was none. */
export interface ConnectionEnd {
  /** The code of the server's close frame, 1005 if that has none, 1006 if there was no close frame. */
  readonly code: number;
  /** The reason that the server gave, or `""`. */
  readonly reason: string;
  /** Whether both close frames went their way. */
  readonly wasClean: boolean;
  /** What went wrong; null if the server sent a close frame, or this side ended it. */
  readonly error: CurlWebSocketError | null;
}

/** What waits for the peer, or for the network. */
export type ClosingLimit =
  /** The time that the user gives the server to close. */
  | "closeTimeout"
  /** A moment for a connection that has nothing more to say. */
  | "linger";

/** Does what a {@linkcode ClosingHandshake} decides; any of it may call the machine again before it returns. */
export interface ClosingHost {
  /** Whether all that was queued has left, our close frame too. */
  isDrained(): boolean;
  /** Queues our close frame, and does not yet send it; a code of 0 stands for none. May throw if memory runs out. */
  queueClose(code: number, reason: Uint8Array): void;
  /** The closing handshake has begun, or the connection failed: no message is delivered any more. */
  onClosing(): void;
  /** Calls {@linkcode ClosingHandshake.timedOut} after that time, and no more after the limit before. */
  wait(limit: ClosingLimit): void;
  /** Sends what is queued, as far as it goes: at once, or at the end of the task. */
  flush(): void;
  flushSoon(): void;
  /** Ends the sending direction of TCP. */
  endSending(): void;
  /** Frees the connection and reports its end. Called once; then the machine calls nothing any more. */
  finish(result: ConnectionEnd): void;
}

/** This much of what was queued before our close frame has to leave in a closeTimeout for another one to begin, bytes. */
const PROGRESS = 64 * 1024;

const encoder = new TextEncoder();
const NO_REASON = new Uint8Array(0);

export class ClosingHandshake {
  readonly #host: ClosingHost;
  /** Whether the user called `close()`, or has said that it will be called: then an end of TCP is no surprise. */
  #called = false;
  /** Whether our close frame is being queued: nothing may follow it (section 5.5.1). */
  #sent = false;
  /** Whether it is among what is queued, or has left. */
  #queued = false;
  /** The server's close frame. */
  #received: { readonly code: number; readonly reason: string } | null = null;
  /** The server ended TCP behind its close frame; ours may still have to go out. */
  #ended = false;
  /** Whether both close frames went their way, and only the end of TCP is missing. */
  #done = false;
  /** The peer broke the protocol, or this side cannot go on: reported when our close frame, which says so, is out. */
  #failure: CurlWebSocketError | null = null;
  /** What ended the sending. What has come is still read, since it may hold a close frame. */
  #sendError: CurlWebSocketError | null = null;
  #finished = false;
  /** Bytes that went out of what was queued before our close frame, since the closeTimeout began. */
  #progress = 0;

  readonly #wantsLateMessages: boolean;

  constructor(host: ClosingHost, wantsLateMessages: boolean = false) {
    this.#host = host;
    this.#wantsLateMessages = wantsLateMessages;
  }

  /** Whether a frame can be queued: our close frame is not, and the network takes bytes. */
  get maySend(): boolean {
    return !this.#sent && !this.#finished && this.#sendError === null;
  }

  /**
   * Whether messages are delivered. WHATWG's `close()` ends that at once, a failure too. `ws` delivers until the server's
   * close frame.
   */
  get mayDeliver(): boolean {
    return (!this.#sent || this.#wantsLateMessages) && this.#failure === null;
  }

  /** Whether what comes is still of use; bytes that come behind a violation are read, so that the peer gets no reset. */
  get reads(): boolean {
    return !this.#finished && !this.#ended;
  }

  /** Whether our close frame is queued. */
  get sent(): boolean {
    return this.#sent;
  }

  /** Whether the connection fails: nothing that comes is looked at. */
  get failing(): boolean {
    return this.#failure !== null;
  }

  /** Whether {@linkcode ClosingHost.finish} was called. */
  get finished(): boolean {
    return this.#finished;
  }

  /** {@linkcode close} will be called when what is sent before it has been queued. */
  willClose(): void {
    this.#called = true;
  }

  /** The user closes: begins the closing handshake behind all that is queued. */
  close(code: number, reason: Uint8Array): void {
    this.#called = true;
    this.#send(code, reason);
    // A failure has its own limit, and is what will be reported.
    if (this.#received === null && this.#failure === null) this.#await();
  }

  /** The server's close frame came. */
  receive(code: number, reason: string): void {
    if (this.#finished) return;
    this.#received = { code, reason };
    this.#host.onClosing();
    // Section 5.5.1: the reply typically echoes the code.
    this.#send(code === CLOSE_NO_STATUS ? 0 : code, NO_REASON);
    if (this.#left) this.#complete();
    else this.#await();
  }

  /** This cannot go on: a close frame with `code` says so to the server, and `error` to the user. */
  fail(error: CurlWebSocketError, code: number, reason: string): void {
    if (this.#finished) return;
    // Again: nothing can be read any more, so there is nothing to wait for.
    if (this.#failure !== null) return this.end(null);
    this.#failure = error;
    this.#host.onClosing();
    this.#send(code, encoder.encode(reason));
    if (!this.#finished) this.#host.wait("linger");
  }

  /** Nothing can be sent any more. What has come is read first; then the host calls {@linkcode end}. */
  failSending(error: CurlWebSocketError): void {
    this.#sendError ??= error;
    // There is nothing to be read.
    if (this.#failure !== null || this.#ended) this.end(null);
  }

  /** Nothing more comes: the server ended TCP, or `error` did. */
  end(error: CurlWebSocketError | null): void {
    if (this.#finished) return;
    if (this.#failure !== null) return this.#finish(CLOSE_ABNORMAL, "", false, this.#failure);
    const broken = this.#sendError ?? error;
    if (this.#received === null) {
      const lost = broken ??
        new CurlWebSocketError("ERR_CONNECTION_LOST", "the server closed the connection without a close frame");
      // As browsers do: a program that called close() learns that the end was not clean, but gets no error.
      return this.#finish(CLOSE_ABNORMAL, "", false, this.#called ? null : lost);
    }
    if (broken !== null || this.#left) return this.#conclude();
    this.#ended = true;
    this.#host.flush();
  }

  /** `bytes` of what is queued went out. */
  progress(bytes: number): void {
    if (!this.#sent || this.#failure !== null || this.#finished) return;
    if (this.#left && this.#received !== null) return this.#complete();
    // A peer that still takes what was queued before the close frame is given more time; one that takes a byte now and
    // then is not.
    this.#progress += bytes;
    if (this.#left ? bytes > 0 : this.#progress >= PROGRESS) this.#await();
  }

  /** The time of the last {@linkcode ClosingHost.wait} is up. */
  timeOut(): void {
    if (this.#failure !== null) this.end(null);
    else if (this.#received !== null) this.#conclude();
    else this.#finish(CLOSE_ABNORMAL, "", false, null);
  }

  /** Ends at once, without a closing handshake. A failure that is still to be reported goes before `error`. */
  abort(error: CurlWebSocketError | null): void {
    this.#finish(CLOSE_ABNORMAL, "", false, this.#failure ?? error);
  }

  /** Whether our close frame, and so all before it, has left. */
  get #left(): boolean {
    return this.#queued && this.#host.isDrained();
  }

  #send(code: number, reason: Uint8Array): void {
    if (!this.maySend) return;
    this.#sent = true;
    try {
      this.#host.queueClose(code, reason);
    } catch (error) {
      // Nothing else would end the connection.
      return this.#finish(CLOSE_ABNORMAL, "", false, this.#failure ?? errorOf("queueing the close frame", error));
    }
    this.#queued = true;
    if (!this.#finished) this.#host.flushSoon();
  }

  /** Limits the wait for the server's close frame, or for the network to take ours. */
  #await(): void {
    if (this.#finished) return;
    this.#progress = 0;
    this.#host.wait("closeTimeout");
  }

  /**
   * Both close frames went their way. A server ends TCP first, section 7.1.1, but few do: this side ends its direction at
   * once, and gives the server a moment to end its own.
   */
  #complete(): void {
    if (this.#done || this.#finished) return;
    this.#done = true;
    if (this.#ended) return this.#conclude();
    this.#host.endSending();
    if (!this.#finished) this.#host.wait("linger");
  }

  /** Ends with what the server's close frame said. Section 7.1.4: it is clean if both close frames went their way. */
  #conclude(): void {
    const { code, reason } = this.#received!;
    this.#finish(code, reason, this.#left, null);
  }

  #finish(code: number, reason: string, wasClean: boolean, error: CurlWebSocketError | null): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#host.finish({ code, reason, wasClean, error });
  }
}
