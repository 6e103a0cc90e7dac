/** One attempt at a WebSocket connection: libcurl connects, the request is sent, and the response is read. */
import { withHandshake } from "../curl/read_connection.ts";
import type { ConnectionInfo } from "../observe/connection_info.ts";
import { Connector, type ConnectTarget } from "../curl/connector.ts";
import { READABLE, WRITABLE } from "../reactor/readiness.ts";
import type { Curl } from "../curl/library.ts";
import { END, type Transport, WOULD_BLOCK } from "../curl/transport.ts";
import { CurlWebSocketError, errorOf } from "../errors.ts";
import type { Agreement, HandshakeOffer } from "../handshake/agreement.ts";
import type { HeaderList } from "../handshake/fields.ts";
import { acceptFor, makeKey } from "../handshake/key.ts";
import { buildRequest, hasCredentials, type RequestExtras } from "../handshake/request.ts";
import { ResponseReader } from "../handshake/response.ts";
import type { Observer } from "../observe/observer.ts";
import { Deadline } from "../platform/deadline.ts";
import { paced } from "../platform/fair_queue.ts";
import { allocate } from "../platform/ffi.ts";
import { runtime } from "../platform/runtime.ts";
import { loadZlib } from "../platform/zlib.ts";
import type { Reactor } from "../reactor/reactor.ts";
import type { Source } from "../reactor/source.ts";
import { SendQueue } from "./send_queue.ts";

/** What one attempt connects to, and asks for there. */
export interface AttemptRequest extends RequestExtras {
  /** The `ws:` or `wss:` URL. */
  readonly url: URL;
  /** How libcurl connects. */
  readonly target: ConnectTarget;
  readonly headers: HeaderList;
  /** What to offer; without zlib no compression is offered all the same. */
  readonly offer: HandshakeOffer;
  /** How long the server may take for its response, ms; 0 for no limit. */
  readonly handshakeTimeout: number;
}

/**
 * How an attempt ends: exactly one of `onAccepted`, `onRefused` and `onFailed` is called, unless it is closed before. After the
 * first two the connection is still the attempt's, until it is taken or closed.
 */
export interface AttemptHandler {
  /** libcurl has connected. From now on the attempt has a limit of its own, `handshakeTimeout`. */
  onConnected(): void;
  /** Returns whether a refusal leads to another attempt, so that its body is of no use. */
  isFollowed(status: number, headers: HeaderList): boolean;
  /** The server agreed. `rest` came behind the response, and belongs to the first frames. */
  onAccepted(agreement: Agreement, rest: Uint8Array, info: ConnectionInfo): void;
  /** The server refused. `error` says so, and has the body. */
  onRefused(status: number, headers: HeaderList, error: CurlWebSocketError): void;
  /** There is no connection, or no response. The attempt has closed itself. */
  onFailed(error: CurlWebSocketError): void;
}

/** What a response is read into, one a thread: few are larger. */
const READ_SIZE = 16 * 1024;
let readBuffer: Uint8Array<ArrayBuffer> | undefined;

/**
 * How long the attempt waits for a refusal's body, ms, once its header is there: some servers neither say how long it is nor
 * close the connection. What comes in that time goes into the error, which is then reported within a second.
 */
const BODY_TIME = 750;

export class HandshakeAttempt implements Source {
  readonly isConnecting = true;
  readonly #curl: Curl;
  readonly #reactor: Reactor;
  readonly #request: AttemptRequest;
  readonly #handler: AttemptHandler;
  readonly #observer: Observer | null;
  #connector: Connector | null = null;
  #transport: Transport | null = null;
  #info: ConnectionInfo | null = null;
  #connectedAt = 0;
  /** Null before libcurl has connected, and after the response. */
  #response: ResponseReader | null = null;
  /** What of the request is still to be sent. */
  readonly #out: SendQueue = new SendQueue();
  /** Why the rest of the request could not be sent. The server may have refused before it had read all of it. */
  #unsent: CurlWebSocketError | null = null;
  /** Whether all of a refusal has come but its body. */
  #awaitsBody = false;
  readonly #deadline: Deadline = new Deadline(paced);
  #refed = true;
  #closed = false;

