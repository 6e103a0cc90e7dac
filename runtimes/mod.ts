/** Picks the runtime by what it offers. Nothing is opened here. */
import { setRuntime } from "../src/curl/ffi.ts";

if ("Deno" in globalThis) setRuntime((await import("./deno.ts")).denoRuntime);
else if ("Bun" in globalThis) setRuntime((await import("./bun.ts")).bunRuntime);
