/** Picks the runtime by what it offers. Nothing is opened here. */
import { setRuntime } from "../src/curl/ffi.ts";
import { createBunRuntime } from "./bun.ts";
import { createDenoRuntime } from "./deno.ts";

if ("Deno" in globalThis) setRuntime(createDenoRuntime());
else if ("Bun" in globalThis) setRuntime(createBunRuntime());
