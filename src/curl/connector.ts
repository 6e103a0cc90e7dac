/** Connects with libcurl without blocking: the reactor drives `curl_multi_socket_action`. */
import { type CurlWebSocketError, errorOf } from "../errors.ts";
import type { ConnectionInfo } from "../observe/connection_info.ts";
import { type CompleteProxy, proxyName } from "../options/proxy.ts";
import { closeOnExec } from "../platform/descriptors.ts";
import { ffi, type Pointer } from "../platform/ffi.ts";
import { runtime } from "../platform/runtime.ts";
import type { Reactor } from "../reactor/reactor.ts";
import { explainFailure } from "./connect_errors.ts";
import { ConnectHandles, type ConnectReceiver } from "./connect_handles.ts";
import { readConnection } from "./read_connection.ts";
import * as C from "./constants.ts";
import { isAlone } from "./drivers.ts";
import { readClientHello } from "./client_hello.ts";
import { differences, unlike } from "./fingerprint.ts";
import { getNumber } from "./get_info.ts";
import { chooseProxy, type ConnectTarget, setBaseOptions, setUserOptions } from "./handle_options.ts";
import type { Curl } from "./library.ts";
import { setRepeated } from "./repeated_options.ts";
import type { TlsPeer } from "./tls_errors.ts";
import { TransferLog } from "./transfer_log.ts";
import { Transport } from "./transport.ts";

export type { ConnectTarget } from "./handle_options.ts";

/** Receives the end of an attempt: one call, or none if the attempt is closed before. */
export interface ConnectHandler {
  onConnected(transport: Transport, info: ConnectionInfo): void;
  onFailed(error: CurlWebSocketError): void;
}

/**
 * The longest response of a proxy to CONNECT, in bytes, with the body of a 407. libcurl reads it inside one call, byte
 * by byte and for as long as there are more: this many take some 50 ms. Proxies' error pages have a few KiB.
 */
const MAX_PROXY_RESPONSE = 64 * 1024;

/** curl_infotype of what is sent over TLS; libcurl reports messages of the handshake alone, before they are encrypted. */
const CURLINFO_SSL_DATA_OUT = 6;

/** By curl_infotype: CURLINFO_TEXT, _HEADER_IN, _HEADER_OUT. The headers are a proxy's. */
const LOG_KINDS = ["words", "response", "request"] as const;

/** One attempt to connect. */
export class Connector implements ConnectReceiver {
  readonly isConnecting = true;
  readonly #curl: Curl;
  readonly #reactor: Reactor;
  readonly #handler: ConnectHandler;
  readonly #target: ConnectTarget;
  readonly #handles: ConnectHandles;
  readonly #proxy: CompleteProxy | null;
  readonly #log: TransferLog = new TransferLog();
  /** How often libcurl has reported progress: during CONNECT it does so for each byte. */
  #progress = 0;
  /** Whether the ClientHello is still to be compared with what was asked for. */
  #helloAwaited: boolean;
  #done = false;

  /** Prepares an attempt, which begins with {@linkcode start}. */
  constructor(curl: Curl, reactor: Reactor, target: ConnectTarget, handler: ConnectHandler) {
    this.#curl = curl;
    this.#reactor = reactor;
    this.#target = target;
    this.#handler = handler;
    this.#helloAwaited = target.fingerprint !== null && target.url.protocol === "https:";
    this.#handles = new ConnectHandles(curl, reactor, this);
    try {
      this.#proxy = chooseProxy(target);
      this.#setOptions();
      reactor.attach(this);
    } catch (error) {
      // Nothing polls it yet, so nothing has to be waited for.
      this.#handles.freeNow();
      throw error;
    }
  }

