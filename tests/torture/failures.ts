/**
 * How each call that can fail does so: what a C function returns then, what a primitive of the runtime throws, and
 * which functions cannot fail, with the reason.
 */
import type { CArgument, Pointer } from "../../src/platform/ffi.ts";

/** A C function. */
export type CCall = (...args: CArgument[]) => unknown;
/** What a failure asks of `faults.ts`, which keeps the books. */
export interface Breakable {
  /** How often the call has failed in this run. */
  readonly fired: number;
  /**
   * From now on the connection of this handle is broken in this direction; `"end"`: its server has sent all it will.
   */
  breakConnection(easy: Pointer, direction: "send" | "recv" | "end"): void;
  /** This multi handle cannot be woken. Returns it. */
  unwakeable(multi: Pointer): Pointer;
}

/** A way to fail: returns what the call returns. */
export type Failure = (real: CCall, args: CArgument[], faults: Breakable) => unknown;

export const CURLE_OUT_OF_MEMORY = 27, CURLE_BAD_FUNCTION_ARGUMENT = 43, CURLE_UNKNOWN_OPTION = 48;
export const CURLE_SEND_ERROR = 55, CURLE_RECV_ERROR = 56, CURLE_AGAIN = 81;
export const CURLM_BAD_HANDLE = 1, CURLM_OUT_OF_MEMORY = 3, CURLM_INTERNAL_ERROR = 4, CURLM_WAKEUP_FAILURE = 9;
export const CURLM_UNRECOVERABLE_POLL = 12;
const CURLSHE_NOMEM = 4;
const Z_STREAM_ERROR = -2, Z_DATA_ERROR = -3, Z_MEM_ERROR = -4;

const gives = (value: unknown): Failure => () => value;

/** From now on this handle's connection is broken in the directions that are named. */
function breaks(code: number, ...directions: ("send" | "recv")[]): Failure {
  return (_real, [easy], faults) => {
    for (const direction of directions) faults.breakConnection(easy as Pointer, direction);
    return code;
  };
}

/** Every way in which a C function, or a primitive of the runtime, can fail. */
export const FAILURES: Readonly<Record<string, Readonly<Record<string, Failure>>>> = {
  curl_global_init: { fails: gives(CURLE_OUT_OF_MEMORY) },
  curl_easy_init: { null: gives(null) },
  curl_easy_recv: {
    // Only where nothing waits inside TLS, see `Faults.allows`.
    again: gives(CURLE_AGAIN),
    // A byte at a time; a whole large message so would take too long.
    short: (real, [easy, bytes, , count], faults) => real(easy!, bytes!, faults.fired > 200 ? 4_096 : 1, count!),
    error: breaks(CURLE_RECV_ERROR, "recv", "send"),
    end: (_real, [easy, , , count], faults) => {
      faults.breakConnection(easy as Pointer, "end");
      (count as Uint8Array).fill(0);
      return 0;
    },
  },
  curl_easy_send: {
    again: gives(CURLE_AGAIN),
    short: (real, [easy, bytes, length, count]) => real(easy!, bytes!, Math.max(1, Number(length) >> 1), count!),
    // A reset: nothing goes out any more, what came before can still be read.
    error: breaks(CURLE_SEND_ERROR, "send"),
    broken: breaks(CURLE_SEND_ERROR, "recv", "send"),
  },
  curl_slist_append: { null: gives(null) },
  curl_multi_init: {
    null: gives(null),
    // Out of descriptors libcurl makes a multi handle that cannot be woken.
    unwakeable: (real, _args, faults) => faults.unwakeable(real() as Pointer),
  },
  curl_multi_add_handle: { fails: gives(CURLM_OUT_OF_MEMORY) },
  curl_multi_socket_action: { memory: gives(CURLM_OUT_OF_MEMORY), internal: gives(CURLM_INTERNAL_ERROR) },
  curl_multi_socket_all: { memory: gives(CURLM_OUT_OF_MEMORY) },
  curl_easy_impersonate: { fails: gives(CURLE_BAD_FUNCTION_ARGUMENT) },
  curl_multi_poll: { fails: gives(CURLM_UNRECOVERABLE_POLL) },
  setopt_long: { memory: gives(CURLE_OUT_OF_MEMORY), unknown: gives(CURLE_UNKNOWN_OPTION) },
  setopt_buffer: { memory: gives(CURLE_OUT_OF_MEMORY), unknown: gives(CURLE_UNKNOWN_OPTION) },
  setopt_pointer: { memory: gives(CURLE_OUT_OF_MEMORY), unknown: gives(CURLE_UNKNOWN_OPTION) },
  multi_setopt_pointer: { fails: gives(CURLM_OUT_OF_MEMORY) },
  // Then there are no sessions to resume.
  curl_share_init: { null: gives(null) },
  share_setopt: { memory: gives(CURLSHE_NOMEM) },
  getinfo: { unknown: gives(CURLE_UNKNOWN_OPTION) },
  curl_easy_option_by_id: { null: gives(null) },
  curl_easy_option_by_name: { null: gives(null) },

  // Then the buffers stay.
  SSL_has_pending: { pending: gives(1) },
  SSL_free_buffers: { inUse: gives(0) },

  inflateInit2_: { memory: gives(Z_MEM_ERROR) },
  inflate: { memory: gives(Z_MEM_ERROR), data: gives(Z_DATA_ERROR), stream: gives(Z_STREAM_ERROR) },
  inflateReset: { stream: gives(Z_STREAM_ERROR) },
  inflateResetKeep: { stream: gives(Z_STREAM_ERROR) },
  deflateInit2_: { memory: gives(Z_MEM_ERROR) },
  deflate: { stream: gives(Z_STREAM_ERROR) },
  deflateReset: { stream: gives(Z_STREAM_ERROR) },

  calloc: { null: gives(null) },
  dlopen: { null: gives(null) },
  fopen: { null: gives(null) },
  fread: { nothing: gives(0) },
  opendir: { null: gives(null) },
  // An error as well: what has been read until then is all there seems to be.
  readdir: { null: gives(null) },
  statx: { fails: gives(-1) },
  memfd_create: { fails: gives(-1) },
  write: { fails: gives(-1), short: (real, [fd, bytes]) => real(fd!, bytes!, 1) },
  epoll_create1: { fails: gives(-1) },
  epoll_ctl: { fails: gives(-1) },
  epoll_wait: { fails: gives(-1) },
  // Then another thread waits.
  io_uring_setup: { fails: gives(-1) },
  io_uring_enter: { fails: gives(-1), nothing: gives(0) },
  socketpair: { fails: gives(-1) },
  mmap: {
    fails: (real, [address, length, protection, flags, , offset]) =>
      real(address!, length!, protection!, flags!, -1, offset!),
  },
  recv: { fails: gives(-1) },
  dup: { fails: gives(-1) },
  ioctl: { fails: gives(-1) },
  ioctl_pointer: { fails: gives(-1) },
  fcntl: { fails: gives(-1) },
  poll: { fails: gives(-1) },
  shutdown: { fails: gives(-1) },
  kqueue: { fails: gives(-1) },
  kevent: { fails: gives(-1) },
};

