/**
 * The libcurls that the suite is run with, beside the system's. Each is fetched once, by pip or apt, into
 * `.cache/libcurl/<name>`; what cannot be had on this machine has a reason, and what needs it is skipped.
 *
 *     const path = libcurlNamed("impersonate-8.23");
 *     test("…", body, { skip: path === null ? whyNoLibcurl("impersonate-8.23") : undefined });
 *
 * A process that opens 8.14.1 before the system's gets it under the name of `libcurl.so.4` too: the dynamic loader goes
 * by the name that a library gives itself.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { libcurl } from "../../mod.ts";
import { files, type LibcurlName, RECIPES } from "./libcurl_recipes.ts";

export type { LibcurlName } from "./libcurl_recipes.ts";

/** Where the libcurls are kept; git ignores it. */
const CACHE = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), ".cache", "libcurl");
/** How long a failed attempt holds, so that each test file does not wait for the network again. */
const RETRY_MS = 10 * 60_000;
/** The wheels are for this system. Deno and Bun have the same two names for it. */
const SUPPORTED = process.platform === "linux" && process.arch === "x64";

/** All names, oldest libcurl first. */
export const LIBCURL_NAMES: readonly LibcurlName[] = [
  "7.68",
  "impersonate-7.84",
  "gnutls",
  "8.14.1",
  "impersonate-8.21",
  "8.23",
  "impersonate-8.23",
];

const found = new Map<LibcurlName, { path: string } | { reason: string }>();

/** The path of a libcurl, which is fetched where it is not yet there; null where it cannot be had. */
export function libcurlNamed(name: LibcurlName): string | null {
  const result = lookUp(name);
  return "path" in result ? result.path : null;
}

/** Why {@linkcode libcurlNamed} gives null, in a line; undefined where it does not: as the `skip` of a test. */
export function whyNoLibcurl(name: LibcurlName): string | undefined {
  const result = lookUp(name);
  return "reason" in result ? `no libcurl ${name}: ${result.reason}` : undefined;
}

/** Whether the libcurl that the tests use is of a version or newer, such as `"8.9"`. */
export function isAtLeast(version: string): boolean {
  const numbers = (text: string) => /^(\d+)\.(\d+)/.exec(text)!.slice(1).map(Number) as [number, number];
  const [major, minor] = numbers(libcurl().version), [least, leastMinor] = numbers(version);
  return major > least || (major === least && minor >= leastMinor);
}

/** Why the libcurl that the tests use takes no SOCKS proxy, if it takes none. */
export function whyNoSocks(): string | undefined {
  return isAtLeast("7.69") ? undefined : `SOCKS needs libcurl 7.69, and this is ${libcurl().version}`;
}

function lookUp(name: LibcurlName): { path: string } | { reason: string } {
  let result = found.get(name);
  if (result === undefined) found.set(name, result = look(name));
  return result;
}

function look(name: LibcurlName): { path: string } | { reason: string } {
  if (!SUPPORTED) return { reason: "it is only had for Linux on x86-64" };
  const recipe = RECIPES[name];
  const folder = join(CACHE, name), pin = join(folder, "pin"), failure = join(CACHE, `${name}.failure`);
  const there = () => existsSync(pin) && readFileSync(pin, "utf8") === recipe.pin;
  const libraryIn = (): string | undefined => files(folder).find((path) => recipe.library.test(path));
  let path = there() ? libraryIn() : undefined;
  if (path !== undefined) return { path };
  if (existsSync(failure)) {
    const { pin, at, reason } = JSON.parse(readFileSync(failure, "utf8"));
    if (pin === recipe.pin && Date.now() - at < RETRY_MS) return { reason };
  }
  // Aside, then renamed: several processes may be at it, and one may be killed.
  const aside = join(CACHE, `.${name}-${process.pid}`);
  try {
    rmSync(aside, { recursive: true, force: true });
    mkdirSync(aside, { recursive: true });
    recipe.fetch(aside);
    writeFileSync(join(aside, "pin"), recipe.pin);
    if (!there()) {
      rmSync(folder, { recursive: true, force: true });
      try {
        renameSync(aside, folder);
      } catch (error) {
        if (!there()) throw error;
      }
    }
    rmSync(failure, { force: true });
    path = libraryIn();
    return path === undefined ? { reason: `${folder} holds no such library` } : { path };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    mkdirSync(CACHE, { recursive: true });
    writeFileSync(failure, JSON.stringify({ pin: recipe.pin, at: Date.now(), reason }));
    return { reason };
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}
