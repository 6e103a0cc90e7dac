/** `createWebSocketStream()` of `ws`: a socket as a stream of Node's. */
import { Buffer } from "node:buffer";
import process from "node:process";
import { Duplex, type DuplexOptions } from "node:stream";
import type { WebSocket } from "./websocket.ts";

type Done = (error?: Error | null) => void;

/**
 * Returns a stream over a socket: what is written is sent, a message each; what comes is read, and is waited for by
 * pausing the socket. Ending the stream closes the socket, destroying it terminates it.
 *
 * ```ts
 * import WebSocket, { createWebSocketStream } from "@curlws/curlws/ws";
 *
 * const stream = createWebSocketStream(new WebSocket("wss://example.com/feed"), { encoding: "utf8" });
 * stream.pipe(process.stdout);
 * ```
 */
export function createWebSocketStream(socket: WebSocket, options?: DuplexOptions): Duplex {
  return new WebSocketDuplex(socket, options);
}

class WebSocketDuplex extends Duplex {
  readonly #socket: WebSocket;
  /** The error of the socket, which is being closed anyway: its close frame is to go out. */
  #closes = false;

  constructor(socket: WebSocket, options: DuplexOptions = {}) {
    super({ ...options, autoDestroy: false, emitClose: false, objectMode: false, writableObjectMode: false });
    this.#socket = socket;
    socket.on("message", (data, isBinary) => {
      const message = !isBinary && this.readableObjectMode ? data.toString() : data;
      if (!this.push(message)) socket.pause();
    });
    socket.once("error", (error) => {
      if (this.destroyed) return;
      this.#closes = true;
      this.destroy(error);
    });
    socket.once("close", () => {
      if (!this.destroyed) this.push(null);
    });
    this.on("end", () => {
      if (!this.destroyed && this.writableFinished) this.destroy();
    });
    this.on("finish", () => {
      if (!this.destroyed && this.readableEnded) this.destroy();
    });
    this.on("error", this.#onError);
  }

  /** An error destroys the stream; if nobody else listens for it, it is thrown. */
  readonly #onError = (error: Error): void => {
    this.removeListener("error", this.#onError);
    this.destroy();
    if (this.listenerCount("error") === 0) this.emit("error", error);
  };

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: Done): void {
    const socket = this.#socket;
    if (socket.readyState === socket.CONNECTING) socket.once("open", () => this._write(chunk, encoding, done));
    else socket.send(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk, done);
  }

  override _final(done: Done): void {
    const socket = this.#socket;
    if (socket.readyState === socket.CONNECTING) {
      socket.once("open", () => this._final(done));
    } else if (socket.readyState === socket.CLOSED) {
      done();
      if (this.readableEnded) this.destroy();
    } else {
      // The end of what is read comes with `close`, behind this.
      socket.prependOnceListener("close", () => done());
      socket.close();
    }
  }

  override _destroy(error: Error | null, done: Done): void {
    const socket = this.#socket;
    const closed = () => process.nextTick(() => this.emit("close"));
    if (socket.readyState === socket.CLOSED) {
      done(error);
      return closed();
    }
    let told = false;
    socket.once("error", (cause) => {
      told = true;
      done(cause);
    });
    socket.once("close", () => {
      if (!told) done(error);
      closed();
    });
    if (!this.#closes) socket.terminate();
  }
}
