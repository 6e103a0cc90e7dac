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
import { unzipSync } from "fflate";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** A libcurl that the suite knows. */
export type LibcurlName = "8.14.1" | "8.23" | "impersonate-7.84" | "impersonate-8.21" | "impersonate-8.23";

/** Where the libcurls are kept; git ignores it. */
const CACHE = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), ".cache", "libcurl");
/** How long a failed attempt holds, so that each test file does not wait for the network again. */
const RETRY_MS = 10 * 60_000;
const FETCH_TIMEOUT_MS = 5 * 60_000;
/** The wheels are for this system. Deno and Bun have the same two names for it. */
const SUPPORTED = process.platform === "linux" && process.arch === "x64";

interface Recipe {
  /** Changes with what is fetched: another one is fetched again. */
  readonly pin: string;
  /** Where the library lies in its folder. */
  readonly library: RegExp;
  fetch(folder: string): void;
}

interface Wheel {
  readonly requirement: string;
  readonly abi: string;
  readonly platform: string;
  readonly sha256: string;
}

const RECIPES: Record<LibcurlName, Recipe> = {
  "8.14.1": { pin: "bookworm-backports 8.14.1", library: /\/libcurl\.so\.4\.\d+\.\d+$/, fetch: fetchBackport },
  "8.23": fromWheel(
    {
      requirement: "pycurl==7.49.0",
      abi: "cp311",
      platform: "manylinux_2_28_x86_64",
      sha256: "6f88539845d3bb2cf2ce0ccbc1bb8b9ed9e401a0d874798aeabc5f16f0f95c4d",
    },
    /^pycurl\.libs\//,
    /\/libcurl-\w+\.so\.[\d.]+$/,
  ),
  "impersonate-7.84": fromWheel(
    {
      requirement: "curl_cffi==0.5.10",
      abi: "abi3",
      platform: "manylinux2014_x86_64",
      sha256: "1b2bc8822d23415f6533c8b750475e9bbc76764025fe1dcb5866dc033607fd7b",
    },
    /^curl_cffi\.libs\//,
    /\/libcurl-impersonate-chrome-\w+\.so\.[\d.]+$/,
  ),
  "impersonate-8.21": fromWrapper("8.21", {
    requirement: "curl_cffi==0.16.3",
    abi: "abi3",
    platform: "manylinux2014_x86_64",
    sha256: "a875a661e2f9a949be29454880bbb9553307a487c4c08819738298cf5c1622e2",
  }),
  "impersonate-8.23": fromWrapper("8.23", {
    requirement: "curl_cffi==0.17.0",
    abi: "abi3",
    platform: "manylinux2014_x86_64",
    sha256: "af0782d5e340b65fd76701630f0284a8f8243d77df5f2637efd09a4b009f4e24",
  }),
};

/** All names, oldest libcurl first. */
export const LIBCURL_NAMES: readonly LibcurlName[] = [
  "impersonate-7.84",
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

function files(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => join(folder, path)).sort();
}

/** Runs a program; throws its last line of errors. */
function run(command: string, args: string[], cwd: string): string {
  const result = spawnSync(command, args, { cwd, encoding: "utf8", timeout: FETCH_TIMEOUT_MS });
  if (result.error !== undefined) throw new Error(`cannot run ${command}: ${result.error.message}`);
  if (result.status !== 0) {
    const words = result.stderr.trim().split("\n").at(-1) ?? "";
    throw new Error(`${command} ${args.slice(0, 2).join(" ")} failed with ${result.status}: ${words.slice(0, 300)}`);
  }
  return result.stdout;
}

/** Downloads a wheel by pip, whatever its Python is, checks it, and unpacks what is wanted of it. */
function unpackWheel({ requirement, abi, platform, sha256 }: Wheel, wanted: RegExp, folder: string): void {
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

/** A wheel that holds libcurl as it is. */
function fromWheel(wheel: Wheel, wanted: RegExp, library: RegExp): Recipe {
  return { pin: wheel.sha256, library, fetch: (folder) => unpackWheel(wheel, wanted, folder) };
}

/** What the wrapper takes from Python at link time and never calls as a libcurl. */
const PYTHON_FUNCTIONS = [
  ...["PyArg_UnpackTuple", "PyErr_Occurred", "PyEval_RestoreThread", "PyEval_SaveThread", "PyImport_ImportModule"],
  ...[
    "PyLong_FromLong",
    "PyLong_FromVoidPtr",
    "PyObject_CallMethod",
    "PyObject_Free",
    "PyObject_Malloc",
    "_Py_Dealloc",
  ],
];

/**
 * A wheel whose Python module has all of libcurl inside: a shared object of empty functions stands in for Python. Each
 * gets a name of its own, so that one process may open several.
 */
function fromWrapper(version: string, wheel: Wheel): Recipe {
  const wrapper = `libcurl-impersonate-${version}-wrapper.so`;
  return {
    pin: wheel.sha256,
    library: /\/libcurl-impersonate\.so$/,
    fetch(folder) {
      unpackWheel(wheel, /^curl_cffi\/_wrapper\.abi3\.so$/, folder);
      renameSync(join(folder, "curl_cffi", "_wrapper.abi3.so"), join(folder, wrapper));
      const stub = PYTHON_FUNCTIONS.map((name) => `void ${name}(void) {}\n`).join("") + "char _Py_NoneStruct[64];\n";
      writeFileSync(join(folder, "stub.c"), stub);
      const args = ["-shared", "-fPIC", "-w", "-o", "libcurl-impersonate.so", "stub.c", "-L.", `-l:${wrapper}`];
      args.push(`-Wl,--no-as-needed,-soname,libcurl-impersonate-${version}.so`, "-Wl,-rpath,$ORIGIN");
      // The flags count only for the libraries after them.
      run("cc", ["-Wl,--no-as-needed", ...args], folder);
    },
  };
}

/** Debian 12's backport, by apt: what it needs beside it must be what the system's own libcurl needs. */
function fetchBackport(folder: string): void {
  const SUITE = "bookworm-backports";
  const targets = run("apt-get", ["indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)"], folder);
  const own = targets.split("\n").map((line) => line.split(" ")).find(([, codename, component]) =>
    codename === "bookworm" && component === "main"
  );
  if (own === undefined) throw new Error("this is not Debian 12 (bookworm)");
  // Lists of our own: the machine's sources stay as they are.
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  const signed = existsSync(keyring) ? `[signed-by=${keyring}] ` : "";
  writeFileSync(join(folder, "apt.list"), `deb ${signed}${own[0]} ${SUITE} main\n`);
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
  // apt checks the package against the archive's signature.
  apt("--quiet", "download", `libcurl4/${SUITE}`);
  const deb = readdirSync(folder).find((name) => name.endsWith(".deb")) ?? "";
  if (!deb.includes("_8.14.1-")) throw new Error(`${SUITE} has ${deb}, and not 8.14.1`);
  run("dpkg", ["-x", deb, "."], folder);
  for (const path of [deb, "apt", "apt.list"]) rmSync(join(folder, path), { recursive: true });
  const library = files(folder).find((path) => RECIPES["8.14.1"].library.test(path)) ?? "";
  const missing = run("ldd", [library], folder).split("\n").filter((line) => line.includes("not found"));
  if (missing.length > 0) throw new Error(`it needs ${missing.map((line) => line.trim().split(" ")[0]).join(", ")}`);
}
