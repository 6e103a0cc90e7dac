/**
 * Tries each row of the comparison with each client, on loopback, against the same servers and proxies, and writes the
 * results into `tests/compare/results.json` and `docs/comparison.md`. npm and pip download the other clients.
 *
 *   --only <clients>   only these, comma-separated; --rows <ids> only these rows: the results of the others stay
 *   --render           writes the page from the recorded results, without running anything
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { findPythonPeers } from "../bench/peers/python.ts";
import { comparisonPage, type Results, type Tried } from "../tests/compare/page.ts";
import { CLIENTS, ROWS } from "../tests/compare/rows.ts";
import { World } from "../tests/compare/world.ts";
import { findTool, ROOT, run } from "./tools.ts";

const NODE_PACKAGES = ["ws@8", "undici@7", "impers@0.0.7", "https-proxy-agent", "socks-proxy-agent", "tough-cookie"];
const CACHE = join(ROOT, ".cache", "compare"), HERE = join(ROOT, "tests", "compare");
const RESULTS = join(HERE, "results.json"), PAGE = join(ROOT, "docs", "comparison.md");

interface Client {
  readonly command: readonly string[];
  readonly env?: Record<string, string>;
  readonly version: string;
}

function version(command: string, ...args: string[]): string {
  const { stdout } = spawnSync(command, [...args, "--version"], { encoding: "utf8" });
  return /\d+\.\d+\.\d+\S*/.exec(stdout ?? "")?.[0] ?? "?";
}

/** How each client is started. One that cannot be installed is left out, with a notice. */
function clients(): Map<string, Client> {
  mkdirSync(CACHE, { recursive: true });
  const there = NODE_PACKAGES.every((name) => existsSync(join(CACHE, "node_modules", name.replace(/@\d.*$/, ""))));
  if (!there) {
    const args = ["install", "--prefix", CACHE, "--no-audit", "--no-fund", "--no-package-lock", ...NODE_PACKAGES];
    const { status, stderr } = spawnSync("npm", args, { encoding: "utf8" });
    if (status !== 0) console.error(`npm could not install them: ${stderr.trim().split("\n")[0]}`);
  }
  // Beside the packages, so that their names are found.
  const worker = join(CACHE, "worker.mjs");
  cpSync(join(HERE, "worker.mjs"), worker);
  const deno = [findTool("deno")!, "run", "-A", "--no-check", "--unstable-net"], bun = [findTool("bun")!];
  const own = join(HERE, "worker.mjs");
  const node = version("node"),
    installed = (name: string) =>
      JSON.parse(readFileSync(join(CACHE, "node_modules", name, "package.json"), "utf8")).version as string;
  const found = new Map<string, Client>();
  const denoVersion = version(deno[0]!), bunVersion = version(bun[0]!);
  found.set("curlws on Deno", { command: [...deno, own, "curlws"], version: `Deno ${denoVersion}` });
  found.set("curlws on Bun", { command: [...bun, own, "curlws"], version: `Bun ${bunVersion}` });
  found.set("Deno", { command: [...deno, own, "deno"], version: denoVersion });
  found.set("Bun", { command: [...bun, own, "bun"], version: bunVersion });
  const python = findPythonPeers(ROOT, join(HERE, "worker.py"), {
    includes: (name) => name === "python curl_cffi" || name === "python curl_cffi-0.7.4",
    install: true,
  });
  for (const peer of python.peers.filter(({ name }) => name === "python curl_cffi")) {
    found.set("curl_cffi", { command: peer.command.slice(0, 2), env: peer.env, version: peer.version });
  }
  for (const { name, why } of python.skipped) console.error(`${name}: ${why}`);
  for (const name of ["ws", "undici", "impers"]) {
    if (!existsSync(join(CACHE, "node_modules", name))) continue;
    const env = name === "impers" ? impersEnvironment() : {};
    found.set(name, { command: ["node", worker, name], env, version: `${installed(name)} on Node ${node}` });
  }
  return found;
}

/** impers would download a libcurl-impersonate that no package registry has: it gets curl_cffi's. */
function impersEnvironment(): Record<string, string> {
  return { IMPER_DOWNLOAD_LIBCURL: "0", LIBCURL_PATH: World.impersonate ?? "" };
}

async function tryRow(world: World, { command, env = {} }: Client, row: string): Promise<Tried> {
  const [file = "", ...args] = command;
  world.begin();
  const proxies = row === "envProxy" ? world.environment : {};
  const before = Object.keys(process.env).filter((name) => /_proxy$/i.test(name)).map((name) => [name, ""]);
  const { output } = await run(file, [...args, row, world.path], 25_000, {
    ...Object.fromEntries(before),
    ...env,
    ...proxies,
    NO_PROXY: "",
  });
  const line = output.trim().split("\n").reverse().find((each) => each.startsWith('{"')) ?? "";
  if (line === "") return { verdict: "error", how: output.trim().split("\n").at(-1)?.slice(0, 120) ?? "" };
  const tried = await world.judge(row, JSON.parse(line));
  if (tried.verdict !== "yes" && tried.how !== "no option") console.log(`  ${line}`);
  return tried;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: { only: { type: "string" }, rows: { type: "string" }, render: { type: "boolean", default: false } },
  });
  const results: Results = existsSync(RESULTS)
    ? JSON.parse(readFileSync(RESULTS, "utf8"))
    : { date: "", versions: {}, rows: {} };
  if (!values.render) {
    const known = clients();
    await using world = await World.start();
    results.date = new Date().toISOString().slice(0, 10);
    for (const name of CLIENTS) {
      const client = known.get(name);
      if (client === undefined || (values.only !== undefined && !values.only.split(",").includes(name))) continue;
      results.versions[name] = client.version;
      for (const [row] of ROWS) {
        if (values.rows !== undefined && !values.rows.split(",").includes(row)) continue;
        const tried = await tryRow(world, client, row);
        (results.rows[row] ??= {})[name] = tried;
        console.log(`${name}, ${row}: ${tried.verdict} (${tried.how})`);
      }
      writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
    }
  }
  writeFileSync(PAGE, comparisonPage(results));
  await run(findTool("deno")!, ["fmt", "--quiet", PAGE, RESULTS], 30_000);
}

await main();
process.exit(0);
