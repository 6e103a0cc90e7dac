/** Picks the runtime by what it offers. Nothing is opened here. */
import { setRuntime } from "../src/platform/runtime.ts";
import { holdChannels } from "../src/observe/channels.ts";
import { createBunRuntime } from "./bun.ts";
import { createDenoRuntime } from "./deno.ts";

if ("Deno" in globalThis) setRuntime(createDenoRuntime());
else if ("Bun" in globalThis) setRuntime(createBunRuntime());
if ("Deno" in globalThis || "Bun" in globalThis) holdChannels();