  /**
   * Begins to connect; the handler may be called inside this call.
   *
   * @throws {CurlWebSocketError} if libcurl cannot begin
   */
  start(): void {
    try {
      const hasTls = this.#target.url.protocol === "https:" || this.#proxy?.scheme === "https";
      this.#handles.start({ alone: isAlone(this.#curl, this.#target), hasTls });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #setOptions(): void {
    const { easy, options, errors } = this.#handles, curl = this.#curl;
    curl.setBuffer(easy, C.CURLOPT_ERRORBUFFER, errors.bytes);
    if (!this.#hasLog && setRepeated(options, this.#target, this.#proxy)) return;
    setBaseOptions(options, this.#target);
    const { debug, progress } = this.#handles.setCallbacks();
    if (this.#proxy?.scheme.startsWith("http")) {
      curl.setPointer(easy, C.CURLOPT_XFERINFOFUNCTION, progress.pointer);
      curl.setPointer(easy, C.CURLOPT_XFERINFODATA, easy);
      options.long("NOPROGRESS", 0);
    }
    if (this.#hasLog) {
      curl.setPointer(easy, C.CURLOPT_DEBUGFUNCTION, debug.pointer);
      if (!this.#hasDoh || this.#reportsAll) options.long("VERBOSE", 1);
    }
    this.#handles.setSessions(this.#target, this.#proxy);
    setUserOptions(options, this.#target, this.#proxy);
  }

  /**
   * Whether libcurl's log is read: only it has TLS and a proxy's response. If the user sets VERBOSE, libcurl prints it
   * instead.
   */
  get #hasLog(): boolean {
    const { url, curlOptions } = this.#target;
    return (url.protocol === "https:" || this.#proxy !== null || this.#observed) &&
      !curlOptions.some(({ option }) => option.name === "VERBOSE");
  }

  get #observed(): boolean {
    return this.#target.observer?.curlLogged !== undefined;
  }

  /**
   * Whether names are looked up by HTTPS: the log then begins after that, or libcurl would write those requests to the
   * terminal.
   */
  get #hasDoh(): boolean {
    const { network, curlOptions } = this.#target;
    return network.dohUrl !== undefined || curlOptions.some(({ option }) => option.name === "DOH_URL");
  }

  /**
   * Whether the log begins at once although names are looked up by HTTPS: it has to have the ClientHello, which may come
   * in the call in which the name is known. Newer libcurls, from 8.21 at the latest, do not write those requests anywhere.
   */
  get #reportsAll(): boolean {
    return this.#helloAwaited && this.#curl.versionNumber >= 0x081500;
  }

  /** The URL of the proxy, without credentials, or null. */
  get proxyName(): string | null {
    return this.#proxy === null ? null : proxyName(this.#proxy);
  }

  onProgress(): boolean {
    return ++this.#progress <= MAX_PROXY_RESPONSE;
  }

  onDebug(kind: number, data: Pointer, size: number): void {
    if (this.#helloAwaited && kind === CURLINFO_SSL_DATA_OUT) return this.#checkHello(data, size);
    const wanted = TransferLog.wants(kind), observed = this.#observed ? LOG_KINDS[kind] : undefined;
    if (this.#done || size === 0 || !(wanted || observed !== undefined)) return;
    const text = runtime().latin1(ffi().view(data, size), 0, size);
    if (observed !== undefined) this.#target.observer?.curlLogged?.(observed, text);
    if (wanted) this.#log.add(kind, text);
  }

  /** What it throws is the end of the attempt, before the server has answered. */
  #checkHello(data: Pointer, size: number): void {
    // The first one is for an https proxy, and not to be like anybody's.
    if (this.#proxy?.scheme === "https" && this.#log.sessions.length === 0) return;
    const hello = readClientHello(ffi().view(data, size));
    if (hello === null) return;
    this.#helloAwaited = false;
    const { fingerprint, tls, url } = this.#target;
    const found = differences(hello, fingerprint!, tls.serverName ?? url.hostname);
    if (found.length > 0) throw unlike(this.#curl, found);
  }

  onReady(fd: number, events: number): boolean {
    // libcurl writes its log from when the name is known on, see #hasDoh.
    if (this.#hasDoh && this.#hasLog && getNumber(this.#curl, this.#handles.easy, C.CURLINFO_NAMELOOKUP_TIME_T)) {
      this.#handles.options.tryLong("VERBOSE", 1);
    }
    this.#handles.act(fd, events);
    return false;
  }

  onReactorError(error: CurlWebSocketError): void {
    this.#fail(error);
  }

  setRef(refed: boolean): void {
    this.#reactor.setRef(this, refed);
    this.#handles.setRef(refed);
  }

  /** Gives up, at any time. The handler is not called any more. */
  close(): void {
    if (this.#done) return;
    this.#settle();
    this.#handles.abandon();
  }

  onResult(code: number): void {
    if (this.#done) return;
    try {
      if (code === C.CURLE_OK) this.#connected();
      else this.#fail(this.#describe(code));
    } catch (cause) {
      this.#fail(errorOf("connecting", cause));
    }
  }

  onFailure(cause: unknown): void {
    this.#fail(errorOf("connecting", cause));
  }

  /** Hands the connection over. It sends something at once, see driver.ts. */
  #connected(): void {
    if (this.#helloAwaited) return this.#fail(unlike(this.#curl, [this.#whyNoHello]));
    const connectedFd = getNumber(this.#curl, this.#handles.easy, C.CURLINFO_ACTIVESOCKET) ?? -1;
    if (connectedFd < 0) return this.#fail(this.#describe(C.CURLE_COULDNT_CONNECT));
    const secure = this.#target.url.protocol === "https:";
    const unix = this.#target.network.unixSocket !== undefined;
    const info = readConnection(this.#curl, this.#handles.easy, { proxy: this.#proxy, secure, log: this.#log, unix });
    const tlsLayers = (secure ? 1 : 0) + (this.#proxy?.scheme === "https" ? 1 : 0);
    this.#handles.shareErrors();
    const { easy, errors, options } = this.#handles;
    // It knows the handles, and not this: what only connecting needs goes when that is done.
    const transport = new Transport(this.#curl, easy, connectedFd, errors, this.#handles, {
      peer: secure ? this.#tlsPeer() : null,
      tlsLayers,
    });
    if (this.#handles.sealed !== connectedFd) closeOnExec(connectedFd);
    this.#handles.connected = connectedFd;
    // From here on the handles are the transport's.
    this.#settle();
    options.closeFiles();
    this.#handler.onConnected(transport, info);
  }

  /** If curlOptions have VERBOSE, libcurl prints its log and reports nothing. */
  get #whyNoHello(): string {
    return `it is not known, as libcurl ${
      this.#hasLog ? "reported nothing before it knew the address, with dohUrl" : "prints it, with VERBOSE"
    }`;
  }

  #tlsPeer(): TlsPeer {
    const { url, tls } = this.#target;
    return { peer: url.host, what: "tls", options: tls, certificateRequested: this.#log.certificateRequested };
  }

  #fail(error: CurlWebSocketError): void {
    if (this.#done) return;
    this.#settle();
    this.#handles.free();
    this.#handler.onFailed(error);
  }

  /** Takes this out of the reactor; the handles stay. */
  #settle(): void {
    this.#done = true;
    // The log of what is sent and received later is of no use.
    if (this.#hasLog) this.#handles.options.tryLong("VERBOSE", 0);
    this.#handles.settle();
    this.#reactor.detach(this);
  }

  #describe(curlCode: number): CurlWebSocketError {
    const curlMessage = this.#handles.errors.message(this.#curl, curlCode);
    const number = (info: number) => getNumber(this.#curl, this.#handles.easy, info) ?? 0;
    return explainFailure({
      target: this.#target,
      proxy: this.#proxy,
      curlCode,
      curlMessage,
      connectCode: number(C.CURLINFO_HTTP_CONNECTCODE),
      proxyError: number(C.CURLINFO_PROXY_ERROR),
      osErrno: number(C.CURLINFO_OS_ERRNO),
      endless: this.#progress > MAX_PROXY_RESPONSE,
      response: this.#log.response,
      certificateRequested: this.#log.certificateRequested,
    });
  }
}
