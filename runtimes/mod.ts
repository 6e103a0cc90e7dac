/** Picks the runtime by what it offers. Nothing is opened here. */
import { setFfi } from "../src/platform/ffi.ts";
import { setRuntime } from "../src/platform/runtime.ts";
import { createBunRuntime } from "./bun.ts";
import { createBunFfi } from "./bun_ffi.ts";
import { createDenoRuntime } from "./deno.ts";
import { createDenoFfi } from "./deno_ffi.ts";

if ("Deno" in globalThis) {
  setRuntime(createDenoRuntime());
  setFfi(createDenoFfi());
} else if ("Bun" in globalThis) {
  setRuntime(createBunRuntime());
  setFfi(createBunFfi());
}
