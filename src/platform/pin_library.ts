/** Keeping a library loaded until the process ends. */
import { toCString } from "./ffi.ts";
import { openLibc } from "./libc.ts";
import { once } from "./once.ts";
import { runtime } from "./runtime.ts";

const LOADER = {
  // void *dlopen(const char *, int flags)
  dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
} as const;

const loader = once(() => openLibc(LOADER));

/**
 * Holds a library in memory until the process ends. A runtime unloads what it opened when its thread's JavaScript ends,
 * and the thread that still sleeps in `curl_multi_poll` would wake in code that is gone: Deno crashed so in one of seven
 * exits with an `unref`ed socket open.
 */
export function pinLibrary(path: string): void {
  if (runtime().os === "windows") return;
  const RTLD_NOW = 2;
  loader().dlopen(toCString(path), RTLD_NOW);
}
