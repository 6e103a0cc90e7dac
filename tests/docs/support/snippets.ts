/**
 * Registers a test for each TypeScript block of a page of documentation, which runs it as a program:
 *
 *     testSnippets("docs/proxy.md");
 *
 * A page's blocks run one after another in one process of the runtime under test, as they stand: a block imports and
 * declares what it uses, so that a reader can copy it. What it names is stood in for as `stage.ts` says, what has to come of it `harness.ts`. In a block:
 *
 *     console.log(socket.connection?.tls?.version); // prints TLSv1.3
 *
 * is a promise that is kept, with `…` for anything. Above a block may stand, each in a line of its own:
 *
 *     <!-- no-run: the reason -->   it cannot run; the fence says so too: ```ts no-run
 *     <!-- faster: 100 -->          times in it (pingInterval: 20_000) are divided by 100
 */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type LibcurlName, libcurlNamed, whyNoLibcurl } from "../../support/libcurls.ts";
import { test } from "../../support/testing.ts";
import { type Block, blocksOf, promisesOf } from "./markdown.ts";
import type { Result } from "./harness.ts";
import { noAbstract, Stage } from "./stage.ts";
import type { Plan } from "./world.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(dirname(dirname(HERE)));
/** Of one snippet, and of a page's. */
const DEADLINE = 5_000, PAGE_DEADLINE = 60_000;
const IMPERSONATE: LibcurlName = "impersonate-8.23";

/** What a block needs that this machine lacks. */
function lacking({ code }: Block): string | undefined {
  if (code.includes('"@app"') && noAbstract !== undefined) return noAbstract;
  if (code.includes("unixSocket") && process.platform === "win32") return "Node's own are pipes there";
  if (code.includes('"eth0"') && process.platform !== "linux") return "the loopback interface has another name here";
  return /\bimpersonate:/.test(code) ? whyNoLibcurl(IMPERSONATE) : undefined;
}

/** A block as a module that runs here. */
export function moduleOf({ code, faster }: Block, stage: Pick<Stage, "staged">): string {
  const world = JSON.stringify(join(HERE, "world.ts"));
  const har = JSON.stringify(join(ROOT, "cli", "har", "mod.ts"));
  const quick = code.replace(
    /\b(\w*(?:Interval|Timeout|Delay))(:| =) ([\d_]+)/g,
    (_, name, sign, time) => `${name}${sign} ${Number(time.replaceAll("_", "")) / faster}`,
  );
  const here = quick.replaceAll('from "@curlws/curlws"', `from ${world}`).replaceAll('"@curlws/curlws/har"', har);
  return stage.staged(here) + "\nexport {};\n";
}

/** Runs some blocks of a page; `deadline` is each one's, ms. */
export async function runBlocks(page: string, blocks: readonly Block[], deadline = DEADLINE): Promise<Result[]> {
  await using stage = await Stage.start();
  const snippets = blocks.map((block, index) => {
    const path = join(stage.folder, `${page.replace(/\W+/g, "_")}_${index}.ts`);
    writeFileSync(path, moduleOf(block, stage));
    return { path, promises: promisesOf(block.code).map((text) => stage.staged(text)) };
  });
  const impersonate = blocks.some(({ code }) => /\bimpersonate:/.test(code)) ? libcurlNamed(IMPERSONATE) : null;
  const plan: Plan = { ca: stage.ca, impersonate, snippets, deadline };
  const planPath = join(stage.folder, "plan.json");
  writeFileSync(planPath, JSON.stringify(plan));
  const env: Record<string, string | undefined> = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  // A proxy of this machine's would be asked for stream.example.com.
  for (const name of Object.keys(env)) if (/_proxy$/i.test(name)) delete env[name];
  const args = [join(HERE, "harness.ts"), planPath];
  const flags = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...flags, ...args], {
    cwd: stage.folder,
    env,
    timeout: PAGE_DEADLINE,
  });
  const results = stdout.trimEnd().split("\n").at(-1) ?? "";
  if (!results.startsWith("[")) throw new Error(`the snippets of ${page} ended too early: ${stdout}${stderr}`);
  return (JSON.parse(results) as Result[]).map(({ output, problems }) => ({
    output: output.map((line) => stage.asWritten(line)),
    problems: problems.map((line) => stage.asWritten(line)),
  }));
}

/** Registers a test for each TypeScript block of a page; its path is from the root. */
export function testSnippets(page: string): void {
  const blocks = blocksOf(page, readFileSync(join(ROOT, page), "utf8"));
  const runnable = blocks.filter((block) => block.noRun === undefined && lacking(block) === undefined);
  let results: Promise<Result[]> | undefined;
  for (const block of blocks) {
    const body = async () => {
      const all = await (results ??= runBlocks(page, runnable));
      const { output, problems } = all[runnable.indexOf(block)]!;
      if (problems.length > 0) {
        throw new Error(`${page}:${block.line} ${problems.join("\n")}\nit printed:\n${output.join("\n")}`);
      }
    };
    const reason = block.noRun ?? lacking(block);
    test(`${block.name} runs`, body, { skip: reason, timeout: PAGE_DEADLINE + 10_000 });
  }
}
