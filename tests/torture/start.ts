/** Starts the torture tests' servers and runners. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findTool, ROOT, type Tool } from "../../scripts/tools.ts";
import { certificates } from "../support/certificates.ts";
import { serverCommand } from "../support/servers.ts";
import type { Plan, Position, Report } from "./plan.ts";
import { ANEW } from "./plan.ts";
import type { Place } from "./subject.ts";

/** What to run, and how. */
export interface TortureOptions {
  readonly tool: Tool;
  readonly scenarios: readonly string[];
  readonly quick: boolean;
  /** Which part of all runs, 0 to 1. */
  readonly share: number;
  readonly only: string | null;
  readonly seed: number;
  print(line: string): void;
}

/** The result. */
export interface TortureResult {
  readonly injected: number;
  readonly problems: readonly string[];
}

const RUNNER = fileURLToPath(new URL("./runner.ts", import.meta.url));
const SERVER = fileURLToPath(new URL("./server.mjs", import.meta.url));
/** No run takes so long without a sign. */
const SILENT = 60_000;

async function startServer(): Promise<{ place: Place; child: ChildProcess }> {
  const [file, args] = serverCommand(SERVER);
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
  const { ca, cert, key } = certificates();
  child.stdin.write(JSON.stringify({ cert, key }) + "\n");
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const cas = mkdtempSync(join(tmpdir(), "curlws-torture-"));
  writeFileSync(join(cas, "bundle.pem"), ca);
  const hash = execFileSync("openssl", ["x509", "-subject_hash", "-noout"], { input: ca, encoding: "utf8" }).trim();
  writeFileSync(join(cas, `${hash}.0`), ca);
  return { place: { ...JSON.parse(String(line)), ca, cert, key, cas }, child };
}

/** Runs a plan to its end, over runs that end the process. */
export async function torture({ print, tool, ...plan }: TortureOptions): Promise<TortureResult> {
  const { place, child } = await startServer();
  const problems: string[] = [];
  let injected = 0;
  try {
    for (let from: Position | null = { leg: 0, run: 0 }; from !== null;) {
      const outcome: Outcome = await runOnce(tool, { ...plan, place, from }, (report) => {
        if (report.kind === "problem") {
          for (const problem of report.problems) problems.push(`${report.what}: ${problem}`);
          print(`PROBLEM ${report.what}\n    ${report.problems.join("\n    ")}`);
        } else if (report.kind === "scenario") {
          injected += report.injected;
          const { name, runs, milliseconds } = report;
          print(
            `${name}: ${report.injected} failures, ${runs} runs, ${report.problems} with problems, ${milliseconds} ms`,
          );
        } else if (report.kind === "unknown" && report.names.length > 0) {
          problems.push(`say in failures.ts how these fail: ${report.names.join(", ")}`);
        }
      });
      from = outcome.code === 0 ? null : { ...outcome.at, run: outcome.at.run + 1 };
      if (outcome.code === 0 || outcome.code === ANEW) continue;
      problems.push(`${outcome.what}: the process ended: ${outcome.why}`);
      print(`PROBLEM ${outcome.what}\n    the process ended: ${outcome.why}`);
    }
  } finally {
    rmSync(place.cas, { recursive: true });
    child.stdin!.end();
    await once(child, "close");
  }
  return { injected, problems };
}

/** How a process ended, and in which run. */
interface Outcome {
  readonly at: Position;
  readonly what: string;
  readonly code: number | null;
  readonly why: string;
}

async function runOnce(
  tool: Tool,
  plan: Plan,
  onReport: (report: Report) => void,
): Promise<Outcome> {
  const path = findTool(tool);
  if (path === undefined) throw new Error(`${tool} is neither in node_modules nor on the PATH`);
  const args = tool === "deno" ? ["run", "-A", "--no-check", RUNNER] : [RUNNER];
  const child = spawn(path, [...args, JSON.stringify(plan)], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    // With an odd seed another thread waits, as where the kernel does not ring.
    env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", CURLWS_IO_URING: plan.seed % 2 === 0 ? "" : "0" },
  });
  let errors = "", last = { at: plan.from, what: "the start" };
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors = (errors + text).slice(-4_000));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => child.kill("SIGKILL"), SILENT);
  };
  alive();
  createInterface({ input: child.stdout }).on("line", (line) => {
    alive();
    const report = JSON.parse(line) as Report;
    if (report.kind === "begin") last = report;
    else onReport(report);
  });
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  return { ...last, code, why: `${signal ?? code} ${errors.trim()}` };
}
