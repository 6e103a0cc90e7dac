/** The easy handle of one attempt to connect, and its place in a driver: who owns them, and when they are freed. */
import { noHandle } from "../platform/out_of_files.ts";
import { isNull, type Pointer } from "../platform/ffi.ts";
import type { Reactor } from "../reactor/reactor.ts";
import type { Source } from "../reactor/source.ts";
import { addressOf, type ConnectCallbacks, dropEasy, type EasyReceiver, holdForEasy } from "./connect_callbacks.ts";
import * as C from "./constants.ts";
import type { Driven, Driver } from "./driver.ts";
import { type Company, type Drivers, driversOf } from "./drivers.ts";
import { ErrorBuffer } from "./error_buffer.ts";
import type { Curl } from "./library.ts";
import { OptionSetter } from "./option_setter.ts";
import type { SessionLease } from "./tls_sessions.ts";
import type { CompleteProxy } from "../options/proxy.ts";
import type { ConnectTarget } from "./handle_options.ts";

/** Receives what libcurl says while it connects, and how that ends. */
export interface ConnectReceiver extends Omit<EasyReceiver, "onThrown">, Source {
  /** libcurl is done, with a CURLcode. */
  onResult(code: number): void;
  /** It cannot go on: a call into libcurl failed, or the receiver threw in one. */
  onFailure(error: unknown): void;
}

/** Receives what libcurl says of a connection that stands, which is nothing. */
const NOBODY: ConnectReceiver = {
  onDebug: () => {},
  onProgress: () => true,
  onResult: () => {},
  onFailure: () => {},
  onReady: () => false,
  onReactorError: () => {},
};

/** What a handle waits for that does not connect. */
const NO_FDS: Set<number> = new Set();

/**
 * For libcurl's words about connections that stand, one a thread: they are read when the call that wrote them returns.
 * While handles connect, several may fail in one call.
 */
const standing = new ErrorBuffer();

/** An attempt that has taken longer than this may have failed by what its driver's cache of names has, ms. */
const LONG = 1_000;

/**
 * They live until {@linkcode ConnectHandles.free}: a connection needs its place in the driver as well. Only the JavaScript
 * thread calls libcurl with them.
 */
export class ConnectHandles implements Driven, EasyReceiver {
  readonly easy: Pointer;
  readonly address: number;
  readonly options: OptionSetter;
  /** libcurl writes to it for as long as the easy handle lives, or until {@linkcode shareErrors}. */
  errors: ErrorBuffer = new ErrorBuffer();
  /** Whose attempt it is, until that has ended. */
  source: ConnectReceiver;
  fds: Set<number> = new Set();
  sealed = -1;
  /** The socket of the connection, or -1 while there is none. */
  connected = -1;
  refed = true;
  hasTls = false;
  readonly #curl: Curl;
  readonly #reactor: Reactor;
  readonly #drivers: Drivers;
  /** Null before it begins, and if there was none to have. */
  #driver: Driver | null = null;
  /** The easy handle has its CURLSH until it is freed. */
  #sessions: SessionLease | null = null;
  #startedAt = 0;
  #isFreed = false;

  /** @throws {CurlWebSocketError} if libcurl makes no handle: out of memory */
  constructor(curl: Curl, reactor: Reactor, receiver: ConnectReceiver) {
    this.#curl = curl;
    this.#reactor = reactor;
    this.source = receiver;
    this.#drivers = driversOf(curl, reactor);
    this.easy = curl.curl_easy_init();
    if (isNull(this.easy)) throw noHandle();
    this.address = addressOf(this.easy);
    this.options = new OptionSetter(curl, this.easy);
  }

  /** Returns the functions for the easy handle, which live as long as it does. */
  setCallbacks(): ConnectCallbacks {
    return holdForEasy(this.address, this);
  }

  /** Lets the handle keep and resume the TLS sessions of its identity, if it is to do so at all. */
  setSessions(target: ConnectTarget, proxy: CompleteProxy | null): void {
    this.#sessions = this.#drivers.sessions.lease(target, proxy);
    if (this.#sessions !== null) {
      const code = this.#curl.setPointer(this.easy, C.CURLOPT_SHARE, this.#sessions.share);
      if (code === C.CURLE_OK) return this.options.long("SSL_SESSIONID_CACHE", 1);
    }
    // From 8.12 on a multi has sessions of its own, for all who share it.
    this.options.long("SSL_SESSIONID_CACHE", 0);
  }

  /**
   * Begins to connect, in a driver of its own if `alone`. How it ends may be told inside this call.
   *
   * @throws {CurlWebSocketError} if libcurl makes no multi: out of memory or file descriptors
   */
  start(company: Company): void {
    this.#startedAt = performance.now();
    this.hasTls = company.hasTls;
    const driver = this.#drivers.driverFor(company);
    driver.catchUp();
    // What became of another one ended this one, too.
    if (this.#isFreed) return this.#drivers.onLeft(driver);
    this.#driver = driver;
    driver.add(this);
  }

  /** A socket is ready. */
  act(fd: number, events: number): void {
    this.#driver?.act(fd, events, this);
  }

  /** Says whether it keeps the process alive while it connects. */
  setRef(refed: boolean): void {
    this.refed = refed;
    this.#driver?.setRef();
  }

  onDebug(kind: number, data: Pointer, size: number): void {
    this.source.onDebug(kind, data, size);
  }

  onProgress(): boolean {
    return this.source.onProgress();
  }

  onThrown(error: unknown): void {
    this.#driver?.onThrown(this, error);
  }

  onResult(code: number): void {
    if (code !== C.CURLE_OK) this.#drivers.distrust(this.#driver!);
    this.source.onResult(code);
  }

  onFailure(error: unknown): void {
    this.source.onFailure(error);
  }

  /** It is not to connect any more: the receiver hears nothing of it from now on. The connection stays, if there is one. */
  settle(): void {
    this.#driver?.settle(this);
    this.source = NOBODY;
    this.fds = NO_FDS;
  }

  /** The connection stands: from now on {@linkcode errors} is cleared before each call, since others have it as well. */
  shareErrors(): void {
    const code = this.#curl.setBuffer(this.easy, C.CURLOPT_ERRORBUFFER, standing.bytes);
    if (code === C.CURLE_OK) this.errors = standing;
  }

  /** Gives up, at any time. */
  abandon(): void {
    const driver = this.#driver;
    if (driver !== null && performance.now() - this.#startedAt > LONG) this.#drivers.distrust(driver);
    this.settle();
    this.free();
  }

  /** Frees the handles, and closes the connection, when nothing uses them any more: neither a call into libcurl nor a poll. */
  free(): void {
    // Between two owners, as when the second one cannot be made, it is still watched for the first.
    if (this.connected >= 0) this.#reactor.watch(this.connected, this.source, 0);
    this.#isFreed = true;
    this.#whenIdle(() => this.#reactor.whenUnpolled(() => this.freeNow()));
  }

  /** Frees the handles, which no poll may use. */
  freeNow(): void {
    this.#isFreed = true;
    this.#whenIdle(() => {
      const driver = this.#driver;
      this.#driver = null;
      driver?.remove(this);
      this.#curl.curl_easy_cleanup(this.easy);
      this.#sessions?.release();
      dropEasy(this.address);
      this.options.free();
    });
  }

  #whenIdle(then: () => void): void {
    if (this.#driver === null) then();
    else this.#driver.whenIdle(then);
  }
}
