/** A connection that stands: raw bytes in and out, decrypted by libcurl. */
import { CurlWebSocketError } from "../errors.ts";
import * as C from "./constants.ts";
import type { ErrorBuffer } from "./error_buffer.ts";
import { isLateAlert } from "./tls_errors.ts";
import { allocate, type Pointer } from "../platform/ffi.ts";
import type { Curl } from "./library.ts";
import { halfClose } from "../platform/descriptors.ts";

/** What {@linkcode Transport.recv} returns where there are no bytes. */
export const WOULD_BLOCK = -1;
/** The other side has closed. */
export const END = 0;

/** libcurl reads at most `CURLOPT_BUFFERSIZE` at once: 512 KiB halves the CPU of a flood against the default's 16 KiB. */
export const READ_SIZE: number = 512 * 1024;

/**
 * Of TLS within TLS, GnuTLS says that there is nothing when it has read a session ticket, though the outer TLS may hold
 * what came behind it, and then no poll tells of that. So many tickets a server sends, and more.
 */
const TICKETS = 4;

/** What is to be known of a connection beside its handle. */
export interface TransportInit {
  /** What to say where a client certificate turns out to be wanted, and whether it was asked for and not given. */
  certificate?: { help: string; missing: boolean } | null;
  /** How many layers of TLS lie between the socket and the bytes: the server's, an https proxy's, or both. */
  tlsLayers?: number;
}

export class Transport {
  readonly fd: number;
  readonly #curl: Curl;
  readonly #easy: Pointer;
  readonly #errors: ErrorBuffer;
  readonly #free: () => void;
  readonly #retries: number;
  /** What to say where the server turns out not to take this client's certificate, or the lack of one; null without TLS. */
  readonly #certificateHelp: string | null;
  /** The same where the server asked for a certificate and got none: that may be why it ends the connection. */
  readonly hint: string | null;
  /**
   * Whether libcurl may hold bytes that have left the socket, where no poll sees them: it does so wherever there is TLS, be
   * it a proxy's alone. Only {@linkcode WOULD_BLOCK} then says that there are no more; without TLS a short read does too.
   */
  readonly readsAhead: boolean;
  readonly #countBytes: Uint8Array<ArrayBuffer> = allocate(8);
  readonly #count: Uint32Array = new Uint32Array(this.#countBytes.buffer);
  #open = true;

  constructor(
    curl: Curl,
    easy: Pointer,
    fd: number,
    errors: ErrorBuffer,
    free: () => void,
    { certificate = null, tlsLayers = 0 }: TransportInit = {},
  ) {
    this.#curl = curl;
    this.#easy = easy;
    this.fd = fd;
    this.#errors = errors;
    this.#free = free;
    this.readsAhead = tlsLayers > 0;
    this.#retries = tlsLayers > 1 && curl.info.tls?.includes("GnuTLS") ? TICKETS : 0;
    this.#certificateHelp = certificate?.help ?? null;
    this.hint = certificate?.missing ? certificate.help : null;
    curl.setLong(easy, C.CURLOPT_BUFFERSIZE, READ_SIZE);
  }

  /** Reads into `buffer`; returns how many bytes, {@linkcode WOULD_BLOCK} or {@linkcode END}. */
  recv(buffer: Uint8Array): number {
    if (!this.#open) return END;
    let code = this.#curl.curl_easy_recv(this.#easy, buffer, buffer.length, this.#countBytes);
    for (let i = 0; code === C.CURLE_AGAIN && i < this.#retries; i++) {
      code = this.#curl.curl_easy_recv(this.#easy, buffer, buffer.length, this.#countBytes);
    }
    if (code === C.CURLE_OK) return this.#count[0]!;
    if (code === C.CURLE_AGAIN) return WOULD_BLOCK;
    if (code === C.CURLE_GOT_NOTHING) return END;
    throw this.#error("receiving", code);
  }

  /**
   * Sends some of `bytes`; returns how many were taken. After 0 the next call must bring the same bytes at the same
   * address: TLS may have encrypted some of them already.
   */
  send(bytes: Uint8Array): number {
    if (!this.#open) return 0;
    const code = this.#curl.curl_easy_send(this.#easy, bytes, bytes.length, this.#countBytes);
    if (code === C.CURLE_OK) return this.#count[0]!;
    if (code === C.CURLE_AGAIN) return 0;
    throw this.#error("sending", code);
  }

  /**
   * Tells the server that nothing more will be sent, by TCP's own end. Over TLS that takes a close_notify, which libcurl
   * sends when it closes, and so {@linkcode close} does it. To be called when all that was sent has been taken.
   */
  endSending(): void {
    if (this.#open && !this.readsAhead) halfClose(this.fd);
  }

  /** Closes the socket and frees the handles. The reactor must no longer watch it. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#free();
  }

  #error(what: string, curlCode: number): CurlWebSocketError {
    const curlMessage = this.#errors.message(this.#curl, curlCode);
    // In TLS 1.3 the client is done before the server has looked at its certificate.
    if (this.#certificateHelp !== null && isLateAlert(curlMessage)) {
      const message = `${this.#certificateHelp}: ${curlMessage} (curl ${curlCode})`;
      return new CurlWebSocketError("ERR_TLS", message, { curlCode, curlMessage });
    }
    const message = `the connection was lost while ${what}: ${curlMessage} (curl ${curlCode})`;
    return new CurlWebSocketError("ERR_CONNECTION_LOST", message, { curlCode, curlMessage });
  }
}
