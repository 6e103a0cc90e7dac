/** Opens a connection with libcurl, without ever blocking: `curl_multi_socket_action` driven by the reactor. */
import { CurlWebSocketError, errorOf } from "../errors.ts";
import { type CompleteProxy, proxyName } from "../options/proxy.ts";
import { readConnection } from "./connection_info.ts";
import type { ConnectionInfo } from "../observe/connection_info.ts";
import * as C from "./constants.ts";
import { closeOnExec, createMulti } from "../platform/descriptors.ts";
import { OptionSetter } from "./option_setter.ts";
import { ErrorBuffer } from "./error_buffer.ts";
import { explainFailure } from "./connect_errors.ts";
import { clientCertificate } from "./tls_errors.ts";
import { allocate, type Callback, type CType, ffi, isNull, type Pointer } from "../platform/ffi.ts";
import { runtime } from "../platform/runtime.ts";
import { getNumber } from "./get_info.ts";
import { impersonate } from "./impersonate.ts";
import type { Curl } from "./library.ts";
import { noHandle } from "../platform/os_errors.ts";
import type { Reactor, Source } from "../reactor/reactor.ts";
import { chooseProxy, type ConnectTarget, setOptions } from "./handle_options.ts";
import { TransferLog } from "./transfer_log.ts";
import { Transport } from "./transport.ts";
import { Deadline } from "../platform/deadline.ts";
import { paced } from "../platform/fair_queue.ts";
import { tracer } from "../observe/trace.ts";

export type { ConnectTarget } from "./handle_options.ts";

/** How an attempt ends, exactly once, unless it is closed before. */
export interface ConnectHandler {
  onConnected(transport: Transport, info: ConnectionInfo): void;
  onFailed(error: CurlWebSocketError): void;
}

/**
 * A proxy's answer to CONNECT may have this many bytes, with the body of a 407. libcurl reads it inside one call, a byte at
 * a time and for as long as there are more: this many take some 50 ms. Pages of proxies have a few KiB.
 */
const MAX_PROXY_ANSWER = 64 * 1024;

/** The longest time libcurl takes, ms. */
const FOREVER = 0x7fff_ffff;
/**
 * By what part, and by how many ms at most, libcurl's own limit is behind the caller's, so that it is the caller who says that
 * time is up. No more: libcurl gives the first of several addresses half of its limit, the next one half of what is left.
 */
const MARGIN = 0.1, MOST_MARGIN = 1_000;

/** The connector whose call into libcurl is on the stack: libcurl's callbacks come inside our own calls alone. */
let current: Connector | null = null;

/** Runs one of libcurl's callbacks. Nothing is thrown through C: -1 makes libcurl stop, and the error is told then. */
function inC(callback: (connector: Connector) => void): number {
  const connector = current;
  if (connector === null) return 0;
  try {
    callback(connector);
    return 0;
  } catch (error) {
    connector.onThrown(error);
    return -1;
  }
}

/** By curl_infotype: CURLINFO_TEXT, _HEADER_IN, _HEADER_OUT. The headers are a proxy's. */
const TRACED = ["text", "response", "request"] as const;

/** Functions for libcurl. */
interface Callbacks {
  readonly socket: Callback;
  readonly timer: Callback;
  readonly debug: Callback;
  readonly progress: Callback;
}

/** This thread's, while there are handles that may call them, and how many have them. */
let callbacks: Callbacks | null = null;
let users = 0;

function holdCallbacks(): Callbacks {
  callbacks ??= makeCallbacks();
  users++;
  return callbacks;
}

function dropCallbacks(): void {
  if (--users > 0) return;
  // Another attempt may follow at once.
  runtime().defer(() => {
    if (users > 0 || callbacks === null) return;
    for (const callback of Object.values(callbacks)) callback.close();
    callbacks = null;
  });
}

function makeCallbacks(): Callbacks {
  const made: Callback[] = [];
  const make = (parameters: readonly CType[], step: (...args: never[]) => number) => {
    const callback = ffi().callback(parameters, "i32", step);
    made.push(callback);
    return callback;
  };
  try {
    return {
      // int curl_socket_callback(CURL *, curl_socket_t, int what, void *, void *)
      socket: make(
        ["pointer", "i32", "i32", "pointer", "pointer"],
        (_easy: Pointer, fd: number, what: number) => inC((connector) => connector.onSocket(fd, what)),
      ),
      // int curl_multi_timer_callback(CURLM *, long timeout_ms, void *)
      timer: make(
        ["pointer", "i64", "pointer"],
        (_multi: Pointer, milliseconds: bigint | number) => inC((connector) => connector.onTimer(Number(milliseconds))),
      ),
      // int curl_debug_callback(CURL *, curl_infotype, char *data, size_t, void *)
      debug: make(
        ["pointer", "i32", "pointer", "usize", "pointer"],
        (_easy: Pointer, kind: number, data: Pointer, size: bigint | number) =>
          inC((connector) => connector.onDebug(kind, data, Number(size))),
      ),
      // int curl_xferinfo_callback(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t): once for each byte that a proxy
      // answers. The four sizes are not asked for; the caller of a C function cleans up what it passed.
      progress: make(["pointer"], () => current?.onProgress() === false ? 1 : 0),
    };
  } catch (error) {
    for (const callback of made) callback.close();
    throw error;
  }
}

