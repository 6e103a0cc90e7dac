/** A TLS server of `RawServer` behind a relay that reads each ClientHello as it passes. */
import { Buffer } from "node:buffer";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { Readable } from "node:stream";
import {
  calculateJa3,
  calculateJa4,
  getExtensionData,
  isGREASE,
  readTlsClientHello,
  type TlsClientHelloMessage,
} from "read-tls-client-hello";
import { RawServer } from "./raw_server.ts";

/** What a client said first. */
export interface ClientHello {
  readonly ja3: string;
  /** What its hash is of. */
  readonly ja3Text: string;
  readonly ja4: string;
  /** The extensions' numbers in their order, without GREASE. */
  readonly extensions: readonly number[];
  readonly alpn: readonly string[];
  /** The name in SNI, or undefined. */
  readonly serverName: string | undefined;
  readonly message: TlsClientHelloMessage;
  /** The handshake message as sent, without the header of its record. */
  readonly bytes: Uint8Array;
}

/** Extensions by number, as IANA names them; 17513 and 17613 are Chrome's drafts of ALPS. */
export const Extension = {
  sessionTicket: 35,
  compressCertificate: 27,
  alpn: 16,
  alps: 17513,
  newAlps: 17613,
  signedCertificateTimestamp: 18,
  encryptedClientHello: 65037,
  delegatedCredential: 34,
  recordSizeLimit: 28,
  trustAnchors: 51764,
} as const;

/** JA3 before it is hashed, written apart from what the tests test. */
function ja3Text(message: TlsClientHelloMessage): string {
  const plain = (list: readonly number[]) => list.filter((id) => !isGREASE(id)).join("-");
  return [
    message.version,
    plain(message.cipherSuites),
    plain(message.extensions.map(({ id }) => id)),
    plain(getExtensionData(message, 10)?.groups ?? []),
    plain(getExtensionData(message, 11)?.formats ?? []),
  ].join();
}

async function read(record: Uint8Array): Promise<ClientHello> {
  const message = await readTlsClientHello(Readable.from([record], { objectMode: false }));
  return {
    ja3: calculateJa3(message),
    ja3Text: ja3Text(message),
    ja4: calculateJa4(message),
    extensions: message.extensions.map(({ id }) => id).filter((id) => !isGREASE(id)),
    alpn: getExtensionData(message, 16)?.protocols ?? [],
    serverName: getExtensionData(message, 0)?.serverName,
    message,
    bytes: record.slice(5),
  };
}

/** `await using` drops all connections and ends it. */
export class HelloServer {
  readonly raw: RawServer;
  readonly #relay: Server;
  readonly #sockets = new Set<Socket>();
  readonly #hellos: Promise<ClientHello>[] = [];
  #wake: () => void = () => {};

  private constructor(raw: RawServer) {
    this.raw = raw;
    this.#relay = createServer((client) => this.#serve(client));
  }

  static async start(): Promise<HelloServer> {
    const server = new HelloServer(await RawServer.start({ tls: true }));
    await new Promise<void>((resolve) => server.#relay.listen(0, "127.0.0.1", resolve));
    return server;
  }

  url(path = "/", host = "localhost"): string {
    return `wss://${host}:${(this.#relay.address() as AddressInfo).port}${path}`;
  }

  /** The next ClientHello. */
  async hello(): Promise<ClientHello> {
    while (this.#hellos.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
    return await this.#hellos.shift()!;
  }

  #serve(client: Socket): void {
    const server = connect(this.raw.port, "127.0.0.1");
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
    }
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
    server.on("data", (data: Uint8Array) => client.write(data));
    let first: Uint8Array | null = new Uint8Array();
    client.on("data", (data: Uint8Array) => {
      server.write(data);
      if (first === null) return;
      first = Buffer.concat([first, data]);
      // RFC 8446 section 5.1: a record's header has five octets, the last two of them its length.
      const record = first.length < 5 ? Infinity : 5 + (first[3]! << 8 | first[4]!);
      if (first.length < record) return;
      this.#hellos.push(read(first.subarray(0, record)));
      first = null;
      this.#wake();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#relay.close(() => resolve()));
    await this.raw[Symbol.asyncDispose]();
  }
}