  /** Prepares an attempt, which begins with {@linkcode start}. */
  constructor(curl: Curl, reactor: Reactor, request: AttemptRequest, handler: AttemptHandler) {
    this.#curl = curl;
    this.#reactor = reactor;
    this.#request = request;
    this.#handler = handler;
    this.#observer = request.target.observer ?? null;
  }

  /**
   * Begins to connect.
   *
   * @throws {CurlWebSocketError} if libcurl cannot begin
   */
  start(): void {
    this.#observer?.attemptStarted?.(this.#request.url);
    if (this.#closed) return;
    const connector = new Connector(this.#curl, this.#reactor, this.#request.target, {
      onConnected: (transport, info) => this.#guard(() => this.#onConnected(transport, info)),
      onFailed: (error) => this.#fail(error),
    });
    // libcurl logs its first words in the constructor.
    if (this.#closed) return connector.close();
    this.#connector = connector;
    connector.setRef(this.#refed);
    connector.start();
  }

  /** The proxy that is being connected through, without its credentials; null if there is none, or libcurl has connected. */
  get proxyName(): string | null {
    return this.#connector?.proxyName ?? null;
  }

  /** Says whether the attempt keeps the process alive; it does by default. */
  setRef(refed: boolean): void {
    this.#refed = refed;
    this.#connector?.setRef(refed);
    this.#reactor.setRef(this, refed);
    this.#deadline.setRef(refed);
  }

  /** Ends the attempt, at any time, and closes its connection; the handler is not called any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#deadline.clear();
    this.#release()?.close();
  }

  /**
   * Returns the connection of an accepted attempt, which is the caller's to close from now on. Its socket is still watched:
   * so the caller's watch of it, in the same turn, takes no call.
   */
  take(): Transport {
    const transport = this.#transport!;
    this.#closed = true;
    this.#transport = null;
    this.#release();
    this.#reactor.detach(this);
    return transport;
  }

  onReactorError(error: CurlWebSocketError): void {
    this.#fail(error);
  }

  onReady(_fd: number, events: number): boolean {
    this.#guard(() => {
      // What has come goes first: a send that fails may end reading too, as it does in GnuTLS.
      if (this.#response !== null) this.#read();
      if (events & WRITABLE && this.#response !== null && !this.#closed) this.#flush();
    });
    return false;
  }

  /** Runs a step; what it throws ends the attempt. A step looks at `#closed` after each call of an observer, who may give up. */
  #guard(step: () => void): void {
    if (this.#closed) return;
    try {
      step();
    } catch (cause) {
      this.#fail(errorOf("connecting", cause));
    }
  }

  #fail(error: CurlWebSocketError): void {
    if (this.#closed) return;
    this.close();
    this.#handler.onFailed(error);
  }

  #onConnected(transport: Transport, info: ConnectionInfo): void {
    this.#connector = null;
    this.#transport = transport;
    this.#info = info;
    this.#connectedAt = performance.now();
    this.#observer?.connected?.(info);
    if (this.#closed) return;
    const { url, headers, offer: wanted, authorization, handshakeTimeout } = this.#request;
    const offer = wanted.deflate === null || loadZlib() !== null ? wanted : { ...wanted, deflate: null };
    const key = makeKey();
    const accept = acceptFor(key, (text) => runtime().sha1(text));
    const authorized = hasCredentials(url, headers, authorization);
    const onHead = (head: Uint8Array) => {
      if (!this.#closed) this.#observer?.headReceived?.(head);
    };
    const isFollowed = (status: number, headers: HeaderList) => this.#handler.isFollowed(status, headers);
    this.#response = new ResponseReader(accept, offer, isFollowed, authorized, onHead);
    this.#handler.onConnected();
    this.#deadline.limit(handshakeTimeout, this.#onTimeout);
    const request = buildRequest(url, key, offer, headers, this.#request);
    this.#observer?.requestSent?.(request);
    if (this.#closed) return;
    this.#reactor.attach(this);
    this.#reactor.setRef(this, this.#refed);
    this.#out.pushRaw(request);
    this.#flush();
  }

  /** The time for the response is up. */
  readonly #onTimeout = (): void => {
    this.#guard(() => {
      const { url: { host }, handshakeTimeout } = this.#request;
      const message = `${host} did not answer the handshake within handshakeTimeout, ${handshakeTimeout} ms`;
      this.#ended(new CurlWebSocketError("ERR_HANDSHAKE_TIMEOUT", message));
    });
  };

  #flush(): void {
    const transport = this.#transport!;
    try {
      this.#out.flush((bytes) => transport.send(bytes));
    } catch (error) {
      this.#unsent = this.#lost(errorOf("sending the handshake", error));
      this.#out.close();
      return this.#read();
    }
    this.#reactor.watch(transport.fd, this, READABLE | (this.#out.empty ? 0 : WRITABLE));
  }

  /** Reads what has come of the response. The reader bounds how much that can be. */
  #read(): void {
    const buffer = readBuffer ??= allocate(READ_SIZE);
    const transport = this.#transport!, response = this.#response!;
    for (;;) {
      let count: number, answer;
      try {
        count = transport.recv(buffer);
      } catch (error) {
        return this.#ended(this.#lost(errorOf("receiving the handshake", error)));
      }
      if (count === END) {
        const message = `${this.#request.url.host} closed the connection without answering the handshake`;
        return this.#ended(this.#lost(new CurlWebSocketError("ERR_CONNECTION_LOST", message)));
      }
      if (count === WOULD_BLOCK) break;
      try {
        answer = response.push(buffer.subarray(0, count));
      } catch (error) {
        return this.#refused(errorOf("reading the handshake", error));
      }
      // An observer may have been called with the response's head.
      if (this.#closed) return;
      if (answer !== null) return this.#accepted(answer.agreement, answer.rest.slice());
      // A socket that gave less than asked for is drained, unless libcurl reads ahead.
      if (!transport.readsAhead && count < buffer.length && this.#unsent === null) break;
    }
    if (this.#unsent !== null) return this.#ended(this.#unsent);
    if (response.refusing) this.#awaitBody();
  }

  /** The error of a connection that was lost, with what may be the reason: by an end or a reset, as the server's timing has it. */
  #lost(error: CurlWebSocketError): CurlWebSocketError {
    const { hint } = this.#transport!;
    if (hint === null || error.code !== "ERR_CONNECTION_LOST") return error;
    return new CurlWebSocketError(error.code, `${error.message}; ${hint}`, { ...error });
  }

  /** No more of the response comes: what came of a refusal counts, else `error`. */
  #ended(error: CurlWebSocketError): void {
    this.#refused(this.#response!.end() ?? error);
  }

  /** Bounds the wait for a refusal's body. */
  #awaitBody(): void {
    if (this.#awaitsBody) return;
    this.#awaitsBody = true;
    const { handshakeTimeout } = this.#request;
    const left = handshakeTimeout === 0 ? BODY_TIME : handshakeTimeout - (performance.now() - this.#connectedAt);
    this.#deadline.set(Math.max(0, Math.min(BODY_TIME, left)), this.#onTimeout);
  }

  #accepted(agreement: Agreement, rest: Uint8Array): void {
    const info = withHandshake(this.#info!, performance.now() - this.#connectedAt);
    this.#answered(() => this.#handler.onAccepted(agreement, rest, info));
  }

  /** The server responded with something else than yes, or with nothing. */
  #refused(error: CurlWebSocketError): void {
    if (this.#closed) return;
    const { status, headers = [] } = error;
    if (status === undefined) return this.#fail(error);
    this.#answered(() => this.#handler.onRefused(status, headers, error));
  }

  /** The response is complete. `report` calls the handler, which takes or closes the connection at once or later. */
  #answered(report: () => void): void {
    this.#response = null;
    this.#deadline.clear();
    report();
    if (this.#transport !== null) this.#reactor.watch(this.#transport.fd, this, 0);
  }

  /** Takes this out of the reactor. Returns what was under way, which is for the caller to close or keep. */
  #release(): { close(): void } | null {
    const connector = this.#connector, transport = this.#transport;
    this.#connector = this.#transport = this.#response = null;
    this.#out.close();
    if (transport !== null) {
      this.#reactor.watch(transport.fd, this, 0);
      this.#reactor.detach(this);
    }
    return transport ?? connector;
  }
}
