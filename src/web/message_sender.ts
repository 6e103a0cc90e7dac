/**
 * Sends a socket's messages in the order in which they were given, also if one of them is a Blob that is still being
 * read.
 */
import type { Connection } from "../connection/connection.ts";
import { CurlWebSocketError, errorOf, wordsOf } from "../errors.ts";
import { MAX_CONTROL_PAYLOAD, OPCODE_BINARY } from "../protocol/constants.ts";
import { bytesOf, isBuffer, NO_BYTES, type Sendable, utf8 } from "./webidl.ts";

export class MessageSender {
  readonly #connection: Connection;
  /** Settles when the last message that waits has been sent; null if none waits. What is sent now goes after it. */
  waiting: Promise<void> | null = null;
  /** Bytes of the messages that wait. */
  #waitingBytes = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Payload bytes that were given, and that the kernel has not got: they wait for it or for a Blob, or came too late. By
   * WHATWG those stay counted.
   */
  get bufferedAmount(): number {
    return this.#connection.bufferedAmount + this.#waitingBytes + this.#connection.refusedBytes;
  }

  /** As {@linkcode Sender.onProgress}. */
  onProgress(look: (isOver: boolean) => boolean): void {
    this.#connection.onProgress(look);
  }

  /** Sends bytes as they are now. `onQueued` is called when they are among what is to be sent, or too late for that. */
  send(opcode: number, payload: Uint8Array, onQueued?: (queued: boolean) => void): void {
    if (this.waiting === null) this.#transmit(opcode, payload, payload.length, onQueued);
    else this.#sendLater(opcode, payload.length, Promise.resolve(payload.slice()), onQueued);
  }

  /** As {@linkcode send}, once the bytes of a Blob are read. If they cannot be read, the connection ends. */
  sendBlob(blob: Blob, onQueued?: (queued: boolean) => void): void {
    const bytes = blob.arrayBuffer().then((buffer) => new Uint8Array(buffer));
    this.#sendLater(OPCODE_BINARY, blob.size, bytes, onQueued);
  }

  /**
   * Sends a ping or pong at once, whatever waits; that of a Blob when it is read, if the socket is still open then.
   * `onSent` is called when it is sent.
   *
   * @throws {DOMException} `InvalidStateError` if the socket is not open, `SyntaxError` if `data` is too long
   */
  control(
    kind: "ping" | "pong",
    data: Sendable,
    isOpen: () => boolean,
    onSent: (payload: Uint8Array) => void = () => {},
  ): void {
    if (!isOpen()) throw new DOMException(`${kind}() needs an open connection`, "InvalidStateError");
    const blob = data instanceof Blob;
    const payload = blob ? NO_BYTES : isBuffer(data) ? bytesOf(data) : utf8(data);
    const length = blob ? data.size : payload.length;
    if (length > MAX_CONTROL_PAYLOAD) {
      const message = `${kind} data must be at most ${MAX_CONTROL_PAYLOAD} bytes, and has ${length}`;
      throw new DOMException(message, "SyntaxError");
    }
    const send = (payload: Uint8Array) => {
      this.#connection[kind](payload);
      onSent(payload);
    };
    if (!blob) return send(payload);
    // A Blob that cannot be read, such as a file's that is gone, is no reason to end the connection for a sign of life.
    data.arrayBuffer().then((buffer) => isOpen() && send(new Uint8Array(buffer))).catch(reportError);
  }

  /** Begins the closing handshake after all messages. */
  close(code: number, reason: Uint8Array): void {
    if (this.waiting === null) return this.#connection.close(code, reason);
    this.#connection.willClose();
    void this.waiting.then(() => this.#connection.close(code, reason));
  }

  #transmit(opcode: number, payload: Uint8Array, size: number, onQueued?: (queued: boolean) => void): void {
    // A connection that has ended takes nothing, also before its last event says so.
    const queued = this.#connection.send(opcode, payload);
    if (!queued) this.#connection.refuse(size);
    onQueued?.(queued);
  }

  #sendLater(
    opcode: number,
    size: number,
    bytes: Promise<Uint8Array>,
    onQueued: ((queued: boolean) => void) | undefined,
  ): void {
    this.#waitingBytes += size;
    const before = this.waiting;
    const waiting: Promise<void> = (async () => {
      await before;
      const payload = await bytes.catch((cause) => {
        this.#connection.abort(
          new CurlWebSocketError("ERR_ABORTED", `a Blob could not be read: ${wordsOf(cause)}`, { cause }),
        );
        return NO_BYTES;
      });
      this.#waitingBytes -= size;
      try {
        this.#transmit(opcode, payload, size, onQueued);
      } catch (cause) {
        // No caller can catch it, and the messages after it must not go without it.
        this.#connection.refuse(size);
        onQueued?.(false);
        this.#connection.abort(errorOf("queueing a Blob, or a message behind one,", cause));
      }
    })();
    this.waiting = waiting;
    void waiting.then(() => {
      if (this.waiting === waiting) this.waiting = null;
    });
  }
}
