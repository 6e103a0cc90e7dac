/**
 * A TCP (or TLS) server that a test scripts byte for byte:
 *
 *     await using server = await RawServer.start();
 *     const socket = new CurlWebSocket(server.url());
 *     const peer = await server.connection();
 *     await peer.accept();
 *     await peer.send(frame(Opcode.text, "hello"));
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { certificates } from "./certificates.ts";
import { type Frame, Opcode, parseFrame } from "./frames.ts";

/** What a test may change in the 101 response. */
export interface AcceptOptions {
  /** Added header lines, without line ends. */
  headers?: string[];
  /** Bytes that are sent together with the response. */
  then?: Uint8Array;
  /** Sends byte by byte, each in its own packet. */
  bytewise?: boolean;
  /** What ends the lines; by default CR and LF. */
  lineEnd?: string;
}

/** One accepted connection. */
export class RawConnection {
  readonly #socket: Socket;
  #buffer: Uint8Array = new Uint8Array();
  #ended = false;
  #wake: () => void = () => {};
  /** Resolves once the TCP connection is closed. */
  readonly closed: Promise<void>;
  /** Everything that the client sent. */
  received: Uint8Array = new Uint8Array();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    // Each send() that is under way listens for the end.
    socket.setMaxListeners(0);
    socket.on("error", () => {});
    socket.on("data", (data: Uint8Array) => {
      this.#buffer = Buffer.concat([this.#buffer, data]);
      this.received = Buffer.concat([this.received, data]);
      this.#wake();
    });
    socket.on("end", () => this.#end());
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#end();
        resolve();
      });
    });
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Waits until `read` finds something in the bytes so far; undefined if the client ends first. */
  async #until<T>(read: () => T | undefined): Promise<T | undefined> {
    while (true) {
      const found = read();
      if (found !== undefined || this.#ended) return found;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** The text of the request, with the empty line that ends it. */
  async request(): Promise<string> {
    const request = await this.#until(() => {
      const end = Buffer.from(this.#buffer).indexOf("\r\n\r\n");
      if (end < 0) return undefined;
      const text = new TextDecoder("latin1").decode(this.#buffer.subarray(0, end + 4));
      this.#buffer = this.#buffer.subarray(end + 4);
      return text;
    });
    if (request === undefined) throw new Error("the client ended the connection before its request was whole");
    return request;
  }

  /** The next frame of the client; undefined if it ended the connection. */
  async frame(): Promise<Frame | undefined> {
    return await this.#until(() => {
      const parsed = parseFrame(this.#buffer);
      if (parsed) this.#buffer = this.#buffer.subarray(parsed.size);
      return parsed?.frame;
    });
  }

  /** The next close frame, past any other frames. */
  async closeFrame(): Promise<Frame> {
    while (true) {
      const next = await this.frame();
      if (!next) throw new Error("the client ended the connection without a close frame");
      if (next.opcode === Opcode.close) return next;
    }
  }

  /** Sends bytes in one write. A client that is gone is not an error. */
  async send(data: string | Uint8Array): Promise<void> {
    if (this.#socket.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#socket.once("close", resolve);
      this.#socket.write(data, () => {
        this.#socket.off("close", resolve);
        resolve();
      });
    });
  }

  /** Sends each byte in its own write, a turn of the event loop apart. */
  async sendBytewise(data: string | Uint8Array): Promise<void> {
    for (const byte of Buffer.from(data as string)) {
      await this.send(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** Reads the request, replies with a valid 101, and returns the request. */
  async accept(options: AcceptOptions = {}): Promise<string> {
    const { headers = [], then = new Uint8Array(), bytewise = false, lineEnd = "\r\n" } = options;
    const request = await this.request();
    const response = [
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Accept: ${acceptFor(request)}`,
      ...headers,
      "",
      "",
    ];
    const bytes = Buffer.concat([Buffer.from(response.join(lineEnd)), then]);
    await (bytewise ? this.sendBytewise(bytes) : this.send(bytes));
    return request;
  }

  /** Reads the request and replies with a status, such as `"503 Service Unavailable"`, and no content. */
  async refuse(status: string): Promise<void> {
    await this.request();
    await this.send(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);
  }

  /** Ends this side of TCP after the data sent so far. */
  end(): void {
    this.#socket.end();
  }

  /** Waits for any byte that was not yet taken. */
  async some(): Promise<void> {
    await this.#until(() => this.#buffer.length > 0 || undefined);
  }

  /** Drops TCP at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Resets TCP, behind what was sent, as servers do that close while something is unread; over TLS it may be dropped only. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Reads nothing until {@linkcode resume}. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Resolves once the client has ended its side of TCP. */
  async ended(): Promise<void> {
    await this.#until(() => undefined);
  }
}

/** The right Sec-WebSocket-Accept for a request. */
export function acceptFor(request: string): string {
  const key = /^sec-websocket-key:[ \t]*(\S+)/im.exec(request)?.[1] ?? "";
  return createHash("sha1").update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
}

/** The listening server; `await using` drops its connections and ends it. */
export class RawServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** The TCP connections, also of a client that left in the middle of TLS, whose half of them would stay open. */
  readonly #tcp = new Set<Socket>();
  readonly #waiting: RawConnection[] = [];
  #wake: () => void = () => {};
  readonly tls: boolean;

  private constructor(tls: boolean) {
    this.tls = tls;
    const { key, cert } = tls ? certificates() : { key: "", cert: "" };
    // The test ends each side itself.
    this.#server = tls ? createTlsServer({ key, cert, allowHalfOpen: true }) : createServer({ allowHalfOpen: true });
    this.#server.on("connection", (socket: Socket) => void this.#tcp.add(socket));
    this.#server.on(tls ? "secureConnection" : "connection", (socket: Socket) => {
      this.#sockets.add(socket);
      this.#waiting.push(new RawConnection(socket));
      this.#wake();
    });
  }

  static async start({ tls = false }: { tls?: boolean } = {}): Promise<RawServer> {
    const server = new RawServer(tls);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(path = "/", host = "127.0.0.1"): string {
    return `${this.tls ? "wss" : "ws"}://${host}:${this.port}${path}`;
  }

  /** The number of connections so far. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** The next connection. */
  async connection(): Promise<RawConnection> {
    while (true) {
      const connection = this.#waiting.shift();
      if (connection) return connection;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** The next connection, with a valid 101. */
  async accepted(): Promise<RawConnection> {
    const connection = await this.connection();
    await connection.accept();
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of [...this.#sockets, ...this.#tcp]) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** A port of 127.0.0.1 that nothing listens on. */
export async function closedPort(): Promise<number> {
  await using server = await RawServer.start();
  return server.port;
}
