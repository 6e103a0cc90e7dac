/** A TCP proxy that hands on what a TLS server sends in pieces, as the test says: records come in part. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** The proxy; `await using` drops its connections and ends it. */
export class TlsPieces {
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();
  #client: Socket | null = null;
  /** What the server has sent and the client has not got; null while all is handed on. */
  #held: Uint8Array | null = null;
  #wake: () => void = () => {};

  private constructor(port: number) {
    this.#server = createServer((client) => {
      this.#client = client;
      const server = connect(port, "127.0.0.1");
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.setNoDelay(true);
        socket.on("error", () => {});
      }
      client.pipe(server);
      server.on("data", (data: Uint8Array) => {
        if (this.#held === null) return void client.write(data);
        this.#held = new Uint8Array([...this.#held, ...data]);
        this.#wake();
      });
    });
  }

  /** Starts one in front of the server on a port. */
  static async start(port: number): Promise<TlsPieces> {
    const proxy = new TlsPieces(port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on nothing is handed on but by {@linkcode give}. */
  hold(): void {
    this.#held ??= new Uint8Array();
  }

  /** Hands on this many bytes, when the server has sent them. */
  async give(bytes: number): Promise<void> {
    while (this.#held!.length < bytes) await new Promise<void>((resolve) => this.#wake = resolve);
    this.#client!.write(this.#held!.subarray(0, bytes));
    this.#held = this.#held!.subarray(bytes);
  }

  /** Hands on all that is held, and what follows. */
  flow(): void {
    if (this.#held !== null) this.#client!.write(this.#held);
    this.#held = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
