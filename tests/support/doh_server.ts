/** A server of DNS over HTTPS that finds every name on the loopback interface. */
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { certificates } from "./certificates.ts";

/** `await using` ends it. */
export class DohServer {
  /** The questions that came, as Latin-1. */
  readonly questions: string[] = [];
  readonly #server: Server;

  private constructor() {
    const { cert, key } = certificates();
    this.#server = createServer({ cert, key }, (request, response) => {
      const chunks: Uint8Array[] = [];
      request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      request.on("end", () => {
        const query = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
        this.questions.push(String.fromCharCode(...query));
        response.writeHead(200, { "content-type": "application/dns-message" });
        response.end(dnsAnswer(query));
      });
    });
  }

  static async start(): Promise<DohServer> {
    const server = new DohServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}/dns-query`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** Answers every question for A with 127.0.0.1, and any other with nothing (RFC 1035, RFC 8484). */
function dnsAnswer(query: Uint8Array): Uint8Array {
  const typeAt = query.length - 4 - (query[11] === 0 ? 0 : 11);
  const isA = query[typeAt + 1] === 1;
  const head = query.slice(0, typeAt + 4);
  head.set([0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0], 2);
  const record = isA ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1] : [];
  return Uint8Array.of(...head, ...record);
}
