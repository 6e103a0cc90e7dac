/** Opens a connection with libcurl, without ever blocking: `curl_multi_socket_action` driven by the reactor. */
import { CurlWebSocketError, type ErrorCode } from "../errors.ts";
import * as C from "./constants.ts";
import { allocate, isNull, type Pointer, runtime, type Timer, toCString } from "./ffi.ts";
import type { Curl } from "./library.ts";
import type { Reactor, Source } from "./reactor.ts";
import { Transport } from "./transport.ts";
import { paced } from "../pacer.ts";

/** What to connect to, and how. */
export interface ConnectTarget {
  /** An `http:` or `https:` URL; only its origin matters. */
  readonly url: URL;
  readonly tls: TlsOptions;
}

/** TLS settings. */
export interface TlsOptions {
  /** Certificates to trust instead of the system's: PEM text or bytes, or the path of a PEM file. */
  ca?: string | Uint8Array;
  /** Whether to check the server's certificate and name; default true. */
  verify?: boolean;
}

/** How an attempt ends, exactly once, unless it is closed before. */
export interface ConnectHandler {
  onConnected(transport: Transport): void;
  onFailed(error: CurlWebSocketError): void;
}

/** The connector whose call into libcurl is on the stack: libcurl's callbacks come inside our own calls alone. */
let current: Connector | null = null;

let callbacks: { socket: Pointer; timer: Pointer } | undefined;

function libcurlCallbacks(): { socket: Pointer; timer: Pointer } {
  return callbacks ??= {
    // int curl_socket_callback(CURL *, curl_socket_t, int what, void *, void *)
    socket: runtime().callback(
      ["pointer", "i32", "i32", "pointer", "pointer"],
      "i32",
      (_easy: Pointer, fd: number, what: number) => current?.onSocket(fd, what) ?? 0,
    ),
    // int curl_multi_timer_callback(CURLM *, long timeout_ms, void *)
    timer: runtime().callback(
      ["pointer", "i64", "pointer"],
      "i32",
      (_multi: Pointer, milliseconds: bigint | number) => current?.onTimer(Number(milliseconds)) ?? 0,
    ),
  };
}

/** One attempt. */
export class Connector implements Source {
  readonly #curl: Curl;
  readonly #reactor: Reactor;
  readonly #handler: ConnectHandler;
  readonly #target: ConnectTarget;
  readonly #easy: Pointer;
  readonly #multi: Pointer;
  /** libcurl reads or writes these for as long as the handle lives. */
  readonly #errorBuffer: Uint8Array = allocate(C.CURL_ERROR_SIZE);
  readonly #running: Uint8Array = allocate(4);
  readonly #fds: Set<number> = new Set();
  #timer: Timer | null = null;
  /** How often libcurl has set its timer: only the last one counts. */
  #timerSets = 0;
  #refed = true;
  #done = false;

