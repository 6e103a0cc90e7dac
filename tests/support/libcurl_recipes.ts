/** How each libcurl of the suite is downloaded and assembled, by pip or apt. `libcurls.ts` keeps the results. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { files, ownApt, run, unpackWheel, type Wheel } from "./fetched.ts";

/** The name of a libcurl. */
export type LibcurlName =
  | "7.68"
  | "8.14.1"
  | "8.23"
  | "gnutls"
  | "impersonate-7.84"
  | "impersonate-8.21"
  | "impersonate-8.23";

/** How to get one libcurl. */
export interface Recipe {
  /** Identifies the download: if it changes, the libcurl is downloaded again. */
  readonly pin: string;
  /** Where the library lies in its folder. */
  readonly library: RegExp;
  fetch(folder: string): void;
}

/** The recipes by name. */
export const RECIPES: Record<LibcurlName, Recipe> = {
  "7.68": {
    pin: "focal 7.68.0-1ubuntu2 by a name of its own",
    library: /\/libcurl-7\.68\.so$/,
    fetch: fetchOldest,
  },
  gnutls: { pin: "libcurl3-gnutls", library: /\/libcurl-gnutls\.so\.4$/, fetch: fetchGnutls },
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

/** A wheel that contains libcurl as a library. */
function fromWheel(wheel: Wheel, wanted: RegExp, library: RegExp): Recipe {
  return { pin: wheel.sha256, library, fetch: (folder) => unpackWheel(wheel, wanted, folder) };
}

/** The symbols of Python that the module links to, but does not call when used as a libcurl. */
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
 * A wheel whose Python module has all of libcurl inside: a shared object of empty functions takes Python's place. Each
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

function unpackDebs(folder: string): void {
  const debs = readdirSync(folder).filter((name) => name.endsWith(".deb"));
  for (const deb of debs) run("dpkg", ["-x", deb, "."], folder);
  for (const path of [...debs, "apt", "apt.list"]) rmSync(join(folder, path), { recursive: true, force: true });
}

function needNothingMore(library: string, folder: string): void {
  const missing = run("ldd", [library], folder).split("\n").filter((line) => line.includes("not found"));
  if (missing.length > 0) throw new Error(`it needs ${missing.map((line) => line.trim().split(" ")[0]).join(", ")}`);
}

/** Debian 12's backport, by apt: it may depend only on what the system's own libcurl depends on. */
function fetchBackport(folder: string): void {
  const SUITE = "bookworm-backports";
  const targets = run("apt-get", ["indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)"], folder);
  const own = targets.split("\n").map((line) => line.split(" ")).find(([, codename, component]) =>
    codename === "bookworm" && component === "main"
  );
  if (own === undefined) throw new Error("this is not Debian 12 (bookworm)");
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  const signed = existsSync(keyring) ? `[signed-by=${keyring}] ` : "";
  const apt = ownApt(folder, `deb ${signed}${own[0]} ${SUITE} main`);
  // apt checks the package against the archive's signature.
  apt("--quiet", "download", `libcurl4/${SUITE}`);
  const deb = readdirSync(folder).find((name) => name.endsWith(".deb")) ?? "";
  if (!deb.includes("_8.14.1-")) throw new Error(`${SUITE} has ${deb}, and not 8.14.1`);
  unpackDebs(folder);
  needNothingMore(files(folder).find((path) => RECIPES["8.14.1"].library.test(path)) ?? "", folder);
}

/** Debian's libcurl with GnuTLS: the one that is installed, else by apt from the machine's own sources. */
function fetchGnutls(folder: string): void {
  const installed = "/usr/lib/x86_64-linux-gnu/libcurl-gnutls.so.4";
  if (existsSync(installed)) return symlinkSync(installed, join(folder, "libcurl-gnutls.so.4"));
  run("apt-get", ["--quiet", "download", "libcurl3-gnutls"], folder);
  unpackDebs(folder);
  needNothingMore(files(folder).find((path) => RECIPES.gnutls.library.test(path)) ?? "", folder);
}

/** Of Ubuntu 20.04, whose archive's key other systems do not have: so each package is checked by its digest. */
const FOCAL: readonly (readonly [name: string, sha256: string])[] = [
  ["libcurl4", "b5b5368dd97e8d24963a126866d7e796dba00ed8771d5d39efbeebd475fe9e23"],
  ["libssl1.1", "09ee28588a1fb5613ddc6c26a992d5a76931b3cf22c022930da413a5e580599e"],
  ["libssh-4", "af47269d1f307e2b0fed01805705e4718956ed14329d8c5d789e00cf2ebb603b"],
];

/** The oldest version that curlws supports, with an OpenSSL of its time. Empty functions replace LDAP, which is not used. */
function fetchOldest(folder: string): void {
  const apt = ownApt(folder, "deb [trusted=yes] http://archive.ubuntu.com/ubuntu focal main");
  for (const [name, sha256] of FOCAL) {
    apt("--quiet", "download", `${name}/focal`);
    const deb = readdirSync(folder).find((file) => file.startsWith(`${name}_`)) ?? "";
    const digest = createHash("sha256").update(readFileSync(join(folder, deb))).digest("hex");
    if (digest !== sha256) throw new Error(`${deb} has the sha256 ${digest}, and not ${sha256}`);
  }
  unpackDebs(folder);
  const libraries = "usr/lib/x86_64-linux-gnu", curl = `${libraries}/libcurl.so.o`;
  // By its own name, libcurl.so.4, the loader would give the system's to a process that has that already.
  const original = readFileSync(join(folder, libraries, "libcurl.so.4.6.0"), "latin1");
  writeFileSync(join(folder, curl), original.replaceAll("libcurl.so.4\0", "libcurl.so.o\0"), "latin1");
  const functions = run("nm", ["-D", "--undefined-only", curl], folder).match(/\b(?:ldap|ber)_\w+/g) ?? [];
  writeFileSync(join(folder, "ldap.c"), functions.map((name) => `void ${name}(void) {}\n`).join(""));
  writeFileSync(join(folder, "ldap.map"), "OPENLDAP_2.4_2 { global: *; };\n");
  for (const name of ["libldap_r-2.4.so.2", "liblber-2.4.so.2"]) {
    const link = `-Wl,-soname,${name},--version-script=ldap.map`;
    run("cc", ["-shared", "-fPIC", "-w", "-o", `${libraries}/${name}`, "ldap.c", link], folder);
  }
  // It has no path to the libraries beside it. This one's, of the older kind, holds for all that it brings.
  writeFileSync(join(folder, "empty.c"), "void curlws_empty(void) {}\n");
  const args = ["-shared", "-fPIC", "-o", "libcurl-7.68.so", "empty.c", `-L${libraries}`, "-l:libcurl.so.o"];
  args.push("-Wl,--disable-new-dtags,-rpath,$ORIGIN/" + libraries, "-Wl,--unresolved-symbols=ignore-all");
  run("cc", ["-Wl,--no-as-needed", ...args, "-Wl,-soname,libcurl-7.68.so"], folder);
  needNothingMore(join(folder, "libcurl-7.68.so"), folder);
}
