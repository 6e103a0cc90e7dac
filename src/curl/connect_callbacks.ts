/** The functions that libcurl calls while it connects, and who receives their calls. */
import { type Callback, type CType, ffi, type Pointer } from "../platform/ffi.ts";
import { runtime } from "../platform/runtime.ts";

/** Receives what libcurl says while it connects. */
export interface CallbackReceiver {
  /** libcurl wants to be called when a socket is ready: `what` is one of CURL_POLL_*. */
  onSocket(fd: number, what: number): void;
  /** libcurl wants to be called after this time, ms; -1 clears the timer. */
  onTimer(milliseconds: number): void;
  /** A piece of libcurl's log, by its curl_infotype. The bytes are libcurl's, and valid until this returns. */
  onDebug(kind: number, data: Pointer, size: number): void;
  /** Returns whether libcurl is to go on. */
  onProgress(): boolean;
}

/** Calls libcurl for a receiver. */
export interface Caller {
  readonly receiver: CallbackReceiver;
  /** The receiver threw. The call fails, and this error is why. */
  onThrown(error: unknown): void;
}

/** The C functions to give to libcurl. */
export interface ConnectCallbacks {
  readonly socket: Callback;
  readonly timer: Callback;
  readonly debug: Callback;
  readonly progress: Callback;
}

/** Whose call into libcurl is on the stack. libcurl calls back only inside our own calls. */
let current: Caller | null = null;

/** Makes a call into libcurl, during which its callbacks go to the caller's receiver. Returns what `call` returns. */
export function callFor(caller: Caller, call: () => number): number {
  const outer = current;
  current = caller;
  try {
    return call();
  } finally {
    current = outer;
  }
}

/** Runs one of libcurl's callbacks. Nothing is thrown through C: -1 makes libcurl stop. */
function receive(callback: (receiver: CallbackReceiver) => void): number {
  const caller = current;
  if (caller === null) return 0;
  try {
    callback(caller.receiver);
    return 0;
  } catch (error) {
    caller.onThrown(error);
    return -1;
  }
}

/** This thread's functions, while there are handles that may call them, and how many handles have them. */
let callbacks: ConnectCallbacks | null = null;
let users = 0;

/** Returns this thread's functions, for one more pair of handles; {@linkcode dropCallbacks} must follow. */
export function holdCallbacks(): ConnectCallbacks {
  callbacks ??= makeCallbacks();
  users++;
  return callbacks;
}

/** A pair of handles that had the functions is freed. The last one's end frees the functions, in a later task. */
export function dropCallbacks(): void {
  if (--users > 0) return;
  // Another attempt may follow at once.
  runtime().defer(() => {
    if (users > 0 || callbacks === null) return;
    for (const callback of Object.values(callbacks)) callback.close();
    callbacks = null;
  });
}

function makeCallbacks(): ConnectCallbacks {
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
        (_easy: Pointer, fd: number, what: number) => receive((receiver) => receiver.onSocket(fd, what)),
      ),
      // int curl_multi_timer_callback(CURLM *, long timeout_ms, void *)
      timer: make(
        ["pointer", "i64", "pointer"],
        (_multi: Pointer, milliseconds: bigint | number) =>
          receive((receiver) => receiver.onTimer(Number(milliseconds))),
      ),
      // int curl_debug_callback(CURL *, curl_infotype, char *data, size_t, void *)
      debug: make(
        ["pointer", "i32", "pointer", "usize", "pointer"],
        (_easy: Pointer, kind: number, data: Pointer, size: bigint | number) =>
          receive((receiver) => receiver.onDebug(kind, data, Number(size))),
      ),
      // int curl_xferinfo_callback(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t): called for each byte of a
      // proxy's response. The four sizes are not declared: the caller of a C function cleans up what it passed.
      progress: make(["pointer"], () => current?.receiver.onProgress() === false ? 1 : 0),
    };
  } catch (error) {
    for (const callback of made) callback.close();
    throw error;
  }
}
