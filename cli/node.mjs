#!/usr/bin/env node
// What `npx curlws` and `bunx curlws` start. The library needs the FFI of Deno or Bun: under one of them this is the
// command itself, under Node it hands over to whichever is there. CURLWS_RUNTIME says which: deno, bun, or a path.
import { spawn } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
// Built for npm, or the source.
const script = ["mod.js", "mod.ts"].map((name) => join(here, name)).find((path) => existsSync(path));
const args = process.argv.slice(2);

/** The path of a program on PATH, or in the node_modules/.bin of a folder above this one; else undefined. */
function find(name) {
  const files = process.platform === "win32" ? [`${name}.exe`] : [name];
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  for (let folder = here; folder !== dirname(folder); folder = dirname(folder)) {
    folders.push(join(folder, "node_modules", ".bin"));
  }
  return folders.flatMap((folder) => files.map((file) => join(folder, file))).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function fail(message) {
  console.error(`curlws: ${message}`);
  process.exit(1);
}

function chosen() {
  const asked = process.env.CURLWS_RUNTIME;
  if (asked) {
    const path = /[\\/]/.test(asked) ? asked : find(asked);
    if (path !== undefined && existsSync(path)) return path;
    fail(`CURLWS_RUNTIME names ${JSON.stringify(asked)}, which is not there`);
  }
  return find("bun") ?? find("deno") ??
    fail("it runs on Bun or Deno, not on Node, and neither was found; install one of them: npm install --global bun");
}

function handOver() {
  const runtime = chosen();
  const command = basename(runtime).startsWith("deno") ? ["run", "-A", script] : [script];
  // From Node 22.15 on this process can become the other one, and nothing is left between.
  if (process.execve !== undefined && process.platform !== "win32") {
    try {
      process.execve(runtime, [runtime, ...command, ...args], process.env);
    } catch {
      // A child does as well.
    }
  }
  const child = spawn(runtime, [...command, ...args], { stdio: "inherit" });
  child.on("error", (error) => fail(`${runtime} does not start: ${error.message}`));
  child.on(
    "exit",
    (code, signal) => signal === null ? process.exit(code) : process.exit(signal === "SIGINT" ? 130 : 143),
  );
  // A terminal sends Ctrl-C to both, and to the command a second one means that it is to end at once.
  const terminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGINT" || !terminal) child.kill(signal);
    });
  }
}

if (script === undefined) fail("its own files are missing: install it again");
else if ("Deno" in globalThis || process.versions.bun !== undefined) {
  const { main } = await import(script);
  process.exit(await main(args));
} else handOver();
