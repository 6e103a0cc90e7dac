/**
 * A proxy in the test's own process, for machines without tinyproxy and the like: HTTP CONNECT (also over TLS), SOCKS4, 4a
 * and 5 (RFC 1928, 1929). It notes the requests, and responds as the test says.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { certificates } from "./certificates.ts";

/** The behaviour of the proxy. */
export interface ProxyServerOptions {
  /** Its own TLS, for `https:`. */
  tls?: boolean | { key: string; cert: string };
  /** A Unix socket to listen at, instead of a port. */
  path?: string;
  /** Who may use it; SOCKS4 has no password. */
  username?: string;
  password?: string;
  /** HTTP: the proxy requires Digest (RFC 7616, MD5) instead of Basic. */
  digest?: boolean;
  /** Sent instead of the response to any request; then the proxy ends the connection. */
  response?: string | Uint8Array;
  /** SOCKS: the reply's code instead of success. */
  reply?: number;
}

/** A request of a client. */
export interface ProxyRequest {
  readonly protocol: "http" | "socks4" | "socks4a" | "socks5";
  /** The host name, or the address if the client resolved it. */
  readonly host: string;
  readonly port: number;
  /** Of HTTP, the request's header. */
  readonly head: string;
  readonly username: string;
}

export class ProxyServer {
  readonly #options: ProxyServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** The valid requests, in order. */
  readonly requests: ProxyRequest[] = [];
  /** The number of accepted connections. */
  connections = 0;

  private constructor(options: ProxyServerOptions) {
    this.#options = options;
    const keys = options.tls === true ? certificates() : options.tls || null;
    this.#server = keys === null ? createServer() : createTlsServer({ key: keys.key, cert: keys.cert });
    this.#server.on(keys === null ? "connection" : "secureConnection", (socket: Socket) => {
      this.connections++;
      void this.#serve(this.#keep(socket)).catch(() => socket.destroy());
    });
  }

  static async start(options: ProxyServerOptions = {}): Promise<ProxyServer> {
    const server = new ProxyServer(options);
    await new Promise<void>((resolve) =>
      server.#server.listen(
        options.path === undefined ? { port: 0, host: "127.0.0.1" } : { path: options.path },
        resolve,
      )
    );
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    return socket;
  }

  async #serve(socket: Socket): Promise<void> {
    const reader = new Reader(socket);
    const [version] = await reader.take(1);
    if (this.#options.response !== undefined) {
      await reader.some();
      socket.end(this.#options.response);
    } else if (version === 4) await this.#socks4(socket, reader);
    else if (version === 5) await this.#socks5(socket, reader);
    else await this.#http(socket, reader, version!);
  }

  async #http(socket: Socket, reader: Reader, first: number): Promise<void> {
    while (true) {
      const head = String.fromCharCode(first) + latin1(await reader.until("\r\n\r\n"));
      const [, host, port] = /^CONNECT (\S+):(\d+) HTTP\/1\.1\r\n/.exec(head) ?? [];
      if (host === undefined) return void socket.end("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n");
      const given = /^proxy-authorization: Basic (\S+)\r$/im.exec(head)?.[1];
      const credentials = given === undefined ? "" : latin1(Buffer.from(given, "base64"));
      this.requests.push({ protocol: "http", host, port: Number(port), head, username: credentials.split(":")[0]! });
      const { username, password = "", digest = false } = this.#options;
      const known = digest ? digestIs(head, username, password) : credentials === `${username}:${password}`;
      if (username === undefined || known) {
        return this.#tunnel(socket, reader, host, Number(port), "HTTP/1.1 200 Connection established\r\n\r\n");
      }
      const challenge = digest ? `Digest realm="test", nonce="${NONCE}", qop="auth"` : 'Basic realm="test"';
      socket.write(
        `HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: ${challenge}\r\nContent-Length: 0\r\n\r\n`,
      );
      [first = 0] = await reader.take(1);
    }
  }

  async #socks4(socket: Socket, reader: Reader): Promise<void> {
    const [, high, low, ...address] = await reader.take(7);
    const username = latin1(await reader.until("\0")).slice(0, -1);
    // SOCKS4a: the address 0.0.0.x says that a name follows.
    const named = address.slice(0, 3).every((octet) => octet === 0) && address[3] !== 0;
    const host = named ? latin1(await reader.until("\0")).slice(0, -1) : address.join(".");
    const port = high! * 256 + low!, protocol = named ? "socks4a" : "socks4";
    this.requests.push({ protocol, host, port, head: "", username });
    const wrong = this.#options.username !== undefined && username !== this.#options.username;
    const code = wrong ? 93 : this.#options.reply ?? 90;
    const reply = Uint8Array.of(0, code, 0, 0, 0, 0, 0, 0);
    if (code !== 90) return void socket.end(reply);
    this.#tunnel(socket, reader, host, port, reply);
  }

  async #socks5(socket: Socket, reader: Reader): Promise<void> {
    const [count] = await reader.take(1);
    const methods = [...await reader.take(count!)];
    const NONE = 0, PASSWORD = 2, REFUSED = 0xff;
    const wanted = this.#options.username === undefined ? NONE : PASSWORD;
    if (!methods.includes(wanted)) return void socket.end(Uint8Array.of(5, REFUSED));
    socket.write(Uint8Array.of(5, wanted));
    let username = "";
    if (wanted === PASSWORD) {
      const text = async () => latin1(await reader.take((await reader.take(1))[0]!));
      await reader.take(1);
      username = await text();
      const right = (await text()) === this.#options.password && username === this.#options.username;
      if (!right) return void socket.end(Uint8Array.of(1, 1));
      socket.write(Uint8Array.of(1, 0));
    }
    const [, , , type] = await reader.take(4);
    const host = type === 3
      ? latin1(await reader.take((await reader.take(1))[0]!))
      : type === 1
      ? [...await reader.take(4)].join(".")
      : Buffer.from(await reader.take(16)).toString("hex").match(/.{4}/g)!.join(":");
    const [high, low] = await reader.take(2);
    const port = high! * 256 + low!;
    this.requests.push({ protocol: "socks5", host, port, head: "", username });
    const code = this.#options.reply ?? 0;
    const reply = Uint8Array.of(5, code, 0, 1, 0, 0, 0, 0, 0, 0);
    if (code !== 0) return void socket.end(reply);
    this.#tunnel(socket, reader, host, port, reply);
  }

  /** Connects every host name to this machine. */
  #tunnel(socket: Socket, reader: Reader, host: string, port: number, response: string | Uint8Array): void {
    const local = /^[\d.]+$/.test(host) ? host : "127.0.0.1";
    const other = this.#keep(connect(port, local, () => {
      socket.write(response);
      reader.pipe(other);
      other.pipe(socket);
    }));
    other.on("error", () => socket.destroy());
    other.on("close", () => socket.destroy());
    socket.on("close", () => other.destroy());
  }
}

const NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c093";

/** Whether the Digest of a CONNECT is right for the username and password (RFC 7616 section 3.4.1). */
function digestIs(head: string, username: string | undefined, password: string): boolean {
  const line = /^proxy-authorization: Digest (.+)\r$/im.exec(head)?.[1] ?? "";
  const given = Object.fromEntries(
    [...line.matchAll(/(\w+)=(?:"([^"]*)"|([^,\s]+))/g)].map(([, name, quoted, bare]) => [name!, quoted ?? bare!]),
  );
  const md5 = (text: string) => createHash("md5").update(text).digest("hex");
  const secret = md5(`${username}:test:${password}`), request = md5(`CONNECT:${given.uri}`);
  const response = md5(`${secret}:${NONCE}:${given.nc}:${given.cnonce}:auth:${request}`);
  return given.username === username && given.nonce === NONCE && given.response === response;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** Reads from a socket what a protocol needs next. */
class Reader {
  readonly #socket: Socket;
  #bytes: Uint8Array = new Uint8Array();
  #ended = false;
  #wake: () => void = () => {};
  #other: Socket | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (data: Uint8Array) => {
      if (this.#other !== null) this.#other.write(data);
      else this.#bytes = Buffer.concat([this.#bytes, data]);
      this.#wake();
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  async take(count: number): Promise<Uint8Array> {
    while (this.#bytes.length < count) await this.#more();
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  async until(end: string): Promise<Uint8Array> {
    while (true) {
      const at = Buffer.from(this.#bytes).indexOf(end);
      if (at >= 0) return this.take(at + end.length);
      await this.#more();
    }
  }

  /** Waits for anything more, of what may already be there. */
  async some(): Promise<void> {
    if (this.#bytes.length === 0) await this.#more();
  }

  /** Passes the remaining bytes on to another socket. */
  pipe(other: Socket): void {
    this.#other = other;
    if (this.#bytes.length > 0) other.write(this.#bytes);
    this.#socket.on("end", () => other.end());
  }

  async #more(): Promise<void> {
    if (this.#ended) throw new Error("the client is gone");
    await new Promise<void>((resolve) => this.#wake = resolve);
  }
}
