/** The request of the opening handshake, as `finishRequest` and the events `redirect` and `unexpected-response` get it. */
import { EventEmitter } from "node:events";
import type { IncomingResponse } from "./incoming_response.ts";

/** A value of a header field, as Node's `http` takes it. */
export type HeaderValue = string | number | readonly string[];

/** What a {@linkcode HandshakeRequest} calls its socket for. */
export interface RequestHost {
  /** The request is complete, and is to be sent. */
  send(request: HandshakeRequest): void;
  /** The program gives the attempt up. */
  destroyed(request: HandshakeRequest, error: Error | undefined): void;
}

/** One field; `own` if it is one that every handshake has, and nobody has changed it. */
interface Field {
  readonly name: string;
  readonly value: string | readonly string[];
  readonly own: boolean;
}

let given: (request: HandshakeRequest) => Field[];

/** Returns the fields that the program gave or changed, as pairs. */
export function fieldsOf(request: HandshakeRequest): [name: string, value: string][] {
  return given(request).flatMap(({ name, value }) =>
    (typeof value === "string" ? [value] : value).map((each): [string, string] => [name, each])
  );
}

/**
 * The part of Node's `ClientRequest` that concerns a handshake: its fields can be read and changed until it is sent. It is
 * no stream, and has no socket.
 */
export class HandshakeRequest extends EventEmitter {
  /** Always `"GET"`. */
  readonly method: string = "GET";
  /** `"http:"` or `"https:"`. */
  readonly protocol: string;
  /** The host's name, without its port. */
  readonly host: string;
  /** Path and query. */
  readonly path: string;
  /** Whether {@linkcode end} was called. */
  headersSent = false;
  /** What the server refused with; null before. */
  res: IncomingResponse | null = null;
  /** Whether {@linkcode destroy} was called. */
  destroyed = false;
  readonly #fields: Map<string, Field> = new Map();
  readonly #host: RequestHost;

  static {
    given = (request) => [...request.#fields.values()].filter(({ own }) => !own);
  }

  /** Makes a request with the fields that every handshake has, but for its key. */
  constructor(url: URL, offer: Readonly<Record<string, string>>, host: RequestHost) {
    super();
    this.#host = host;
    this.protocol = url.protocol === "wss:" ? "https:" : "http:";
    this.host = url.hostname.replace(/^\[|\]$/g, "");
    this.path = url.pathname + url.search;
    const usual = { "Host": url.host, "Sec-WebSocket-Version": "13", "Connection": "Upgrade", "Upgrade": "websocket" };
    for (const [name, value] of Object.entries({ ...usual, ...offer })) {
      this.#fields.set(name.toLowerCase(), { name, value, own: true });
    }
  }

  /** Whether the request was given up. */
  get aborted(): boolean {
    return this.destroyed;
  }

  /** Returns the value of a field, whatever its case. */
  getHeader(name: string): string | readonly string[] | undefined {
    return this.#fields.get(name.toLowerCase())?.value;
  }

  /** Returns all fields, with their names in lower case. */
  getHeaders(): Record<string, string | readonly string[]> {
    return Object.fromEntries([...this.#fields].map(([key, { value }]) => [key, value]));
  }

  /** Returns the names of all fields, in lower case. */
  getHeaderNames(): string[] {
    return [...this.#fields.keys()];
  }

  /** Returns whether a field is there. */
  hasHeader(name: string): boolean {
    return this.#fields.has(name.toLowerCase());
  }

  /** Sets a field, in the place of one of this name. Throws an `Error` when the request is sent. */
  setHeader(name: string, value: HeaderValue): this {
    this.#checkUnsent("set");
    const text = Array.isArray(value) ? value.map(String) : String(value);
    this.#fields.set(name.toLowerCase(), { name, value: text, own: false });
    return this;
  }

  /** Removes a field; one that every handshake has comes back with its usual value. */
  removeHeader(name: string): void {
    this.#checkUnsent("remove");
    this.#fields.delete(name.toLowerCase());
  }

  /** Sends the request. A program calls it if it has the option `finishRequest`. */
  end(): this {
    if (this.headersSent || this.destroyed) return this;
    this.headersSent = true;
    this.#host.send(this);
    return this;
  }

  /** Gives the attempt up. */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.#host.destroyed(this, error);
    return this;
  }

  /** As {@linkcode destroy}. */
  abort(): void {
    this.destroy();
  }

  #checkUnsent(what: string): void {
    if (this.headersSent) throw new Error(`cannot ${what} headers after they are sent to the client`);
  }
}