/** One attempt. */
export class Connector implements Source {
  readonly #curl: Curl;
  readonly #reactor: Reactor;
  readonly #handler: ConnectHandler;
  readonly #target: ConnectTarget;
  readonly #easy: Pointer;
  readonly #multi: Pointer;
  readonly #set: OptionSetter;
  readonly #proxy: CompleteProxy | null;
  readonly #log: TransferLog = new TransferLog();
  readonly #tracing: boolean = tracer() !== null;
  /** libcurl reads or writes these for as long as the handle lives. */
  readonly #errors: ErrorBuffer = new ErrorBuffer();
  readonly #running: Uint8Array = allocate(4);
  readonly #fds: Set<number> = new Set();
  readonly #timer: Deadline = new Deadline();
  /** How often libcurl has set its timer: only the last one counts. */
  #timerSets = 0;
  /** Calls into libcurl that are on the stack: inside one the handles cannot be freed. */
  #calls = 0;
  /** Whether to free them when the last of these calls returns. */
  #freeing = false;
  /** Whether the handles have our callbacks. */
  #holding = false;
  /** How often libcurl has told of its progress: in CONNECT it does so for each byte. */
  #progress = 0;
  /** What a callback of libcurl's threw. */
  #thrown: { error: unknown } | null = null;
  #done = false;

