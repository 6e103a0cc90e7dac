/** Reads the response to the request of the opening handshake, RFC 6455 section 4.1, from bytes cut anywhere. Pure. */
import { CurlWebSocketError } from "../errors.ts";
import { printable, shownBody, shownText, shownUrl } from "../observe/redact.ts";
import { type Agreement, checkAgreement, type HandshakeOffer } from "./agreement.ts";
import { BodyReader } from "./body.ts";
import { fieldValues, type HeaderList } from "./fields.ts";
import { GrowingBuffer } from "./growing_buffer.ts";
import { type HandshakeResponse, invalid, parseHead } from "./response_head.ts";

/**
 * The largest header of a response, in bytes, with the interim responses before it. Servers limit a request's header to
 * 8 or 16 KiB; a response may set several cookies of 4 KiB.
 */
export const MAX_HEADER_SIZE: number = 64 * 1024;

/** Reads one response, from bytes cut anywhere. */
export class ResponseReader {
  readonly #accept: string;
  readonly #offer: HandshakeOffer;
  readonly #followed: (status: number, headers: HeaderList) => boolean;
  readonly #authorized: boolean;
  readonly #onHead: (head: Uint8Array) => void;
  /** What came before, and is not a whole header; null if there is nothing, as before a header that comes in one piece. */
  #bytes: GrowingBuffer | null = null;
  /** The size of the interim responses that are no longer in `#bytes`. */
  #interim = 0;
  /** Where to go on with the search for the header's end. */
  #searched = 0;
  #refusal: HandshakeResponse & { readonly body: BodyReader } | null = null;

  /**
   * Makes a reader for the response to one request. `accept` is the `Sec-WebSocket-Accept` that belongs to its key,
   * `offer` what it offers; `followed` returns whether a refusal leads the caller elsewhere, so that its body is of no
   * use; `authorized` says whether the request had credentials. `onHead` is called with each response's header as
   * received, also an interim one's, before it is parsed; the bytes are valid during the call only.
   */
  constructor(
    accept: string,
    offer: HandshakeOffer,
    followed: (status: number, headers: HeaderList) => boolean = () => false,
    authorized = false,
    onHead: (head: Uint8Array) => void = () => {},
  ) {
    this.#accept = accept;
    this.#offer = offer;
    this.#followed = followed;
    this.#authorized = authorized;
    this.#onHead = onHead;
  }

  /**
   * Takes bytes. Returns null while more are needed, else the agreement and the bytes after the header, which belong
   * to the first frame: a view, valid for as long as the bytes that were given.
   *
   * @throws {CurlWebSocketError} if the server refuses, or responds with what no WebSocket server may
   */
  push(chunk: Uint8Array): { agreement: Agreement; rest: Uint8Array } | null {
    if (this.#refusal !== null) {
      if (this.#refusal.body.push(chunk)) throw this.#refused();
      return null;
    }
    this.#bytes?.push(chunk);
    const bytes = this.#bytes?.view ?? chunk;
    for (let start = 0;;) {
      const end = headerEnd(bytes, Math.max(start, this.#searched));
      if (this.#interim + (end < 0 ? bytes.length : end) > MAX_HEADER_SIZE) {
        throw invalid(
          `the server's response header${
            start > 0 || this.#interim > 0 ? ", with its interim responses," : ""
          } is larger than ${MAX_HEADER_SIZE} bytes`,
        );
      }
      if (end < 0) {
        const left = bytes.subarray(start);
        checkStart(left);
        if (start > 0 || this.#bytes === null) {
          this.#bytes = new GrowingBuffer();
          this.#bytes.push(left);
          this.#interim += start;
        }
        this.#searched = Math.max(0, left.length - 3);
        return null;
      }
      const head = bytes.subarray(start, end);
      this.#onHead(head);
      const parsed = parseHead(latin1(head));
      const { version, status, statusText, headers } = parsed;
      const rest = bytes.subarray(end);
      // RFC 9110 section 15.2: interim responses may come before the final one.
      if (status >= 100 && status < 200 && status !== 101) {
        start = end;
        continue;
      }
      if (status === 101 && version !== "1.1") throw invalid(`the server switches protocols in HTTP/${version}`);
      if (status === 101) return { agreement: checkAgreement(parsed, this.#accept, this.#offer), rest };
      this.#refusal = { status, statusText, headers, body: new BodyReader(status, headers) };
      if (this.#followed(status, headers) || this.#refusal.body.push(rest)) throw this.#refused();
      return null;
    }
  }

  /** Whether the header of a refusal has come, and its body is still being read. */
  get refusing(): boolean {
    return this.#refusal !== null;
  }

  /**
   * Call this if the server has closed, or time is up. Returns the error of a refusal, with the body so far, or null.
   */
  end(): CurlWebSocketError | null {
    return this.#refusal === null ? null : this.#refused();
  }

  #refused(): CurlWebSocketError {
    const { status, statusText, headers, body } = this.#refusal!;
    const init = { status, statusText, headers, body: body.bytes };
    const location = fieldValues(headers, "location")[0];
    if (status >= 300 && status < 400 && location !== undefined) {
      const message = `the server redirects to ${
        shownUrl(location)
      } (${status}), which is not followed; connect there, or set maxRedirects`;
      return new CurlWebSocketError("ERR_HANDSHAKE_REDIRECT", message, init);
    }
    const encoding = fieldValues(headers, "content-encoding")[0] ?? "identity";
    const text = shownBody(body.bytes, encoding.toLowerCase() !== "identity");
    const hint = status === 401
      ? this.#authorized
        ? "; it does not accept the credentials that were sent"
        : "; it wants credentials (an Authorization header)"
      : status === 403
      ? "; it may want another Origin, User-Agent or Cookie header"
      : status === 404
      ? "; check the URL's path"
      : status === 200
      ? "; this URL serves pages, not WebSockets"
      : "";
    const message = `the server refused the WebSocket: ${status}${statusText && ` ${shownText(statusText)}`}${hint}${
      text && `; ${text}`
    }`;
    return new CurlWebSocketError("ERR_HANDSHAKE_STATUS", message, init);
  }
}

/**
 * Returns where the first empty line ends, or -1. A line may end with a line feed alone (RFC 9112 section 2.2): some
 * servers send that, and curl and browsers accept it.
 */
function headerEnd(bytes: Uint8Array, from: number): number {
  for (let i = bytes.indexOf(10, from); i >= 0; i = bytes.indexOf(10, i + 1)) {
    if (bytes[i + 1] === 10) return i + 2;
    if (bytes[i + 1] === 13 && bytes[i + 2] === 10) return i + 3;
  }
  return -1;
}

/** Refuses at once what does not begin like HTTP: its header may never end. */
function checkStart(bytes: Uint8Array): void {
  const start = latin1(bytes.subarray(0, 5));
  if (!"HTTP/".startsWith(start)) {
    throw invalid(`the server's response is not HTTP: it begins with "${printable(latin1(bytes.subarray(0, 40)))}"`);
  }
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) {
    // As an argument list: spread, each byte takes a step of an iterator.
    text += String.fromCharCode.apply(null, bytes.subarray(i, i + 4096) as unknown as number[]);
  }
  return text;
}