  constructor(curl: Curl, reactor: Reactor, target: ConnectTarget, handler: ConnectHandler) {
    this.#curl = curl;
    this.#reactor = reactor;
    this.#target = target;
    this.#handler = handler;
    this.#easy = curl.curl_easy_init();
    this.#multi = curl.curl_multi_init();
    if (isNull(this.#easy) || isNull(this.#multi)) {
      throw new CurlWebSocketError("ERR_LIBCURL", "libcurl could not make a handle: out of memory or descriptors");
    }
    this.#setOptions();
    reactor.attach(this);
    this.#guard(() => curl.curl_multi_add_handle(this.#multi, this.#easy));
  }

  #setOptions(): void {
    const { url, tls } = this.#target;
    const easy = this.#easy, curl = this.#curl;
    const set = (option: number, value: number) => this.#check(option, curl.setLong(easy, option, value));
    curl.setBuffer(easy, C.CURLOPT_ERRORBUFFER, this.#errorBuffer);
    this.#check(C.CURLOPT_URL, curl.setBuffer(easy, C.CURLOPT_URL, toCString(url.origin)));
    set(C.CURLOPT_CONNECT_ONLY, 1);
    set(C.CURLOPT_NOSIGNAL, 1);
    set(C.CURLOPT_TCP_NODELAY, 1);
    set(C.CURLOPT_HTTP_VERSION, C.CURL_HTTP_VERSION_1_1);
    set(C.CURLOPT_HTTPPROXYTUNNEL, 1);
    // Our own timer bounds the connecting; libcurl's default of 300 s must not cut a longer one short.
    set(C.CURLOPT_CONNECTTIMEOUT_MS, 0x7fff_ffff);
    // Closing while getaddrinfo runs must not wait for it. From 7.87; an older libcurl waits.
    curl.setLong(easy, C.CURLOPT_QUICK_EXIT, 1);
    if (tls.verify === false) {
      set(C.CURLOPT_SSL_VERIFYPEER, 0);
      set(C.CURLOPT_SSL_VERIFYHOST, 0);
    }
    if (tls.ca !== undefined) this.#setCa(tls.ca);
    const { socket, timer } = libcurlCallbacks();
    curl.setCallback(this.#multi, C.CURLMOPT_SOCKETFUNCTION, socket);
    curl.setCallback(this.#multi, C.CURLMOPT_TIMERFUNCTION, timer);
  }

  #setCa(ca: string | Uint8Array): void {
    if (typeof ca === "string" && !ca.includes("-----BEGIN")) {
      this.#check(C.CURLOPT_CAINFO, this.#curl.setBuffer(this.#easy, C.CURLOPT_CAINFO, toCString(ca)));
      return;
    }
    const pem = typeof ca === "string" ? new TextEncoder().encode(ca) : ca;
    const data = allocate(pem.length);
    data.set(pem);
    // struct curl_blob {void *data; size_t len; unsigned int flags}; CURL_BLOB_COPY: libcurl keeps a copy.
    const CURL_BLOB_COPY = 1;
    const blob = allocate(24);
    const fields = new DataView(blob.buffer);
    fields.setBigUint64(0, runtime().address(runtime().pointerTo(data)), true);
    fields.setBigUint64(8, BigInt(data.length), true);
    fields.setUint32(16, CURL_BLOB_COPY, true);
    this.#check(C.CURLOPT_CAINFO_BLOB, this.#curl.setBuffer(this.#easy, C.CURLOPT_CAINFO_BLOB, blob));
  }

  #check(option: number, code: number): void {
    if (code === C.CURLE_OK) return;
    const { version } = this.#curl.info;
    const message = `libcurl ${version} refuses option ${option}: ${this.#curl.message(code)} (${code})`;
    throw new CurlWebSocketError("ERR_LIBCURL", message, { curlCode: code, curlMessage: this.#curl.message(code) });
  }

  /** Calls into libcurl with this as the connector its callbacks belong to. */
  #guard(call: () => number): number {
    const outer = current;
    current = this;
    try {
      return call();
    } finally {
      current = outer;
    }
  }

  onSocket(fd: number, what: number): number {
    if (what === C.CURL_POLL_REMOVE) {
      this.#fds.delete(fd);
      this.#reactor.watch(fd, this, 0);
    } else {
      this.#fds.add(fd);
      this.#reactor.watch(fd, this, what);
    }
    return 0;
  }

  onTimer(milliseconds: number): number {
    this.#timer?.clear();
    this.#timer = null;
    const set = ++this.#timerSets;
    if (milliseconds < 0 || this.#done) return 0;
    // Now: the first steps of many attempts at once are not to be one long task.
    if (milliseconds === 0) {
      paced(() => {
        if (set === this.#timerSets) this.#act(C.CURL_SOCKET_TIMEOUT, 0);
      });
      return 0;
    }
    this.#timer = runtime().setTimer(() => {
      this.#timer = null;
      this.#act(C.CURL_SOCKET_TIMEOUT, 0);
    }, Math.min(milliseconds, 0x7fff_ffff));
    if (!this.#refed) this.#timer.unref();
    return 0;
  }

  onReady(fd: number, events: number): boolean {
    if (this.#fds.has(fd)) this.#act(fd, events);
    return false;
  }

  onReactorError(error: CurlWebSocketError): void {
    this.#fail(error);
  }

  setRef(refed: boolean): void {
    this.#refed = refed;
    this.#reactor.setRef(this, refed);
    this.#timer?.[refed ? "ref" : "unref"]();
  }

  /** Gives up, at any time; the handler hears nothing more. */
  close(): void {
    if (this.#done) return;
    this.#settle();
    this.#free();
  }

  #act(fd: number, events: number): void {
    if (this.#done) return;
    this.#guard(() => this.#curl.curl_multi_socket_action(this.#multi, fd, events, this.#running));
    const message = this.#curl.curl_multi_info_read(this.#multi, this.#running);
    if (isNull(message)) return;
    // struct CURLMsg {CURLMSG msg; CURL *easy_handle; union {void *whatever; CURLcode result} data}
    const bytes = runtime().view(message, 24);
    const result = new DataView(bytes.buffer, bytes.byteOffset).getInt32(16, true);
    if (result !== C.CURLE_OK) return this.#fail(this.#describe(result));
    const socket = allocate(8);
    this.#curl.getInfo(this.#easy, C.CURLINFO_ACTIVESOCKET, socket);
    const connectedFd = Number(new DataView(socket.buffer).getBigInt64(0, true));
    if (connectedFd < 0) return this.#fail(this.#describe(C.CURLE_COULDNT_CONNECT));
    this.#settle();
    const free = () => this.#free();
    this.#handler.onConnected(new Transport(this.#curl, this.#easy, connectedFd, this.#errorBuffer, free));
  }

  #fail(error: CurlWebSocketError): void {
    if (this.#done) return;
    this.#settle();
    this.#free();
    this.#handler.onFailed(error);
  }

  /** Takes this out of the reactor; the handles stay. */
  #settle(): void {
    this.#done = true;
    this.#timer?.clear();
    this.#timer = null;
    for (const fd of this.#fds) this.#reactor.watch(fd, this, 0);
    this.#fds.clear();
    this.#reactor.detach(this);
  }

  #free(): void {
    this.#reactor.whenUnpolled(() => {
      this.#guard(() => {
        this.#curl.curl_multi_remove_handle(this.#multi, this.#easy);
        this.#curl.curl_easy_cleanup(this.#easy);
        return this.#curl.curl_multi_cleanup(this.#multi);
      });
    });
  }

