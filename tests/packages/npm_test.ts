import { assert, assertEquals } from "@std/assert";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { publint } from "publint";
import { ROOT } from "../../scripts/tools.ts";
import { findProgram } from "../support/programs.ts";
import { test } from "../support/testing.ts";
import {
  exec,
  Folder,
  installed,
  installerEnv,
  NAME,
  npmPackage,
  ON_DENO,
  readmeExample,
  Registry,
  served,
} from "./support.ts";

const node = findProgram("node", "node.exe");
const whyNoNode = node === undefined ? "there is no Node" : undefined;

test("the npm package has what deno.json says, and nothing of development", async () => {
  const { folder, manifest } = await npmPackage();
  const config = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8"));
  for (const field of ["name", "version", "description", "license"]) {
    assertEquals(manifest[field], config[field], field);
  }
  // JSR's limit.
  assert(config.description.length <= 250);
  assertEquals(Object.keys(manifest.exports), [...Object.keys(config.exports), "./package.json"]);
  for (const target of Object.values(manifest.exports)) {
    for (const path of typeof target === "string" ? [target] : Object.values(target)) {
      assert(existsSync(join(folder, path)), `${path} is not in the package`);
    }
  }
  assert(!("devDependencies" in manifest) && !("scripts" in manifest));
  for (const name of ["README.md", "LICENSE", "CHANGELOG.md"]) assert(existsSync(join(folder, name)), name);
  for (const name of ["tests", "scripts", "deno.json"]) assert(!existsSync(join(folder, name)), name);
});

test("publint finds nothing in the npm package", async () => {
  const { folder } = await npmPackage();
  const { messages } = await publint({ pkgDir: folder, pack: false, strict: true });
  assertEquals(messages.filter(({ type }) => type !== "suggestion"), []);
});

test("are-the-types-wrong finds the types right for ES modules", async () => {
  const { tarball } = await npmPackage();
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(tarball))));
  assert(analysis.types !== false, "the package has no types");
  // The package is for ES modules only: CommonJS gets what `require()` of an ES module gives.
  const esm = analysis.problems.filter((problem) =>
    problem.kind !== "CJSResolvesToESM" && !("resolutionKind" in problem && problem.resolutionKind.startsWith("node10"))
  );
  assertEquals(esm, []);
}, { timeout: 60_000 });

test("a fresh project installs the npm package by name and runs README's example", async () => {
  using folder = new Folder();
  await installed(folder);
  const output = await served((url) => {
    folder.write("main.ts", readmeExample(url));
    // Types are checked too, as somebody does who has just begun.
    return exec([process.execPath, ...(ON_DENO ? ["run", "-A", "--check"] : ["run"]), "main.ts"], folder.path, {
      env: { DENO_DIR: folder.at("cache") },
    });
  });
  assertEquals(output.out.trim(), "hello");
}, { timeout: 60_000 });

test("a fresh project installs the npm package from its tarball and runs README's example", async () => {
  using folder = new Folder();
  const packed = await npmPackage();
  await using registry = await Registry.start(packed);
  const env = installerEnv(registry.url, folder);
  if (ON_DENO) {
    // Deno knows no tarballs; what is unpacked is a folder that it links.
    folder.write("deno.json", JSON.stringify({ nodeModulesDir: "auto", links: [packed.folder] }));
    folder.write("package.json", JSON.stringify({ dependencies: { [NAME]: packed.manifest.version } }));
    await exec([process.execPath, "install"], folder.path, { env });
  } else {
    folder.write("package.json", "{}");
    await exec([process.execPath, "add", packed.tarball], folder.path, { env });
  }
  const output = await served((url) => {
    folder.write("main.ts", readmeExample(url));
    return exec([process.execPath, "run", ...(ON_DENO ? ["-A"] : []), "main.ts"], folder.path, { env });
  });
  assertEquals(output.out.trim(), "hello");
}, { timeout: 60_000 });

test("the package's command runs on this runtime, and by Node where this runtime is on the PATH", async () => {
  using folder = new Folder();
  await installed(folder);
  const bin = join(folder.path, "node_modules", NAME, "cli", "node.mjs");
  const direct = await exec([process.execPath, "run", ...(ON_DENO ? ["-A"] : []), bin, "--help"], folder.path);
  assert(direct.out.includes("curlws"), direct.out);
  if (node === undefined) return;
  // The executable may have another name than the command: npm's package of Bun calls it bun.exe everywhere.
  const path = folder.at("path");
  mkdirSync(path);
  symlinkSync(process.execPath, join(path, (ON_DENO ? "deno" : "bun") + (process.platform === "win32" ? ".exe" : "")));
  assertEquals((await exec([node, bin, "--help"], folder.path, { env: { PATH: path } })).out, direct.out);
  // An empty folder as the PATH: neither is there.
  const neither = await exec([node, bin, "--help"], folder.path, { env: { PATH: folder.at("cache") }, code: 1 });
  assert(/Bun or Deno/.test(neither.err), neither.err);
}, { timeout: 60_000 });

test("the command is started and installed by its package's name, as docs/command.md says", async () => {
  using folder = new Folder();
  await using registry = await Registry.start(await npmPackage());
  const at = folder.at("home");
  const env = { ...installerEnv(registry.url, folder), HOME: at, BUN_INSTALL: at, DENO_INSTALL_ROOT: at };
  const started = ON_DENO
    ? await exec([process.execPath, "x", "-y", "-A", `npm:${NAME}`, "--version"], folder.path, { env })
    : await exec([process.execPath, "x", "--bun", NAME, "--version"], folder.path, { env });
  assertEquals(started.out.split(" ")[0], "curlws");
  const install = ON_DENO ? ["install", "-g", "-A", `npm:${NAME}`] : ["add", "-g", NAME];
  await exec([process.execPath, ...install], folder.path, { env });
  assertEquals(readdirSync(join(at, "bin")).filter((name) => name.startsWith("curlws")).length, 1);
}, { timeout: 60_000, skip: process.platform === "win32" ? "the names of the launchers are others" : undefined });

test("on plain Node the package loads, and says at the first use where it runs", async () => {
  const { folder } = await npmPackage();
  const script = `import { CurlWebSocket } from ${JSON.stringify(join(folder, "mod.js"))};
    try { new CurlWebSocket("ws://127.0.0.1:1"); } catch ({ name, code, message }) { console.log(name, code, message); }`;
  const { out } = await exec([node!, "--input-type=module", "-e", script], folder);
  assert(/^CurlWebSocketError ERR_RUNTIME curlws runs on Deno and on Bun, not on Node v\d/.test(out), out);
}, { skip: whyNoNode });
