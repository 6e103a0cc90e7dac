/** The life of a `ws` socket: it is opened, over redirects if need be, then open, then closed; its socket emits the events. */
import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import { Connection, type ConnectionHandler } from "../src/connection/connection.ts";
import type { CurlWebSocketError } from "../src/errors.ts";
import type { Agreement } from "../src/handshake/agreement.ts";
import type { CompleteOptions } from "../src/options/options.ts";
import { reportLater } from "../src/platform/runtime.ts";
import type { ConnectionEnd } from "../src/protocol/closing_handshake.ts";
import { OPCODE_TEXT } from "../src/protocol/constants.ts";
import { MessageSender } from "../src/web/message_sender.ts";
import type { Settings } from "./client_options.ts";
import { CLOSED_EARLY, connectionError, notOpen, openingError, unexpectedResponse } from "./errors.ts";
import { cleanEnds, type Socket, type WebSocketEvents } from "./events.ts";
import type { HandshakeRequest } from "./handshake_request.ts";
import { IncomingResponse } from "./incoming_response.ts";
import { Opening, type OpeningHost } from "./opening.ts";
import { BINARY_TYPES, EMPTY, received, sizeOf, toBytes, type WsBinaryType } from "./payload.ts";
import { type SendCallback, SendCallbacks } from "./send_callbacks.ts";

const CLOSE_ABNORMAL = 1006;
const AGREED = "Switching Protocols";

/** Never inside the call that it belongs to. */
const later = (callback: SendCallback, error: Error): void => queueMicrotask(() => callback(error));

interface Fragments {
  readonly opcode: number;
  readonly parts: Uint8Array[];
  readonly callbacks: SendCallback[];
}

export class ClientConnection implements ConnectionHandler, OpeningHost {
  readonly owner: Socket;
  /** `ws` delivers messages after `close()` too. */
  readonly wantsLateMessages = true;
  /** Of `ws`: CONNECTING, OPEN, CLOSING, CLOSED. */
  readyState: 0 | 1 | 2 | 3 = 0;
  binaryType: WsBinaryType = BINARY_TYPES[0]!;
  /** What was agreed, or `""`. */
  protocol = "";
  extensions = "";
  /** That of the present attempt, or the last one; null before the first. */
  connection: Connection | null = null;
  /** Null before the connection is open. */
  sender: MessageSender | null = null;
  readonly #protocols: readonly string[];
  /** Null when the connection is open: what only opening needs goes with it. */
  #opening: Opening | null;
  #url = "";
  #callbacks: SendCallbacks | null = null;
  /** The parts of a message whose last part is still to come. */
  #fragments: Fragments | null = null;
  /** Bytes that were given when it was too late for a sender. */
  #lateBytes = 0;
  #refed = true;
  /** Whether `error` was emitted, or will be, while connecting: what the connection reports then is of no use. */
  #failed = false;

  /** @throws {SyntaxError} for a bad URL */
  constructor(owner: Socket, address: string | URL, protocols: readonly string[], settings: Settings) {
    this.owner = owner;
    this.#protocols = protocols;
    this.#opening = new Opening(address, protocols, settings, this);
  }

  /** Makes the first request. What is wrong with the options is thrown. */
  start(): void {
    this.#opening!.start();
  }

  get url(): string {
    return this.#opening?.url ?? this.#url;
  }

  /** Payload bytes that the kernel has not taken, and those that came too late. */
  get bufferedAmount(): number {
    return (this.sender?.bufferedAmount ?? 0) + this.#lateBytes;
  }

  get looksAfterRedirects(): boolean {
    return this.owner.listenerCount("redirect") > 0;
  }

  setRef(refed: boolean): void {
    this.#refed = refed;
    this.connection?.setRef(refed);
  }

