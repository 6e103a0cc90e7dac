/** An established connection: raw bytes in and out, which libcurl decrypts and encrypts. */
import { CurlWebSocketError } from "../errors.ts";
import * as C from "./constants.ts";
import type { ErrorBuffer } from "./error_buffer.ts";
import { freeTlsBuffers } from "./tls_buffers.ts";
import { clientCertificate, isLateAlert, type TlsPeer } from "./tls_errors.ts";
import { allocate, type Pointer } from "../platform/ffi.ts";
import type { Curl } from "./library.ts";
import { halfClose, unacknowledged } from "../platform/descriptors.ts";

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
  /** The server, if there is TLS to it. */
  peer?: TlsPeer | null;
  /** How many layers of TLS there are: the server's, an https proxy's, or both. */
  tlsLayers?: number;
}

/** Who frees the handles of a connection, and closes its socket. */
export interface HandleOwner {
  free(): void;
}

/** Where libcurl writes how many bytes a call has moved: one a thread, since it is read when the call returns. */
const countBytes = allocate(8);
const count = new Uint32Array(countBytes.buffer);

export class Transport {
  readonly fd: number;
  readonly #curl: Curl;
  readonly #easy: Pointer;
  readonly #errors: ErrorBuffer;
  readonly #owner: HandleOwner;
  readonly #retries: number;
  readonly #peer: TlsPeer | null;
  /**
   * Whether libcurl may hold bytes that it has read from the socket, which no poll reports: so it is with any TLS, also
   * a proxy's. Then only {@linkcode WOULD_BLOCK} means that there are no more; without TLS, a short read means that
   * too.
   */
  readonly readsAhead: boolean;
  #open = true;
  #hasRead = false;
  /** Whether the TLS library may still hold the buffers of the handshake: the server's session tickets come behind it. */
  #mayHoldBuffers: boolean;

  constructor(
    curl: Curl,
    easy: Pointer,
    fd: number,
    errors: ErrorBuffer,
    owner: HandleOwner,
    { peer = null, tlsLayers = 0 }: TransportInit = {},
  ) {
    this.#curl = curl;
    this.#easy = easy;
    this.fd = fd;
    this.#errors = errors;
    this.#owner = owner;
    this.readsAhead = this.#mayHoldBuffers = tlsLayers > 0;
    this.#retries = tlsLayers > 1 && curl.info.tls?.includes("GnuTLS") ? TICKETS : 0;
    this.#peer = peer;
    curl.setLong(easy, C.CURLOPT_BUFFERSIZE, READ_SIZE);
  }

  /** What to do if the server asked for a client certificate and got none, else null: that may be why it ends the connection. */
  get hint(): string | null {
    const peer = this.#peer;
    if (!peer?.certificateRequested || peer.options.cert !== undefined || peer.options.pfx !== undefined) return null;
    return clientCertificate(peer);
  }

  /**
   * Reads into `buffer`. Returns the number of bytes, {@linkcode WOULD_BLOCK} or {@linkcode END}.
   *
   * @throws {CurlWebSocketError} `ERR_CONNECTION_LOST` or `ERR_TLS`
   */
  recv(buffer: Uint8Array): number {
    if (!this.#open) return END;
    this.#errors.clear();
    let code = this.#curl.curl_easy_recv(this.#easy, buffer, buffer.length, countBytes);
    for (let i = 0; code === C.CURLE_AGAIN && i < this.#retries; i++) {
      code = this.#curl.curl_easy_recv(this.#easy, buffer, buffer.length, countBytes);
    }
    if (code === C.CURLE_OK) {
      this.#hasRead = true;
      return count[0]!;
    }
    if (code === C.CURLE_AGAIN) {
      if (this.#mayHoldBuffers && this.#hasRead) this.#freeBuffers();
      return WOULD_BLOCK;
    }
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
    this.#errors.clear();
    const code = this.#curl.curl_easy_send(this.#easy, bytes, bytes.length, countBytes);
    if (code === C.CURLE_OK) return count[0]!;
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

  #freeBuffers(): void {
    this.#mayHoldBuffers = freeTlsBuffers(this.#curl, this.#easy) === "in use";
  }

  /** How many bytes the kernel has that the server has not acknowledged; null where the system does not tell, and once closed. */
  get unacknowledged(): number | null {
    return this.#open ? unacknowledged(this.fd) : null;
  }

  /** Closes the socket and frees the handles. The reactor must not watch it any more. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#owner.free();
  }

  #error(what: string, curlCode: number): CurlWebSocketError {
    const curlMessage = this.#errors.message(this.#curl, curlCode);
    // With TLS 1.3, the client's handshake is done before the server has checked its certificate.
    if (this.#peer !== null && isLateAlert(curlMessage)) {
      const message = `${clientCertificate(this.#peer)}: ${curlMessage} (curl ${curlCode})`;
      return new CurlWebSocketError("ERR_TLS", message, { curlCode, curlMessage });
    }
    const message = `the connection was lost while ${what}: ${curlMessage} (curl ${curlCode})`;
    return new CurlWebSocketError("ERR_CONNECTION_LOST", message, { curlCode, curlMessage });
  }
}
