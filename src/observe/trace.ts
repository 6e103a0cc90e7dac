/** Who listens to the making of connections: the `curlws` command with `-v`. Nobody does by default, and it costs nothing. */

/**
 * A line or block of text: libcurl's words; a request to a proxy, and its answer; the request of the opening handshake, and
 * its answer. Both have credentials in them, as they went over the wire.
 */
export type TraceKind = "text" | "request" | "response";

type Tracer = (kind: TraceKind, text: string) => void;

let current: Tracer | null = null;

/** Sets who listens from now on, in this thread. */
export function setTracer(tracer: Tracer | null): void {
  current = tracer;
}

/** Who listens, or null. */
export function tracer(): Tracer | null {
  return current;
}

/** Tells the header of an answer that comes in pieces, once it is whole. */
export class ResponseTrace {
  #text: string | null = "";

  push(bytes: Uint8Array): void {
    if (this.#text === null) return;
    for (const byte of bytes) {
      this.#text += String.fromCharCode(byte);
      if (byte !== 10 || !(this.#text.endsWith("\n\r\n") || this.#text.endsWith("\n\n"))) continue;
      current?.("response", this.#text);
      // 103 Early Hints and the like go before the answer.
      if (!/^HTTP\/1\.. 1(?!01)/.test(this.#text)) return void (this.#text = null);
      this.#text = "";
    }
  }
}
