/**
 * Coverage-guided fuzzing of the pure core, `src/protocol/`, with Jazzer.js (libFuzzer) on Node.
 *
 * Usage: npm run fuzz -- [options]
 *
 *   --seconds N       how long each target runs (default: 600)
 *   --targets LIST    targets to run, comma-separated (default: all)
 *   --jobs N          how many run at the same time (default: 1)
 *   --seed N          libFuzzer's seed (default: random; it is printed)
 *   --replay FILE     run one kept input, of tests/vectors/fuzz/<target>/, and nothing else
 *
 * It needs Node 20 with npm. Jazzer.js is installed once, into .cache/fuzz, where the corpus grows: the next run begins
 * with it. An input that breaks an invariant ends its target's run; it is made smaller and kept in tests/vectors/fuzz/,
 * which the everyday tests run.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { ROOT } from "../../scripts/tools.ts";
import { cleanUp, corpusOf, fuzzTarget, prepare, SetupError } from "./jazzer.ts";
import type { Target } from "./target.ts";
import { TARGETS } from "./targets.ts";
import { deflateWithZlib } from "./with_zlib.ts";

const VECTORS = join(ROOT, "tests", "vectors", "fuzz");
/** In milliseconds. */
const MINIMIZE_TIME = 20_000;

interface Options {
  readonly seconds: number;
  readonly jobs: number;
  readonly seed: number;
  readonly targets: readonly Target[];
  readonly replay: string | undefined;
}

function findTarget(name: string): Target {
  const target = TARGETS.find((target) => target.name === name);
  if (target !== undefined) return target;
  throw new SetupError(`there is no target ${name}; there are ${TARGETS.map(({ name }) => name).join(", ")}`);
}

function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: "string" },
      targets: { type: "string" },
      jobs: { type: "string" },
      seed: { type: "string" },
      replay: { type: "string" },
    },
  });
  const number = (name: "seconds" | "jobs" | "seed", otherwise: number): number => {
    const given = values[name];
    if (given !== undefined && !/^[1-9]\d{0,9}$/.test(given)) {
      throw new SetupError(`--${name} takes a number from 1, and is ${given}`);
    }
    return given === undefined ? otherwise : Number(given);
  };
  return {
    seconds: number("seconds", 600),
    jobs: number("jobs", 1),
    // libFuzzer takes 0 for a random one.
    seed: number("seed", 1 + Math.floor(Math.random() * (2 ** 31 - 1))),
    targets: values.targets?.split(",").map(findTarget) ?? TARGETS,
    replay: values.replay,
  };
}

function readOptions(): Options {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    throw error instanceof SetupError ? error : new SetupError((error as Error).message);
  }
}

/** What an input does on this runtime, and with zlib: the error it throws, or null. */
function failureOf(target: Target, data: Uint8Array): unknown {
  try {
    target.fuzz(data);
    if (target.name === deflateWithZlib?.name) deflateWithZlib.fuzz(data);
    return null;
  } catch (error) {
    return error ?? new Error("thrown: nothing");
  }
}

/** An error without what differs from input to input. */
function kindOf(error: unknown): string {
  return String(error).replace(/\d+|"[^"]*"|\b[0-9a-f]{6,}\b/g, "").slice(0, 60);
}

/** Returns the input without what the failure does not need; the input itself if it does not fail on this runtime. */
function minimize(target: Target, data: Uint8Array): Uint8Array {
  const failure = failureOf(target, data);
  if (failure === null) return data;
  const kind = kindOf(failure);
  const fails = (candidate: Uint8Array) => {
    const error = failureOf(target, candidate);
    return error !== null && kindOf(error) === kind;
  };
  const until = performance.now() + MINIMIZE_TIME;
  let best = data;
  for (let size = data.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < best.length && performance.now() < until;) {
      const candidate = new Uint8Array([...best.subarray(0, at), ...best.subarray(at + size)]);
      if (candidate.length < best.length && fails(candidate)) best = candidate;
      else at += size;
    }
  }
  return best;
}

function keep({ name }: Target, data: Uint8Array): string {
  const folder = join(VECTORS, name);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${createHash("sha1").update(data).digest("hex")}.bin`);
  writeFileSync(path, data);
  return relative(ROOT, path);
}

const indent = (text: string): string => text.replaceAll(/^/gm, "    ");

/** Runs one target, and prints a line. Answers whether no invariant was broken. */
async function runTarget(target: Target, { seconds, seed }: Options): Promise<boolean> {
  const result = await fuzzTarget(target, seconds, seed);
  const { executions, coverage, features, corpus, finding, failure } = result;
  const rate = Math.round(executions / result.seconds);
  const well = finding === null && failure === null;
  console.log(
    `${well ? "ok    " : "FAILED"} ${target.name}: ${executions} executions (${rate}/s), ${coverage} edges, ` +
      `${features} features, corpus of ${corpus}, ${finding === null ? "no finding" : "a finding"} ` +
      `(${result.seconds.toFixed(1)} s)`,
  );
  if (failure !== null) console.log(indent(failure));
  if (finding !== null) {
    const path = keep(target, minimize(target, finding));
    console.log(`    kept; run it again with: npm run fuzz -- --replay ${path}`);
  }
  return well && replayCorpus(target);
}

/** Node's text decoder is not that of the runtimes that matter, and zlib is not there: what was found runs here too. */
function replayCorpus(target: Target): boolean {
  const folder = corpusOf(target);
  const corpus = readdirSync(folder).map((name) => new Uint8Array(readFileSync(join(folder, name))));
  for (const data of [...target.seeds(), ...corpus]) {
    const failure = failureOf(target, data);
    if (failure === null) continue;
    console.log(`    ${target.name}: an input fails on this runtime, and did not on Node`);
    console.log(indent(describe(failure)));
    console.log(`    kept; run it again with: npm run fuzz -- --replay ${keep(target, minimize(target, data))}`);
    return false;
  }
  return true;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

function replay(path: string): boolean {
  const target = findTarget(basename(dirname(path)));
  const failure = failureOf(target, new Uint8Array(readFileSync(path)));
  console.log(failure === null ? `${target.name}: holds` : `${target.name}:\n${indent(describe(failure))}`);
  return failure === null;
}

async function main(): Promise<{ passed: number; failed: number }> {
  const options = readOptions();
  if (options.replay !== undefined) return replay(options.replay) ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  prepare();
  console.log(`seed ${options.seed}, ${options.seconds} s for each target`);
  const waiting = [...options.targets];
  let passed = 0, failed = 0;
  const work = async () => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      if (await runTarget(target, options)) passed++;
      else failed++;
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  return { passed, failed };
}

process.on("exit", cleanUp);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    cleanUp();
    process.exit(1);
  });
}

let counts = { passed: 0, failed: 1 };
try {
  counts = await main();
} catch (error) {
  console.error(error instanceof SetupError ? error.message : describe(error));
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed === 0 ? 0 : 1);
