/**
 * Makes src/protocol/mask_kernel.ts from mask.wat beside it, by WABT:
 *
 *     deno run --allow-read scripts/mask_kernel.ts > src/protocol/mask_kernel.ts
 */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import process from "node:process";
import loadWabt from "wabt";

/** Returns the module's text, compiled from the current source. */
export async function makeMaskKernel(): Promise<string> {
  const source = new URL("../src/protocol/mask.wat", import.meta.url);
  const module = (await loadWabt()).parseWat("mask.wat", readFileSync(source, "utf8"), { simd: true });
  module.validate();
  const base64 = Buffer.from(module.toBinary({}).buffer).toString("base64");
  const lines = base64.match(/.{1,110}/g)!.map((line) => `  "${line}"`);
  return `/** What scripts/mask_kernel.ts makes of mask.wat: WebAssembly, in base64. */
export const MASK_KERNEL: string = [
${lines.join(",\n")},
].join("");
`;
}

if (import.meta.main) process.stdout.write(await makeMaskKernel());
