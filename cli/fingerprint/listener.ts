/** What the command connects to on this machine, to see what it would send: a proxy, a TLS server and an HTTP server. */
import { Buffer } from "node:buffer";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type ClientHello, readClientHello } from "../../src/curl/client_hello.ts";
import { throwawayCertificate } from "./certificate.ts";

/** What is expected before the request. */
export interface Expected {
  /** A request to a proxy. */
  readonly proxy: boolean;
  readonly tls: boolean;
}

/** What came of one connection; null for what did not. */
export interface Seen {
  /** The head of the request to the proxy, as Latin-1. */
  readonly proxyRequest: string | null;
  readonly hello: ClientHello | null;
  /** The head of the request, as Latin-1. */
  readonly request: string | null;
}

const HEAD_END = "\r\n\r\n";
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

/** Listens on the loopback interface. `await using` drops all connections and ends it. */
export class Listener {
  readonly #expected: Expected;
  readonly #front: Server = createServer((socket) => this.#accept(socket));
  /** Where TLS ends; null without. */
  readonly #inner: Server | null;
  readonly #sockets: Set<Socket> = new Set();
  #proxyRequest: string | null = null;
  #hello: ClientHello | null = null;
  #request: string | null = null;
  #onRequest: () => void = () => {};
  #onHello: () => void = () => {};
  readonly #greeted: Promise<void> = new Promise((resolve) => this.#onHello = resolve);
  /** Resolves when the request has come. */
  readonly requested: Promise<void> = new Promise((resolve) => this.#onRequest = resolve);

  private constructor(expected: Expected) {
    this.#expected = expected;
    this.#inner = expected.tls ? createTlsServer(throwawayCertificate(), (socket) => this.#readRequest(socket)) : null;
    // A client that does not agree is told of by its own error.
    this.#inner?.on("tlsClientError", () => {});
  }

  static async start(expected: Expected): Promise<Listener> {
    const listener = new Listener(expected);
    for (const server of [listener.#front, listener.#inner]) {
      if (server === null) continue;
      await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
    }
    return listener;
  }

  get port(): number {
    return (this.#front.address() as AddressInfo).port;
  }

  get seen(): Seen {
    return { proxyRequest: this.#proxyRequest, hello: this.#hello, request: this.#request };
  }

  /** Resolves when a ClientHello has come, or after so many ms. */
  async greeted(latest: number): Promise<void> {
    let timer;
    await Promise.race([this.#greeted, new Promise<void>((resolve) => timer = setTimeout(resolve, latest))]);
    clearTimeout(timer);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
  }

  #accept(socket: Socket): void {
    this.#keep(socket);
    if (!this.#expected.proxy) return this.#readBeginning(socket);
    this.#readHead(socket, (head) => {
      this.#proxyRequest = head;
      socket.write(`HTTP/1.1 200 OK${HEAD_END}`);
      this.#readBeginning(socket);
    });
  }

  #readBeginning(socket: Socket): void {
    if (this.#inner === null) this.#readRequest(socket);
    else this.#relay(socket, this.#inner);
  }

  /** Passes everything on to where TLS ends, and reads the ClientHello as it passes. */
  #relay(socket: Socket, inner: Server): void {
    const server = connect((inner.address() as AddressInfo).port, "127.0.0.1");
    this.#keep(server);
    let bytes: Uint8Array = new Uint8Array();
    socket.on("data", (data: Uint8Array) => {
      server.write(data);
      if (this.#hello !== null) return;
      bytes = Buffer.concat([bytes, data]);
      this.#hello = readClientHello(handshakeIn(bytes));
      if (this.#hello !== null) this.#onHello();
    });
    server.on("data", (data: Uint8Array) => socket.write(data));
    socket.on("close", () => server.destroy());
    server.on("close", () => socket.destroy());
  }

  #readRequest(socket: Socket): void {
    this.#readHead(socket, (head) => {
      this.#request = head;
      this.#onRequest();
    });
  }

  /** Reads to the end of a request's head, which nothing follows before it is answered. */
  #readHead(socket: Socket, then: (head: string) => void): void {
    let text = "";
    socket.on("error", () => {});
    const onData = (data: Uint8Array) => {
      text += latin1(data);
      if (!text.endsWith(HEAD_END)) return;
      socket.off("data", onData);
      then(text);
    };
    socket.on("data", onData);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of [this.#front, this.#inner]) {
      if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  }
}

/** The handshake messages of records (RFC 8446 section 5.1), as far as they have come: a ClientHello may take several. */
function handshakeIn(records: Uint8Array): Uint8Array {
  const HANDSHAKE = 22, HEADER = 5, parts: Uint8Array[] = [];
  for (let at = 0; at + HEADER <= records.length && records[at] === HANDSHAKE;) {
    const length = records[at + 3]! << 8 | records[at + 4]!;
    parts.push(records.subarray(at + HEADER, at + HEADER + length));
    at += HEADER + length;
  }
  return Buffer.concat(parts);
}
