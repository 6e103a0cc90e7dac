/** Jazzer.js, which is libFuzzer for Node: installed on demand into .cache/fuzz, and run on one target. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findTool, ROOT } from "../../scripts/tools.ts";
import { loosenVersions } from "./older_glibc.ts";
import type { Target } from "./target.ts";

const CACHE = join(ROOT, ".cache", "fuzz");
const BUILD = join(CACHE, "build");
const JAZZER = join(CACHE, "node_modules", "@jazzer.js");
const PACKAGE = "@jazzer.js/core@4.0.0";
/** In bytes: longer than any seed, and short enough for thousands of runs in a second. */
const MAX_LENGTH = 4096;
/** In milliseconds: an input that takes longer is a finding. */
const INPUT_TIMEOUT = 10_000;
/** In milliseconds: how much longer than its time a run may take. */
const GRACE = 60_000;
/** libFuzzer's megabytes, for Node with its garbage. */
const MEMORY_LIMIT = 4096;

/** The command lacks something that it needs. */
export class SetupError extends Error {}

/** The result of one run. */
export interface FuzzResult {
  readonly executions: number;
  readonly seconds: number;
  /** Edges reached, and the same counted by how often each was taken. */
  readonly coverage: number;
  readonly features: number;
  /** Inputs in the corpus. */
  readonly corpus: number;
  /** The input that broke an invariant. */
  readonly finding: Uint8Array | null;
  /** How the run ended, where not well. */
  readonly failure: string | null;
}

const children = new Set<ChildProcess>();
/** Folders of runs, to remove when this process ends. */
const folders = new Set<string>();

/** Ends all runs. */
export function cleanUp(): void {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}

function command(step: string, name: string, args: string[]): void {
  const { status, stdout, stderr, error } = spawnSync(name, args, { cwd: CACHE, encoding: "utf8" });
  if (status !== 0) throw new SetupError(`${step} failed\n${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`);
}

/** Installs Jazzer.js if it is missing, and compiles the targets for it. */
export function prepare(): void {
  mkdirSync(CACHE, { recursive: true });
  const marker = join(CACHE, "installed.txt");
  if (!existsSync(marker) || readFileSync(marker, "utf8") !== PACKAGE) {
    console.log("Installing Jazzer.js into .cache/fuzz (some seconds, once) ...");
    // Not a module: what is compiled beside it is CommonJS, which Jazzer.js can instrument.
    writeFileSync(join(CACHE, "package.json"), '{ "private": true }\n');
    command("installing Jazzer.js", "npm", ["install", "--no-audit", "--no-fund", "--no-save", PACKAGE]);
    loosenLibrary();
    writeFileSync(marker, PACKAGE);
  }
  compile();
}

function loosenLibrary(): void {
  if (loads()) return;
  const path = join(JAZZER, "fuzzer", "prebuilds", `fuzzer-${process.platform}-${process.arch}.node`);
  if (!existsSync(path)) throw new SetupError(`Jazzer.js has no library for ${process.platform}-${process.arch}`);
  const library = new Uint8Array(readFileSync(path));
  if (loosenVersions(library)) writeFileSync(path, library);
  if (!loads()) throw new SetupError(`${path} does not load on this system`);
}

function loads(): boolean {
  return spawnSync("node", ["-e", `require("@jazzer.js/fuzzer")`], { cwd: CACHE, stdio: "ignore" }).status === 0;
}

/** File by file, so that the core is instrumented, and what judges it is not. */
function compile(): void {
  const tsc = findTool("tsc");
  if (tsc === undefined) throw new SetupError("there is no tsc");
  rmSync(BUILD, { recursive: true, force: true });
  const config = {
    compilerOptions: {
      target: "ES2022",
      module: "CommonJS",
      moduleResolution: "bundler",
      rewriteRelativeImportExtensions: true,
      noCheck: true,
      types: [],
      rootDir: ROOT,
      outDir: BUILD,
    },
    files: [join(ROOT, "tests", "fuzz", "targets.ts")],
  };
  writeFileSync(join(CACHE, "tsconfig.json"), JSON.stringify(config));
  command("compiling the targets", tsc, ["-p", "tsconfig.json"]);
  const entry = (name: string) =>
    `const { TARGETS } = require("./tests/fuzz/targets.js");
const { fuzz } = TARGETS.find(({ name }) => name === ${JSON.stringify(name)});
// Not Node's Buffer, whose methods differ.
exports.fuzz = (data) => fuzz(new Uint8Array(data));
`;
  for (const file of readdirSync(join(BUILD, "tests", "fuzz", "targets"))) {
    const name = file.replace(/\.js$/, "");
    writeFileSync(join(BUILD, `${name}.entry.js`), entry(name));
  }
}

