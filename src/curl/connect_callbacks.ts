/** The functions that libcurl calls while it connects, and who receives their calls. */
import { type Callback, type CType, ffi, type Pointer } from "../platform/ffi.ts";
import { runtime } from "../platform/runtime.ts";

/** Receives what libcurl says of one easy handle. */
export interface EasyReceiver {
  /** A piece of libcurl's log, by its curl_infotype. The bytes are libcurl's, and valid until this returns. */
  onDebug(kind: number, data: Pointer, size: number): void;
  /** Returns whether libcurl is to go on. */
  onProgress(): boolean;
  /** One of the others threw. */
  onThrown(error: unknown): void;
}

/** Receives what libcurl says of one multi. Neither may throw: nothing can be thrown through C. */
export interface MultiReceiver {
  /**
   * libcurl wants to be called when a socket is ready: `what` is one of CURL_POLL_*. `easy` is the address of the handle
   * that it says so for: if that is none of ours, libcurl has it for itself, or a handle that closes another's connection.
   */
  onSocket(easy: number, fd: number, what: number): void;
  /** libcurl wants to be called after this time, ms; -1 clears the timer. */
  onTimer(milliseconds: number): void;
}

/** The C functions to give to libcurl. */
export interface ConnectCallbacks {
  /** For `CURLMOPT_SOCKETDATA` the multi's address; so for the timer's. */
  readonly socket: Callback;
  readonly timer: Callback;
  readonly debug: Callback;
  /** For `CURLOPT_XFERINFODATA` the easy handle's address. */
  readonly progress: Callback;
}

/**
 * Who receives the calls, by the address of their handle. Several handles may be in one call into libcurl, and a handle in
 * a call that was made for another one: libcurl names it.
 */
const easies = new Map<number, EasyReceiver>();
const multis = new Map<number, MultiReceiver>();

/** A handle's address, as callbacks are told it. */
export function addressOf(handle: Pointer): number {
  return Number(ffi().address(handle));
}

/** This thread's functions, while there are handles that may call them, and how many handles have them. */
let callbacks: ConnectCallbacks | null = null;
let users = 0;

/** Calls for an easy handle go to `receiver`. Returns this thread's functions; {@linkcode dropEasy} must follow. */
export function holdForEasy(address: number, receiver: EasyReceiver): ConnectCallbacks {
  const functions = hold();
  easies.set(address, receiver);
  return functions;
}

/** The same for a multi, and {@linkcode dropMulti}. */
export function holdForMulti(address: number, receiver: MultiReceiver): ConnectCallbacks {
  const functions = hold();
  multis.set(address, receiver);
  return functions;
}

/** The handle is freed. The last one's end frees the functions, in a later task: another attempt may follow at once. */
export function dropEasy(address: number): void {
  if (easies.delete(address) && --users === 0) runtime().defer(closeUnused);
}

/** The same for a multi, which is freed in a later task itself: the program may end its Worker when it sees its sockets closed. */
export function dropMulti(address: number): void {
  if (multis.delete(address) && --users === 0) closeUnused();
}

function hold(): ConnectCallbacks {
  callbacks ??= makeCallbacks();
  users++;
  return callbacks;
}

function closeUnused(): void {
  if (users > 0 || callbacks === null) return;
  for (const callback of Object.values(callbacks)) callback.close();
  callbacks = null;
}

/** Makes a call for an easy handle's receiver. What it throws is its own affair, and nobody else's in the same multi. */
function receive(easy: bigint | number, call: (receiver: EasyReceiver) => void): void {
  const receiver = easies.get(Number(easy));
  if (receiver === undefined) return;
  try {
    call(receiver);
  } catch (error) {
    receiver.onThrown(error);
  }
}

function makeCallbacks(): ConnectCallbacks {
  const made: Callback[] = [];
  const make = (parameters: readonly CType[], step: (...args: never[]) => number) => {
    const callback = ffi().callback(parameters, "i32", step);
    made.push(callback);
    return callback;
  };
  try {
    // Handles come as `usize`, numbers that a map can have as keys. All return 0: with -1 from one of the first two libcurl
    // gives up all transfers of the multi.
    return {
      // int curl_socket_callback(CURL *, curl_socket_t, int what, void *userp, void *socketp)
      socket: make(
        ["usize", "i32", "i32", "usize", "pointer"],
        (easy: bigint | number, fd: number, what: number, multi: bigint | number) => {
          multis.get(Number(multi))?.onSocket(Number(easy), fd, what);
          return 0;
        },
      ),
      // int curl_multi_timer_callback(CURLM *, long timeout_ms, void *)
      timer: make(
        ["usize", "i64", "pointer"],
        (multi: bigint | number, milliseconds: bigint | number) => {
          multis.get(Number(multi))?.onTimer(Number(milliseconds));
          return 0;
        },
      ),
      // int curl_debug_callback(CURL *, curl_infotype, char *data, size_t, void *)
      debug: make(
        ["usize", "i32", "pointer", "usize", "pointer"],
        (easy: bigint | number, kind: number, data: Pointer, size: bigint | number) => {
          receive(easy, (receiver) => receiver.onDebug(kind, data, Number(size)));
          return 0;
        },
      ),
      // int curl_xferinfo_callback(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t): called for each byte of a
      // proxy's response. The four sizes are not declared: the caller of a C function cleans up what it passed.
      progress: make(["usize"], (easy: bigint | number) => easies.get(Number(easy))?.onProgress() === false ? 1 : 0),
    };
  } catch (error) {
    for (const callback of made) callback.close();
    throw error;
  }
}
