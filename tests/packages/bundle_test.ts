/** Programs in one file: bundles and compiled programs, made of the installed package and run from another folder. */
import { assertEquals } from "@std/assert";
import process from "node:process";
import { findTool } from "../../scripts/tools.ts";
import { test } from "../support/testing.ts";
import { exec, Folder, installed, NAME, ON_DENO, served } from "./support.ts";

const PROGRAM = `import process from "node:process";
import { CurlWebSocket } from "${NAME}";
const socket = new CurlWebSocket(process.argv.at(-1)!);
for await (const data of socket) console.log(data);
`;

/** Makes a program by a command of this runtime and runs what came of it; `run` comes before its path. */
async function made(command: string[], output: string, run: string[]): Promise<void> {
  using project = new Folder();
  await installed(project);
  project.write("main.ts", PROGRAM);
  await exec([process.execPath, ...command, project.at("main.ts")], project.path);
  using elsewhere = new Folder();
  const file = project.at(output + (run.length === 0 && process.platform === "win32" ? ".exe" : ""));
  // The kernel rings, or else a thread waits, which on Bun is a Worker that has to be found.
  for (const rings of ["", "0"]) {
    const env = { CURLWS_IO_URING: rings };
    const { out } = await served((url) => exec([...run, file, url], elsewhere.path, { env }));
    assertEquals(out.trim(), "hello");
  }
}

/**
 * Why a command of Deno cannot work here: it fetches a part that it needs on first use (esbuild, denort), where that is
 * not in its cache yet.
 */
async function whyNot(command: string, part: string): Promise<string | undefined> {
  using folder = new Folder();
  folder.write("main.ts", "");
  try {
    await exec([process.execPath, command, "--output=out", "main.ts"], folder.path);
  } catch (error) {
    if (String(error).includes(part)) return `deno ${command} needs ${part}, which cannot be fetched`;
  }
  return undefined;
}

const timeout = 60_000;

if (ON_DENO) {
  const skip = await whyNot("bundle", "esbuild");
  const bundle = ["bundle", "--minify", "--keep-names", "--output=out.js"];
  const bun = findTool("bun");

  test("a bundle by deno bundle, minified with names kept, runs on Deno", async () => {
    await made(bundle, "out.js", [process.execPath, "run", "--allow-ffi"]);
  }, { timeout, skip });

  test("a bundle by deno bundle, minified with names kept, runs on Bun", async () => {
    await made(bundle, "out.js", [bun!]);
  }, { timeout, skip: bun === undefined ? "there is no Bun" : skip });

  test("a program by deno compile runs", async () => {
    await made(["compile", "--allow-ffi", "--output=out"], "out", []);
  }, { timeout, skip: await whyNot("compile", "denort") });
} else {
  test("a bundle by bun build, minified, runs", async () => {
    await made(["build", "--target=bun", "--minify", "--outfile=out.js"], "out.js", [process.execPath]);
  }, { timeout });

  test("a program by bun build --compile runs, minified and as bytecode", async () => {
    await made(["build", "--compile", "--minify", "--bytecode", "--format=esm", "--outfile=out"], "out", []);
  }, { timeout });
}
