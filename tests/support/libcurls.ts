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
import { join } from "node:path";
import process from "node:process";
import { libcurl } from "../../mod.ts";
import { fetchOnce, files, ROOT } from "./fetched.ts";
import { type LibcurlName, RECIPES } from "./libcurl_recipes.ts";

export type { LibcurlName } from "./libcurl_recipes.ts";

/** The folder of the libcurls; git ignores it. */
const CACHE = join(ROOT, ".cache", "libcurl");
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

/** Returns the path of a libcurl, and downloads it if necessary; null if it is not available. */
export function libcurlNamed(name: LibcurlName): string | null {
  const result = lookUp(name);
  return "path" in result ? result.path : null;
}

/** Returns why {@linkcode libcurlNamed} returns null, in a line, or undefined if it does not: for the `skip` of a test. */
export function whyNoLibcurl(name: LibcurlName): string | undefined {
  const result = lookUp(name);
  return "reason" in result ? `no libcurl ${name}: ${result.reason}` : undefined;
}

/** Whether the libcurl that the tests use has at least this version, such as `"8.9"`. */
export function isAtLeast(version: string): boolean {
  const numbers = (text: string) => /^(\d+)\.(\d+)/.exec(text)!.slice(1).map(Number) as [number, number];
  const [major, minor] = numbers(libcurl().version), [least, leastMinor] = numbers(version);
  return major > least || (major === least && minor >= leastMinor);
}

/** Why the libcurl that the tests use supports no SOCKS proxy, or undefined if it does. */
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
  const reason = fetchOnce(CACHE, name, recipe.pin, recipe.fetch);
  if (reason !== undefined) return { reason };
  const folder = join(CACHE, name);
  const path = files(folder).find((path) => recipe.library.test(path));
  return path === undefined ? { reason: `${folder} holds no such library` } : { path };
}
