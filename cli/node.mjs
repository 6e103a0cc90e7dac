#!/usr/bin/env node
// The `curlws` command of the npm package. `npx` and an installed command start it on Node, which has no FFI that the
// library uses: it hands over to Deno or Bun, whichever is on the PATH. On those two it is the command itself.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

// Beside it is JavaScript in the package, TypeScript in a clone.
const main = ["./mod.js", "./mod.ts"].map((name) => new URL(name, import.meta.url)).find((url) => existsSync(url));
const args = process.argv.slice(2);

function start(command, before) {
  return new Promise((resolve) => {
    const child = spawn(command, [...before, fileURLToPath(main), ...args], { stdio: "inherit" });
    // Ctrl-C reaches the child by the terminal; a signal to this process alone has to be passed on.
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    const pass = (signal) => child.kill(signal);
    for (const signal of signals) process.on(signal, pass);
    child.once("error", (error) => resolve(error.code === "ENOENT" ? undefined : 1));
    child.once("exit", (code, signal) => {
      for (const name of signals) process.off(name, pass);
      if (signal !== null) process.kill(process.pid, signal);
      resolve(code ?? 1);
    });
  });
}

if (process.versions.deno || process.versions.bun) {
  process.exitCode = await (await import(main.href)).main(args);
} else {
  process.exitCode = await start("deno", ["run", "-A"]) ?? await start("bun", []) ?? 127;
  if (process.exitCode === 127) {
    console.error(
      "curlws: this command runs on Deno or Bun, and neither is on the PATH; install one: https://deno.com, https://bun.com",
    );
  }
}
