/** Memory of C, which outlives this thread's JavaScript heap. */
import { CurlWebSocketError } from "../errors.ts";
import { ffi, isNull, type Pointer } from "./ffi.ts";
import { openLibc } from "./libc.ts";
import { once } from "./once.ts";

const MEMORY = {
  // void *calloc(size_t, size_t)
  calloc: { parameters: ["usize", "usize"], result: "pointer" },
  // void free(void *)
  free: { parameters: ["pointer"], result: "void" },
} as const;

const memory = once(() => openLibc(MEMORY));

/** C memory, until it is freed. */
export interface NativeMemory {
  readonly pointer: Pointer;
  readonly view: DataView;
  /** To be called once, when neither another thread nor {@linkcode view} is used any more. */
  free(): void;
}

/**
 * Zeroed C memory, for structures that another thread may still use when this one's JavaScript heap is gone.
 *
 * @throws {CurlWebSocketError} `ERR_LIBCURL` if there is no more memory
 */
export function allocateNative(bytes: number): NativeMemory {
  const { calloc, free } = memory();
  const pointer = calloc(bytes, 1);
  if (isNull(pointer)) throw new CurlWebSocketError("ERR_LIBCURL", `calloc of ${bytes} bytes failed: out of memory`);
  const view = ffi().view(pointer, bytes);
  return { pointer, view: new DataView(view.buffer, view.byteOffset, bytes), free: () => void free(pointer) };
}