  onRequest(request: HandshakeRequest, redirected: boolean): void {
    if (redirected) this.#tell("redirect", this.url, request);
    // The listener may have closed the socket, or given the request up.
    if (this.readyState !== 0 || request.destroyed) return;
    this.#opening!.finish(request, this.owner);
  }

  connect(url: URL, options: CompleteOptions): void {
    if (this.readyState !== 0) return;
    this.connection = new Connection(url, this.#protocols, options, this);
    this.connection.setRef(this.#refed);
  }

  onDestroyed(request: HandshakeRequest, error: Error | undefined): void {
    if (this.readyState !== 0 || request !== this.#opening!.request) return;
    // After the response nothing is left to end: as in `ws`, the socket waits for close() or terminate().
    if (request.res !== null) return void request.res.resume();
    this.giveUp(error ?? Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }));
  }

  onOpen({ protocol, extensions, headers }: Agreement): void {
    if (this.readyState !== 0) return;
    if (this.owner.listenerCount("upgrade") > 0) {
      this.#tell("upgrade", new IncomingResponse(101, AGREED, headers, null));
      // The listener may have closed the socket.
      if ((this.readyState as number) !== 0) return;
    }
    this.#url = this.url;
    this.#opening = null;
    this.sender = new MessageSender(this.connection!);
    this.protocol = protocol;
    // Without its parameters, as `ws` has it. It is a part of the response's text, which it would keep in memory.
    this.extensions = extensions === "" ? "" : "permessage-deflate";
    this.readyState = 1;
    this.#tell("open");
  }

  readonly onMessage = (data: string | ArrayBuffer): boolean => {
    this.#tell("message", received(data, this.binaryType), typeof data !== "string");
    return true;
  };

  onPing(payload: Uint8Array<ArrayBuffer>): boolean {
    if (this.owner.listenerCount("ping") === 0) return false;
    this.#tell("ping", Buffer.from(payload.buffer));
    return true;
  }

  onPong(payload: Uint8Array<ArrayBuffer>): void {
    this.#tell("pong", Buffer.from(payload.buffer));
  }

  onClosing(): void {
    this.readyState = 2;
  }

  onSendFailed(): void {}

  onClosed({ code, reason, wasClean, error }: ConnectionEnd): void {
    if (this.#failed) return;
    if (this.readyState === 0) return this.#onNotOpened(error!);
    this.readyState = 2;
    this.#endSending();
    // Of a connection that was lost, `ws` says no more than the code, 1006.
    if (error !== null && error.code !== "ERR_CONNECTION_LOST") this.#tell("error", connectionError(error));
    if (wasClean) cleanEnds.add(this.owner);
    this.#close(code, reason === "" ? EMPTY : Buffer.from(reason));
  }

  #onNotOpened(error: CurlWebSocketError): void {
    const { code, status = 0, statusText = "", headers = [], body = null } = error;
    if (code !== "ERR_HANDSHAKE_STATUS" && code !== "ERR_HANDSHAKE_REDIRECT") {
      return this.#fail(openingError(error, this.#opening!.offersDeflate));
    }
    try {
      if (this.#opening!.follow(error)) return;
    } catch (cause) {
      return this.#fail(cause as Error);
    }
    if (this.owner.listenerCount("unexpected-response") === 0) return this.#fail(unexpectedResponse(status, error));
    const request = this.#opening!.request!;
    request.res = new IncomingResponse(status, statusText, headers, body);
    this.#tell("unexpected-response", request, request.res);
  }

  /** While connecting: `error` and `close` come in a later task. */
  giveUp(error: Error = new Error(CLOSED_EARLY)): void {
    this.readyState = 2;
    this.#failed = true;
    this.connection?.abort(null);
    queueMicrotask(() => this.#fail(error));
  }

  /**
   * Sends a message, or keeps a part of one until its last part comes. Calls back when the kernel has taken it, or with the
   * error if it is not sent.
   */
  send(opcode: number, data: unknown, last: boolean, callback: SendCallback | undefined): void {
    if (!last || this.#fragments !== null) this.#addFragment(opcode, data, last, callback);
    else this.#send(opcode, data, callback);
  }

  #addFragment(opcode: number, data: unknown, last: boolean, callback: SendCallback | undefined): void {
    if (data instanceof Blob) throw new TypeError("a Blob cannot be a part of a message; send its bytes");
    const { parts, callbacks, opcode: first } = this.#fragments ??= { opcode, parts: [], callbacks: [] };
    parts.push(toBytes(data).slice());
    if (callback !== undefined) callbacks.push(callback);
    if (!last) return;
    this.#fragments = null;
    this.#send(first, Buffer.concat(parts), (error) => callbacks.forEach((each) => each(error)));
  }

  #send(opcode: number, data: unknown, callback: SendCallback | undefined): void {
    const sender = this.sender!;
    if (data instanceof Blob) return sender.sendBlob(data, this.#whenQueued(callback, true));
    // The usual case, which encodes the text where it is sent from.
    if (typeof data === "string" && opcode === OPCODE_TEXT && sender.waiting === null) {
      if (!this.connection!.sendText(data)) this.tooLate(sizeOf(data), callback);
      else this.#queued(callback);
      return;
    }
    sender.send(opcode, toBytes(data), this.#whenQueued(callback, sender.waiting !== null));
  }

  /** Sends a ping or pong; calls back as {@linkcode send}. */
  control(kind: "ping" | "pong", data: unknown, callback: SendCallback | undefined): void {
    this.sender!.control(kind, data instanceof Blob ? data : toBytes(data), () => this.readyState === 1);
    this.#queued(callback);
  }

  /** Begins the closing handshake; a code of 0 stands for none. */
  close(code: number, reason: Uint8Array): void {
    this.readyState = 2;
    this.sender!.close(code, reason);
  }

  /** Ends an open connection at once. */
  terminate(): void {
    this.readyState = 2;
    this.#endSending();
    this.connection!.abort(null);
  }

  /** Counts what was given too late to be sent, and calls back with the error. */
  tooLate(bytes: number, callback: SendCallback | undefined): void {
    if (this.sender === null) this.#lateBytes += bytes;
    else this.connection!.refuse(bytes);
    if (callback !== undefined) later(callback, notOpen(this.readyState));
  }

  /** Something was queued: calls back when it has gone to the kernel. */
  #queued(callback: SendCallback | undefined): void {
    if (callback !== undefined) this.#callbacks ??= new SendCallbacks(this.connection!);
    this.#callbacks?.queued(callback);
  }

  #whenQueued(callback: SendCallback | undefined, waits: boolean): ((queued: boolean) => void) | undefined {
    if (callback === undefined && this.#callbacks === null) return undefined;
    return (queued) => {
      if (queued) return this.#queued(callback);
      if (callback === undefined) return;
      // The sender counts what is too late.
      later(callback, waits ? new Error("The socket was closed while the blob was being read") : notOpen(2));
    };
  }

  /** Nothing more is sent: who waits for it gets the error. */
  #endSending(): void {
    this.#callbacks?.end(notOpen(2));
    for (const callback of this.#fragments?.callbacks ?? []) later(callback, notOpen(2));
    this.#fragments = null;
  }

  #fail(error: Error): void {
    this.#failed = true;
    this.readyState = 2;
    this.#tell("error", error);
    this.#close(CLOSE_ABNORMAL, EMPTY);
  }

  #close(code: number, reason: Buffer): void {
    this.readyState = 3;
    this.#tell("close", code, reason);
  }

  /** What a listener throws is an uncaught error, and no matter of the connection's. */
  #tell<Name extends keyof WebSocketEvents>(name: Name, ...args: WebSocketEvents[Name]): void {
    try {
      (this.owner as EventEmitter).emit(name, ...args);
    } catch (error) {
      reportLater(error);
    }
  }
}