/** C functions that have no way to fail, or none that a caller could be given, with the reason. */
export const CANNOT_FAIL: Readonly<Record<string, string>> = {
  curl_version_info: "returns static memory",
  curl_easy_strerror: "returns static memory",
  curl_easy_cleanup: "returns nothing",
  curl_slist_free_all: "returns nothing",
  curl_multi_cleanup: "fails for a bad handle or inside a callback alone, which the books check",
  curl_multi_remove_handle: "fails for a bad handle or inside a callback alone, which the books check",
  curl_share_cleanup: "fails for one that is in use alone, which the books check",
  curl_multi_info_read: "NULL says that there is no message",
  curl_multi_wakeup: "fails for a handle that was made without descriptors alone: `unwakeable` of curl_multi_init",
  TLS_client_method: "returns static memory",
  SSL_rstate_string: "returns static memory",
  zlibVersion: "returns static memory",
  inflateEnd: "fails for a bad stream alone, which the books check",
  deflateEnd: "fails for a bad stream alone, which the books check",
  getenv: "NULL says that the variable is unset",
  fclose: "frees, whatever it returns",
  closedir: "frees, whatever it returns",
  close: "frees, whatever it returns",
  free: "returns nothing",
  munmap: "fails for what was not mapped alone, which the books check",
};

/** Primitives of the runtime that can fail, and what they throw. */
export const THROWS: Readonly<Record<string, () => unknown>> = {
  open: () => new Error("torture: no such library"),
  callback: () => new Error("torture: no callback could be made"),
  createPoller: () => new Error("torture: no thread could be made"),
  sha1: () => new Error("torture: the digest is not supported"),
  hash: () => new Error("torture: the digest is not supported"),
  copy: () => new RangeError("torture: Array buffer allocation failed"),
  utf8: () => new RangeError("torture: Invalid string length"),
};

/** An error that a user's callback throws: the one that may reach the program uncaught. */
export const USERS_ERROR = "torture: a user's callback throws";

/** Every name that can fail, with its ways to fail. `hooks` are a user's callbacks. */
export function waysToFail(hooks: Readonly<Record<string, readonly string[]>>): Record<string, readonly string[]> {
  return {
    ...Object.fromEntries(Object.entries(FAILURES).map(([name, kinds]) => [name, Object.keys(kinds)])),
    ...Object.fromEntries(Object.keys(THROWS).map((name) => [name, ["throws"]])),
    "Poller.poll": ["fails"],
    "StandingPoll.next": ["fails"],
    checkpoint: ["cannot"],
    openBell: ["null", "throws", "closes"],
    ArrayBuffer: ["throws"],
    ...hooks,
  };
}

/** The ways that cost time and nothing else: with them a scenario has to go as without. */
export const HARMLESS: ReadonlySet<string> = new Set(["again", "short", "cannot"]);