  #describe(curlCode: number): CurlWebSocketError {
    const { url } = this.#target;
    const end = this.#errorBuffer.indexOf(0);
    const curlMessage = new TextDecoder().decode(this.#errorBuffer.subarray(0, end)) || this.#curl.message(curlCode);
    const [code, help] = explain(curlCode, url);
    return new CurlWebSocketError(code, `${help}: ${curlMessage} (curl ${curlCode})`, { curlCode, curlMessage });
  }
}

function explain(curlCode: number, url: URL): [ErrorCode, string] {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  switch (curlCode) {
    case C.CURLE_COULDNT_RESOLVE_HOST:
      return ["ERR_DNS", `the host ${url.hostname} is unknown; check its spelling and this machine's DNS`];
    case C.CURLE_COULDNT_RESOLVE_PROXY:
      return ["ERR_DNS", "the proxy's host is unknown; check http_proxy, https_proxy and all_proxy"];
    case C.CURLE_COULDNT_CONNECT:
      return ["ERR_CONNECT_REFUSED", `nothing accepts connections at ${url.hostname} port ${port}`];
    case C.CURLE_OPERATION_TIMEDOUT:
      return ["ERR_CONNECT_TIMEOUT", `connecting to ${url.host} took too long`];
    case C.CURLE_PEER_FAILED_VERIFICATION:
      return [
        "ERR_TLS",
        `the certificate of ${url.host} is not trusted; give its CA with tls: { ca }, or, for tests only, tls: { verify: false }`,
      ];
    case C.CURLE_SSL_CACERT_BADFILE:
      return ["ERR_TLS", "the CA certificates could not be read; check tls: { ca }"];
    case C.CURLE_SSL_CONNECT_ERROR:
      return ["ERR_TLS", `the TLS handshake with ${url.host} failed; is it a wss server?`];
    default:
      return ["ERR_CONNECT_REFUSED", `connecting to ${url.host} failed`];
  }
}
