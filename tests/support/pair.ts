/** A socket that is open, and its peer, which the test scripts byte for byte. */
import { CurlWebSocket, type CurlWebSocketInit } from "../../mod.ts";
import { certificates } from "./certificates.ts";
import { opened } from "./events.ts";
import { closePayload, frame, Opcode } from "./frames.ts";
import { type RawConnection, RawServer } from "./raw_server.ts";

/** Both sides; `await using` drops them. */
export class Pair {
  readonly #server: RawServer;
  readonly socket: CurlWebSocket;
  readonly peer: RawConnection;

  private constructor(server: RawServer, socket: CurlWebSocket, peer: RawConnection) {
    this.#server = server;
    this.socket = socket;
    this.peer = peer;
  }

  /** Opens a pair, over TLS if `tls` is true. */
  static async open(options: CurlWebSocketInit = {}, { tls = false }: { tls?: boolean } = {}): Promise<Pair> {
    const server = await RawServer.start({ tls });
    const socket = new CurlWebSocket(server.url(), tls ? { tls: { ca: certificates().ca }, ...options } : options);
    const open = opened(socket);
    const peer = await server.connection();
    await peer.accept();
    await open;
    return new Pair(server, socket, peer);
  }

  /** Replies to the socket's close frame, or sends its own, and ends TCP. */
  async close(code?: number, reason?: string): Promise<void> {
    await this.peer.send(frame(Opcode.close, code === undefined ? "" : closePayload(code, reason)));
    this.peer.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
    await this.#server[Symbol.asyncDispose]();
  }
}
