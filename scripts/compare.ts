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
import { CLIENTS, MEANINGLESS, ROWS } from "../tests/compare/rows.ts";
import { World } from "../tests/compare/world.ts";
import { findTool, ROOT, run } from "./tools.ts";

/** undici 8 wants Node 22.19; an older one gets 7. */
const NODE_PACKAGES = [
  "ws@8",
  `undici@${nodeIsAtLeast(22, 19) ? 8 : 7}`,
  "wreq-js@3",
  "impers@0.0.7",
  "https-proxy-agent",
  "socks-proxy-agent",
  "tough-cookie",
];
const CACHE = join(ROOT, ".cache", "compare"), HERE = join(ROOT, "tests", "compare");
const RESULTS = join(HERE, "results.json"), PAGE = join(ROOT, "docs", "comparison.md");

interface Client {
  readonly command: readonly string[];
  readonly env?: Record<string, string>;
  readonly version: string;
  /** How a package is started under each runtime. */
  readonly runtimes?: Readonly<Record<string, readonly string[]>>;
}

function version(command: string, ...args: string[]): string {
  const { stdout } = spawnSync(command, [...args, "--version"], { encoding: "utf8" });
  return /\d+\.\d+\.\d+\S*/.exec(stdout ?? "")?.[0] ?? "?";
}

function nodeIsAtLeast(major: number, minor: number): boolean {
  const [ours = 0, of = 0] = version("node").split(".").map(Number);
  return ours > major || (ours === major && of >= minor);
}

/** Whether a package, as "ws@8", is installed in that version. */
function isInstalled(wanted: string): boolean {
  const [name = "", wantedVersion = ""] = wanted.split("@");
  const file = join(CACHE, "node_modules", name, "package.json");
  return existsSync(file) &&
    `${JSON.parse(readFileSync(file, "utf8")).version}.`.startsWith(wantedVersion && `${wantedVersion}.`);
}

/** How each client is started. One that cannot be installed is left out, with a notice. */
function clients(): Map<string, Client> {
  mkdirSync(CACHE, { recursive: true });
  if (!NODE_PACKAGES.every(isInstalled)) {
    const args = ["install", "--prefix", CACHE, "--no-audit", "--no-fund", "--no-package-lock", ...NODE_PACKAGES];
    const { status, stderr } = spawnSync("npm", args, { encoding: "utf8" });
    if (status !== 0) console.error(`npm could not install them: ${stderr.trim().split("\n")[0]}`);
  }
  // Beside the packages, so that their names are found.
  const worker = join(CACHE, "worker.mjs");
  for (const name of ["worker.mjs", "tries.mjs"]) cpSync(join(HERE, name), join(CACHE, name));
  const deno = [findTool("deno")!, "run", "-A", "--no-check", "--unstable-net"], bun = [findTool("bun")!];
  const own = join(HERE, "worker.mjs");
  const node = version("node"),
    installed = (name: string) =>
      JSON.parse(readFileSync(join(CACHE, "node_modules", name, "package.json"), "utf8")).version as string;
  const found = new Map<string, Client>();
  const denoVersion = version(deno[0]!), bunVersion = version(bun[0]!);
  for (const [name, command, of] of [["Deno", deno, denoVersion], ["Bun", bun, bunVersion]] as const) {
    const runtimes = { Node: ["node", own, "curlws"], Deno: [...deno, own, "curlws"], Bun: [...bun, own, "curlws"] };
    found.set(`curlws on ${name}`, { command: [...command, own, "curlws"], version: `${name} ${of}`, runtimes });
  }
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
  for (const name of ["ws", "undici", "wreq-js", "impers"]) {
    if (!existsSync(join(CACHE, "node_modules", name))) continue;
    const env = name === "impers" ? impersEnvironment() : {}, args = [worker, name];
    found.set(name, {
      command: ["node", ...args],
      env,
      version: `${installed(name)} on Node ${node}`,
      runtimes: { Node: ["node", ...args], Deno: [...deno, ...args], Bun: [...bun, ...args] },
    });
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

/** Under which of the runtimes a client brings a message. */
async function tryRuntimes(world: World, client: Client): Promise<Tried> {
  const passed: string[] = [];
  for (const [name, command] of Object.entries(client.runtimes ?? {})) {
    if ((await tryRow(world, { ...client, command }, "runtimes")).verdict === "yes") passed.push(name);
  }
  const all = passed.length === Object.keys(client.runtimes ?? {}).length;
  return { verdict: all ? "yes" : "no", how: all ? "by default" : `${passed.join(" and ") || "none"} alone` };
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
        if (MEANINGLESS[name]?.includes(row)) {
          delete results.rows[row]?.[name];
          continue;
        }
        const tried = row === "runtimes" && client.runtimes !== undefined
          ? await tryRuntimes(world, client)
          : await tryRow(world, client, row);
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
