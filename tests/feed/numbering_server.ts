/** A server that numbers its messages: each connection gets every number from when it was accepted on. */
import { frame, Opcode } from "../support/frames.ts";
import { type RawConnection, RawServer } from "../support/raw_server.ts";

/** What becomes of the next connections. */
export type Reception = "serve" | "slow" | "hang" | "refuse" | "429" | "reset";
/** How a connection that is served ends. */
export type Death = "reset" | "silence" | "garbage" | "end" | "close";

export class NumberingServer {
  readonly #server: RawServer;
  /** Those that get numbers. */
  readonly live: Set<RawConnection> = new Set();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #startedAt = performance.now();
  readonly #perSecond: number;
  /** What becomes of the next connections. */
  receive: () => Reception = () => "serve";
  /** The next number. */
  number = 0;
  /** Connections so far. */
  accepted = 0;

  private constructor(server: RawServer, perSecond: number) {
    this.#server = server;
    this.#perSecond = perSecond;
    this.#timer = setInterval(() => this.#tick(), 1);
    void this.#accept();
  }

  static async start({ tls = false, perSecond = 1000 } = {}): Promise<NumberingServer> {
    return new NumberingServer(await RawServer.start({ tls }), perSecond);
  }

  url(path = "/"): string {
    return this.#server.url(path);
  }

  #tick(): void {
    const due = (performance.now() - this.#startedAt) / 1000 * this.#perSecond;
    while (this.number < due) {
      const message = frame(Opcode.text, String(this.number++));
      for (const connection of this.live) void connection.send(message);
    }
  }

  async #accept(): Promise<void> {
    for (;;) {
      const connection = await this.#server.connection();
      this.accepted++;
      void this.#serve(connection, this.receive()).catch(() => connection.destroy());
    }
  }

  async #serve(connection: RawConnection, reception: Reception): Promise<void> {
    if (reception === "reset") return connection.reset();
    if (reception === "refuse" || reception === "429") {
      await connection.request();
      const status = reception === "429" ? "429 Too Many Requests\r\nRetry-After: 0" : "503 Service Unavailable";
      await connection.send(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);
      return connection.end();
    }
    if (reception === "hang") {
      await connection.ended();
      return connection.end();
    }
    if (reception === "slow") await new Promise((resolve) => setTimeout(resolve, 30));
    await connection.accept();
    this.live.add(connection);
    void connection.closed.then(() => this.live.delete(connection));
    for (;;) {
      const received = await connection.frame();
      if (received === undefined) break;
      if (received.opcode === Opcode.ping && this.live.has(connection)) {
        await connection.send(frame(Opcode.pong, received.payload));
      }
      if (received.opcode !== Opcode.close) continue;
      this.live.delete(connection);
      await connection.send(frame(Opcode.close, received.payload));
      break;
    }
    this.live.delete(connection);
    connection.end();
  }

  /** Ends a connection in one of these ways. */
  kill(connection: RawConnection, death: Death): void {
    this.live.delete(connection);
    if (death === "reset") connection.reset();
    if (death === "end") connection.end();
    if (death === "garbage") void connection.send(Uint8Array.of(0xff, 0xff, 0xff));
    if (death === "close") void connection.send(frame(Opcode.close, Uint8Array.of(0x03, 0xe9)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.live.clear();
    await this.#server[Symbol.asyncDispose]();
  }
}