/** The folder of what was found to reach something new. */
export function corpusOf({ name }: Target): string {
  return join(CACHE, "corpus", name);
}

/** Fuzzes one target until its time is up, or an invariant is broken. */
export async function fuzzTarget(target: Target, seconds: number, seed: number): Promise<FuzzResult> {
  const corpus = corpusOf(target);
  mkdirSync(corpus, { recursive: true });
  const folder = mkdtempSync(join(CACHE, `run-${target.name}-`));
  folders.add(folder);
  try {
    const wellFormed = join(folder, "seeds"), artifacts = join(folder, "artifacts");
    mkdirSync(wellFormed);
    mkdirSync(artifacts);
    target.seeds().forEach((data, i) => writeFileSync(join(wellFormed, String(i)), data));
    const dictionary = join(folder, "dictionary.txt");
    writeFileSync(dictionary, target.dictionary.map((word) => `"${escape(word)}"\n`).join(""));
    const args = [
      join(JAZZER, "core", "dist", "cli.js"),
      join(BUILD, `${target.name}.entry.js`),
      corpus,
      wellFormed,
      "--sync",
      `--timeout=${INPUT_TIMEOUT}`,
      "--disableBugDetectors=.*",
      "-i=build/src/",
      "-e=node_modules",
      "--",
      `-max_total_time=${seconds}`,
      `-seed=${seed}`,
      `-max_len=${MAX_LENGTH}`,
      `-rss_limit_mb=${MEMORY_LIMIT}`,
      "-print_final_stats=1",
      `-artifact_prefix=${artifacts}/`,
      ...(target.dictionary.length > 0 ? [`-dict=${dictionary}`] : []),
    ];
    const started = performance.now();
    const { output, code } = await run(args, seconds * 1000 + GRACE);
    const found = readdirSync(artifacts).find((name) => /^(?:crash|timeout|oom)-/.test(name));
    const finding = found === undefined ? null : new Uint8Array(readFileSync(join(artifacts, found)));
    return { ...parse(output), seconds: (performance.now() - started) / 1000, finding, failure: reason(output, code) };
  } finally {
    folders.delete(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** libFuzzer's dictionaries take hexadecimal escapes. */
function escape(word: string): string {
  return word.replace(/[^ !#-[\]-~]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function run(args: string[], timeout: number): Promise<{ output: string; code: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn("node", args, { cwd: CACHE, stdio: ["ignore", "pipe", "pipe"] });
    children.add(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      // Its end has the figures, and its beginning what is wrong with the call.
      stream.on("data", (text: string) => {
        output += text;
        if (output.length > 400_000) output = output.slice(0, 20_000) + output.slice(-100_000);
      });
    }
    const timer = setTimeout(() => {
      output += "\nthe run did not end in time";
      child.kill("SIGKILL");
    }, timeout);
    child.on("error", (error) => reject(new SetupError(`node cannot be run: ${error.message}`)));
    child.on("close", (code) => {
      clearTimeout(timer);
      children.delete(child);
      resolve({ output, code });
    });
  });
}

function parse(output: string): Pick<FuzzResult, "executions" | "coverage" | "features" | "corpus"> {
  const last = (pattern: RegExp): number => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
  return {
    executions: last(/^stat::number_of_executed_units:\s*(\d+)/gm) || last(/^#(\d+)\s/gm),
    coverage: last(/^#\d+\s.*\bcov: (\d+)/gm),
    features: last(/^#\d+\s.*\bft: (\d+)/gm),
    corpus: last(/^#\d+\s.*\bcorp: (\d+)/gm),
  };
}

function reason(output: string, code: number | null): string | null {
  if (code === 0) return null;
  const thrown = /Uncaught Exception: (.*(?:\n\s+at .*){0,12})/.exec(output)?.[1];
  return thrown ?? `Jazzer.js ended with ${code}:\n${output.slice(-2000)}`;
}
