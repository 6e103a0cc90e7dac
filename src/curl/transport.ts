/** An established connection: raw bytes in and out, which libcurl decrypts and encrypts. */
import { CurlWebSocketError } from "../errors.ts";
import * as C from "./constants.ts";
import type { ErrorBuffer } from "./error_buffer.ts";
import { isLateAlert } from "./tls_errors.ts";
import { allocate, type Pointer } from "../platform/ffi.ts";
import type { Curl } from "./library.ts";
import { halfClose } from "../platform/descriptors.ts";

/** What {@linkcode Transport.recv} returns if there are no bytes now. */
export const WOULD_BLOCK = -1;
/** What {@linkcode Transport.recv} returns if the peer has ended. */
export const END = 0;

/**
 * The largest read, in bytes (`CURLOPT_BUFFERSIZE`): a flood costs half the CPU that it costs with the default, 16 KiB.
 */
export const READ_SIZE: number = 512 * 1024;

/**
 * How often to read again when there is nothing, for GnuTLS with TLS inside TLS: after a session ticket it returns that
 * there is nothing, though the outer TLS may hold what came after, and then no poll reports it. Servers send two
 * tickets, or a few more.
 */
const TICKETS = 4;

/** What else is known of a connection. */
export interface TransportInit {
  /** What to do if the server wants a client certificate, and whether it asked for one and there is none. */
  certificate?: { help: string; missing: boolean } | null;
  /** How many layers of TLS there are: the server's, an https proxy's, or both. */
  tlsLayers?: number;
}

export class Transport {
  readonly fd: number;
  readonly #curl: Curl;
  readonly #easy: Pointer;
  readonly #errors: ErrorBuffer;
  readonly #free: () => void;
  readonly #retries: number;
  /** What to do if the server does not accept this client's certificate, or that there is none; null without TLS. */
  readonly #certificateHelp: string | null;
  /** The same if the server asked for a certificate and got none, else null: that may be why it ends the connection. */
  readonly hint: string | null;
  /**
   * Whether libcurl may hold bytes that it has read from the socket, which no poll reports: so it is with any TLS, also
   * a proxy's. Then only {@linkcode WOULD_BLOCK} means that there are no more; without TLS, a short read means that
   * too.
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

  /**
   * Reads into `buffer`. Returns the number of bytes, {@linkcode WOULD_BLOCK} or {@linkcode END}.
   *
   * @throws {CurlWebSocketError} `ERR_CONNECTION_LOST` or `ERR_TLS`
   */
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
   * Sends some of `bytes`. Returns how many were taken. After 0, the next call must pass the same bytes at the same
   * address: TLS may have encrypted some of them already.
   *
   * @throws {CurlWebSocketError} `ERR_CONNECTION_LOST` or `ERR_TLS`
   */
  send(bytes: Uint8Array): number {
    if (!this.#open) return 0;
    const code = this.#curl.curl_easy_send(this.#easy, bytes, bytes.length, this.#countBytes);
    if (code === C.CURLE_OK) return this.#count[0]!;
    if (code === C.CURLE_AGAIN) return 0;
    throw this.#error("sending", code);
  }

  /**
   * Ends TCP towards the server: nothing more will be sent. Over TLS it does nothing, because only {@linkcode close}
   * makes libcurl send the close_notify that TLS needs. Call it when everything that was sent has been taken.
   */
  endSending(): void {
    if (this.#open && !this.readsAhead) halfClose(this.fd);
  }

  /** Closes the socket and frees the handles. The reactor must not watch it any more. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#free();
  }

  #error(what: string, curlCode: number): CurlWebSocketError {
    const curlMessage = this.#errors.message(this.#curl, curlCode);
    // With TLS 1.3, the client's handshake is done before the server has checked its certificate.
    if (this.#certificateHelp !== null && isLateAlert(curlMessage)) {
      const message = `${this.#certificateHelp}: ${curlMessage} (curl ${curlCode})`;
      return new CurlWebSocketError("ERR_TLS", message, { curlCode, curlMessage });
    }
    const message = `the connection was lost while ${what}: ${curlMessage} (curl ${curlCode})`;
    return new CurlWebSocketError("ERR_CONNECTION_LOST", message, { curlCode, curlMessage });
  }
}
