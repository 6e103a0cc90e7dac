/** Every kept input of the fuzz targets, their seeds, and some random ones; `FUZZ_SEED` repeats a run. */
import { assert } from "@std/assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { test } from "../support/testing.ts";
import { makeRandom, mutate, type Target, toHex } from "./target.ts";
import { TARGETS } from "./targets.ts";
import { deflate } from "./targets/deflate.ts";
import { deflateWithZlib } from "./with_zlib.ts";

const VECTORS = join(dirname(dirname(fileURLToPath(import.meta.url))), "vectors", "fuzz");
const RANDOM_INPUTS = 300;

const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32));

function run({ fuzz }: Target, data: Uint8Array, origin: string): void {
  try {
    fuzz(data);
  } catch (cause) {
    throw new Error(`${origin} fails, with FUZZ_SEED=${seed}: ${toHex(data)}`, { cause });
  }
}

function kept(name: string): string[] {
  const folder = join(VECTORS, name);
  return existsSync(folder) ? readdirSync(folder).sort().map((file) => join(folder, file)) : [];
}

function register(target: Target, label: string, skip?: string): void {
  test(`fuzz ${label}: kept inputs`, () => {
    for (const path of kept(target.name)) run(target, new Uint8Array(readFileSync(path)), path);
  }, { skip });
  test(`fuzz ${label}: well-formed and random inputs`, () => {
    const random = makeRandom(seed), seeds = target.seeds();
    assert(seeds.length > 0, "there are no seeds");
    seeds.forEach((data, i) => run(target, data, `seed ${i}`));
    for (let i = 0; i < RANDOM_INPUTS; i++) {
      const noise = Uint8Array.from({ length: random(100) }, () => random(256));
      run(target, i % 4 === 0 ? noise : mutate(seeds[random(seeds.length)]!, random), `random input ${i}`);
    }
  }, { skip });
}

for (const target of TARGETS) register(target, target.name);
register(
  deflateWithZlib ?? deflate,
  "deflate with zlib",
  deflateWithZlib === null ? "no zlib on this machine" : undefined,
);