  constructor(curl: Curl, reactor: Reactor, target: ConnectTarget, handler: ConnectHandler) {
    this.#curl = curl;
    this.#reactor = reactor;
    this.#target = target;
    this.#handler = handler;
    this.#multi = createMulti(curl);
    this.#easy = curl.curl_easy_init();
    if (isNull(this.#easy) || isNull(this.#multi)) {
      if (!isNull(this.#easy)) curl.curl_easy_cleanup(this.#easy);
      if (!isNull(this.#multi)) curl.curl_multi_cleanup(this.#multi);
      throw noHandle();
    }
    this.#set = new OptionSetter(curl, this.#easy);
    try {
      this.#proxy = chooseProxy(target);
      this.#setOptions();
      reactor.attach(this);
    } catch (error) {
      // Nothing polls it yet, so nothing has to be waited for.
      this.#freeNow();
      throw error;
    }
    const code = this.#guard(() => curl.curl_multi_add_handle(this.#multi, this.#easy));
    const error = this.#failure("curl_multi_add_handle", code);
    if (error === null || this.#done) return;
    this.close();
    throw error;
  }

  /** What a call to libcurl failed with, be it libcurl or a callback; null where it did not. */
  #failure(what: string, code: number): unknown {
    if (this.#thrown !== null) return this.#thrown.error;
    return code === 0 ? null : new CurlWebSocketError("ERR_LIBCURL", `connecting failed: ${what} returned ${code}`);
  }

  #setOptions(): void {
    const easy = this.#easy, curl = this.#curl, set = this.#set;
    curl.setBuffer(easy, C.CURLOPT_ERRORBUFFER, this.#errors.bytes);
    set.long("CONNECT_ONLY", 1);
    set.long("NOSIGNAL", 1);
    set.long("TCP_NODELAY", 1);
    set.long("HTTP_VERSION", C.CURL_HTTP_VERSION_1_1);
    if (this.#target.browser !== null) impersonate(curl, easy, this.#target.browser);
    set.long("HTTPPROXYTUNNEL", 1);
    // libcurl's default of 300 s must not cut a longer wait short. Without a limit, the system's own for each address is left,
    // some two minutes, behind which libcurl tries the next.
    const { timeout } = this.#target;
    const limit = timeout === 0 ? FOREVER : Math.ceil(timeout + Math.min(timeout * MARGIN, MOST_MARGIN));
    set.long("CONNECTTIMEOUT_MS", Math.min(limit, FOREVER));
    // Closing while getaddrinfo runs must not wait for it. From 7.87; an older libcurl waits, and libcurl-impersonate 7.84
    // has another option, of TLS session tickets, by the same number.
    if (curl.versionNumber >= 0x075700) set.tryLong("QUICK_EXIT", 1);
    const { socket, timer, debug, progress } = holdCallbacks();
    this.#holding = true;
    this.#setCallback(C.CURLMOPT_SOCKETFUNCTION, socket.pointer);
    this.#setCallback(C.CURLMOPT_TIMERFUNCTION, timer.pointer);
    if (this.#proxy?.scheme.startsWith("http")) {
      curl.setPointer(easy, C.CURLOPT_XFERINFOFUNCTION, progress.pointer);
      set.long("NOPROGRESS", 0);
    }
    if (this.#hasLog) {
      curl.setPointer(easy, C.CURLOPT_DEBUGFUNCTION, debug.pointer);
      if (!this.#hasDoh) set.long("VERBOSE", 1);
    }
    setOptions(set, this.#target, this.#proxy);
  }

  /** Without one of its callbacks libcurl would not go on, and nothing would tell why. */
  #setCallback(option: number, callback: Pointer): void {
    const code = this.#curl.setCallback(this.#multi, option, callback);
    if (code === 0) return;
    throw new CurlWebSocketError("ERR_LIBCURL", `connecting failed: curl_multi_setopt(${option}) returned ${code}`);
  }

  /** Whether libcurl's log is read: it alone tells of TLS and of a proxy's answer. A user who asks for it has it instead. */
  get #hasLog(): boolean {
    const { url, curlOptions } = this.#target;
    return (url.protocol === "https:" || this.#proxy !== null || this.#tracing || this.#logged) &&
      !curlOptions.some(({ option }) => option.name === "VERBOSE");
  }

  get #logged(): boolean {
    return this.#target.log?.wants("curl") ?? false;
  }

  /** libcurl's own requests for DNS over HTTPS would write their log to the terminal: there ours begins behind them. */
  get #hasDoh(): boolean {
    const { network, curlOptions } = this.#target;
    return network.dohUrl !== undefined || curlOptions.some(({ option }) => option.name === "DOH_URL");
  }

  /** The proxy that is connected through, without its credentials, or null. */
  get proxyName(): string | null {
    return this.#proxy === null ? null : proxyName(this.#proxy);
  }

  /** Calls into libcurl with this as the connector its callbacks belong to. */
  #guard(call: () => number): number {
    const outer = current;
    current = this;
    this.#calls++;
    try {
      return call();
    } finally {
      current = outer;
      if (--this.#calls === 0 && this.#freeing) this.#free();
    }
  }

  /** Returns whether libcurl is to go on. */
  onProgress(): boolean {
    return ++this.#progress <= MAX_PROXY_ANSWER;
  }

  onThrown(error: unknown): void {
    this.#thrown ??= { error };
  }

  onSocket(fd: number, what: number): void {
    if (this.#done) return;
    if (what === C.CURL_POLL_REMOVE) {
      this.#fds.delete(fd);
      this.#reactor.watch(fd, this, 0);
    } else {
      if (!this.#fds.has(fd)) closeOnExec(fd);
      this.#fds.add(fd);
      this.#reactor.watch(fd, this, what);
    }
  }

  onTimer(milliseconds: number): void {
    this.#timer.clear();
    const set = ++this.#timerSets;
    if (milliseconds < 0 || this.#done) return;
    // Now: the first steps of many attempts at once are not to be one long task.
    if (milliseconds === 0) {
      paced(() => {
        if (set === this.#timerSets) this.#act(C.CURL_SOCKET_TIMEOUT, 0);
      });
      return;
    }
    this.#timer.set(milliseconds, () => this.#act(C.CURL_SOCKET_TIMEOUT, 0));
  }

  onDebug(kind: number, data: Pointer, size: number): void {
    const wanted = TransferLog.wants(kind), traced = this.#tracing ? TRACED[kind] : undefined;
    if (this.#done || size === 0 || !(wanted || this.#logged || traced !== undefined)) return;
    const text = runtime().latin1(ffi().view(data, size), 0, size);
    if (this.#logged) this.#target.log!.curl(kind, text);
    if (traced !== undefined) tracer()?.(traced, text);
    if (wanted) this.#log.add(kind, text);
  }

  onReady(fd: number, events: number): boolean {
    if (this.#fds.has(fd)) this.#act(fd, events);
    return false;
  }

  onReactorError(error: CurlWebSocketError): void {
    this.#fail(error);
  }

  setRef(refed: boolean): void {
    this.#reactor.setRef(this, refed);
    this.#timer.setRef(refed);
  }

  /** Gives up, at any time; the handler hears nothing more. */
  close(): void {
    if (this.#done) return;
    this.#settle();
    this.#free();
  }

  #act(fd: number, events: number): void {
    if (this.#done) return;
    try {
      this.#step(fd, events);
    } catch (cause) {
      this.#fail(errorOf("connecting", cause));
    }
  }

  #step(fd: number, events: number): void {
    if (this.#hasDoh && this.#hasLog && getNumber(this.#curl, this.#easy, C.CURLINFO_NAMELOOKUP_TIME_T)) {
      this.#set.long("VERBOSE", 1);
    }
    const { curl_multi_socket_action, curl_multi_socket_all } = this.#curl;
    let message = this.#call("curl_multi_socket_action", () => {
      return curl_multi_socket_action(this.#multi, fd, events, this.#running);
    });
    if (message === null && this.#stalled) {
      message = this.#call("curl_multi_socket_all", () => curl_multi_socket_all(this.#multi, this.#running));
    }
    if (message === null) return;
    // struct CURLMsg {CURLMSG msg; CURL *easy_handle; union {void *whatever; CURLcode result} data}
    const bytes = ffi().view(message, 24);
    const result = new DataView(bytes.buffer, bytes.byteOffset).getInt32(16, true);
    if (result !== C.CURLE_OK) return this.#fail(this.#describe(result));
    const connectedFd = getNumber(this.#curl, this.#easy, C.CURLINFO_ACTIVESOCKET) ?? -1;
    if (connectedFd < 0) return this.#fail(this.#describe(C.CURLE_COULDNT_CONNECT));
    const secure = this.#target.url.protocol === "https:";
    const unix = this.#target.network.unixSocket !== undefined;
    const info = readConnection(this.#curl, this.#easy, { proxy: this.#proxy, secure, log: this.#log, unix });
    const free = () => this.#free();
    const certificate = secure ? this.#certificateHelp() : null;
    const tlsLayers = (secure ? 1 : 0) + (this.#proxy?.scheme === "https" ? 1 : 0);
    const transport = new Transport(this.#curl, this.#easy, connectedFd, this.#errors, free, {
      certificate,
      tlsLayers,
    });
    closeOnExec(connectedFd);
    // From here on the handles are the transport's.
    this.#settle();
    this.#set.closeFiles();
    this.#handler.onConnected(transport, info);
  }

  /** Lets libcurl work; returns its message if the attempt has ended, or null. */
  #call(what: string, call: () => number): Pointer {
    const failure = this.#failure(what, this.#guard(call));
    // Given up inside one of its callbacks.
    if (this.#done) return null;
    if (failure !== null) throw failure;
    const message = this.#curl.curl_multi_info_read(this.#multi, this.#running);
    return isNull(message) ? null : message;
  }

  /**
   * Whether libcurl waits for nothing: from 7.87 to 8.3, when an address fails or takes too long, it makes the next attempt
   * and forgets to say that it has to be begun (fixed by "connect: expire the timeout when trying next" in 8.4).
   */
  get #stalled(): boolean {
    const { versionNumber } = this.#curl;
    return versionNumber >= 0x075700 && versionNumber < 0x080400 && this.#fds.size === 0 && !this.#done;
  }

  #certificateHelp(): { help: string; missing: boolean } {
    const { url, tls } = this.#target;
    const help = clientCertificate({ peer: url.host, what: "tls", options: tls });
    const none = tls.cert === undefined && tls.pfx === undefined;
    return { help, missing: none && this.#log.certificateRequested };
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
    // What is sent and received is of no use in a log.
    if (this.#hasLog) this.#set.tryLong("VERBOSE", 0);
    this.#timer.clear();
    for (const fd of this.#fds) this.#reactor.watch(fd, this, 0);
    this.#fds.clear();
    this.#reactor.detach(this);
  }

  /** Frees the handles when nothing uses them any more: neither a call into libcurl nor a poll. */
  #free(): void {
    this.#freeing = this.#calls > 0;
    if (this.#freeing) return;
    this.#reactor.whenUnpolled(() => this.#freeNow());
  }

  #freeNow(): void {
    this.#guard(() => {
      this.#curl.curl_multi_remove_handle(this.#multi, this.#easy);
      this.#curl.curl_easy_cleanup(this.#easy);
      return this.#curl.curl_multi_cleanup(this.#multi);
    });
    this.#set.free();
    if (this.#holding) dropCallbacks();
    this.#holding = false;
  }

  #describe(curlCode: number): CurlWebSocketError {
    const curlMessage = this.#errors.message(this.#curl, curlCode);
    const number = (info: number) => getNumber(this.#curl, this.#easy, info) ?? 0;
    return explainFailure({
      target: this.#target,
      proxy: this.#proxy,
      curlCode,
      curlMessage,
      connectCode: number(C.CURLINFO_HTTP_CONNECTCODE),
      proxyError: number(C.CURLINFO_PROXY_ERROR),
      osErrno: number(C.CURLINFO_OS_ERRNO),
      endless: this.#progress > MAX_PROXY_ANSWER,
      response: this.#log.response,
      certificateRequested: this.#log.certificateRequested,
    });
  }
}
