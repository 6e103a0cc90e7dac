/** libcurl's handles of one attempt to connect: who owns them, and when they are freed. */
import { CurlWebSocketError } from "../errors.ts";
import { noHandle } from "../platform/out_of_files.ts";
import { allocate, ffi, isNull, type Pointer } from "../platform/ffi.ts";
import type { Reactor } from "../reactor/reactor.ts";
import {
  type CallbackReceiver,
  type Caller,
  callFor,
  type ConnectCallbacks,
  dropCallbacks,
  holdCallbacks,
} from "./connect_callbacks.ts";
import * as C from "./constants.ts";
import { createMulti } from "./create_multi.ts";
import { ErrorBuffer } from "./error_buffer.ts";
import type { Curl } from "./library.ts";
import { OptionSetter } from "./option_setter.ts";

/**
 * The easy handle of an attempt, and the multi that drives it. Both live until {@linkcode ConnectHandles.free}: a
 * connection needs its multi as well. Only the JavaScript thread calls libcurl with them.
 */
export class ConnectHandles implements Caller {
  readonly easy: Pointer;
  readonly options: OptionSetter;
  /** libcurl writes to it for as long as the easy handle lives. */
  readonly errors: ErrorBuffer = new ErrorBuffer();
  readonly receiver: CallbackReceiver;
  readonly #curl: Curl;
  readonly #reactor: Reactor;
  readonly #multi: Pointer;
  /** An `int` that libcurl writes inside a call. */
  readonly #count: Uint8Array = allocate(4);
  /** Calls into libcurl that are on the stack: inside one the handles cannot be freed. */
  #calls = 0;
  /** Whether to free them when the last of these calls returns. */
  #freeing = false;
  /** Whether the handles have our callbacks. */
  #holding = false;
  /** The first error that the receiver threw. */
  #thrown: { error: unknown } | null = null;

  /** @throws {CurlWebSocketError} if libcurl makes no handle: out of memory or file descriptors */
  constructor(curl: Curl, reactor: Reactor, receiver: CallbackReceiver) {
    this.#curl = curl;
    this.#reactor = reactor;
    this.receiver = receiver;
    this.#multi = createMulti(curl);
    this.easy = curl.curl_easy_init();
    if (isNull(this.easy) || isNull(this.#multi)) {
      if (!isNull(this.easy)) curl.curl_easy_cleanup(this.easy);
      if (!isNull(this.#multi)) curl.curl_multi_cleanup(this.#multi);
      throw noHandle();
    }
    this.options = new OptionSetter(curl, this.easy);
  }

  /** Has the multi call the receiver. Returns the functions for the easy handle, which live as long as the handles. */
  setCallbacks(): ConnectCallbacks {
    const callbacks = holdCallbacks();
    this.#holding = true;
    this.#setCallback(C.CURLMOPT_SOCKETFUNCTION, callbacks.socket.pointer);
    this.#setCallback(C.CURLMOPT_TIMERFUNCTION, callbacks.timer.pointer);
    return callbacks;
  }

  /** Without one of these callbacks libcurl would not go on, and nothing would say why. */
  #setCallback(option: number, callback: Pointer): void {
    const code = this.#curl.setCallback(this.#multi, option, callback);
    if (code === 0) return;
    throw new CurlWebSocketError("ERR_LIBCURL", `connecting failed: curl_multi_setopt(${option}) returned ${code}`);
  }

  /** Begins to connect. Returns what failed, be it libcurl or the receiver, or null. */
  start(): unknown {
    return this.#run("curl_multi_add_handle", () => this.#curl.curl_multi_add_handle(this.#multi, this.easy));
  }

  /** Lets libcurl work on a socket that is ready, or on its timer. Returns what failed, or null. */
  socketAction(fd: number, events: number): unknown {
    const { curl_multi_socket_action } = this.#curl;
    return this.#run("curl_multi_socket_action", () => {
      return curl_multi_socket_action(this.#multi, fd, events, this.#count);
    });
  }

  /** Lets libcurl work on all there is. Returns what failed, or null. */
  socketAll(): unknown {
    const { curl_multi_socket_all } = this.#curl;
    return this.#run("curl_multi_socket_all", () => curl_multi_socket_all(this.#multi, this.#count));
  }

  /** Returns the CURLcode that the attempt ended with, or null while it goes on. */
  result(): number | null {
    const message = this.#curl.curl_multi_info_read(this.#multi, this.#count);
    if (isNull(message)) return null;
    // struct CURLMsg {CURLMSG msg; CURL *easy_handle; union {void *whatever; CURLcode result} data}: with pointers of 8
    // bytes it has 24, and the result begins at the 16th.
    const bytes = ffi().view(message, 24);
    return new DataView(bytes.buffer, bytes.byteOffset).getInt32(16, true);
  }

  /** Frees the handles when nothing uses them any more: neither a call into libcurl nor a poll. */
  free(): void {
    this.#freeing = this.#calls > 0;
    if (this.#freeing) return;
    this.#reactor.whenUnpolled(() => this.freeNow());
  }

  /** Frees the handles, which no poll may use. */
  freeNow(): void {
    this.#call(() => {
      this.#curl.curl_multi_remove_handle(this.#multi, this.easy);
      this.#curl.curl_easy_cleanup(this.easy);
      return this.#curl.curl_multi_cleanup(this.#multi);
    });
    this.options.free();
    if (this.#holding) dropCallbacks();
    this.#holding = false;
  }

  onThrown(error: unknown): void {
    this.#thrown ??= { error };
  }

  #run(what: string, call: () => number): unknown {
    const code = this.#call(call);
    if (this.#thrown !== null) return this.#thrown.error;
    return code === 0 ? null : new CurlWebSocketError("ERR_LIBCURL", `connecting failed: ${what} returned ${code}`);
  }

  #call(call: () => number): number {
    this.#calls++;
    try {
      return callFor(this, call);
    } finally {
      if (--this.#calls === 0 && this.#freeing) this.free();
    }
  }
}
