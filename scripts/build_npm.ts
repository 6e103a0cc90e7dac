/**
 * Builds the npm package into dist/npm, a JavaScript file and a declaration for each TypeScript file, packs it, and says
 * how large it is. All that package.json says comes from deno.json.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { findTool, ROOT, run, type Tool } from "./tools.ts";

/** The parts of deno.json that go into the package. */
interface DenoConfig {
  name: string;
  version: string;
  description: string;
  license: string;
  exports: Record<string, string>;
  imports: Record<string, string>;
}

/** A condition's file, or the files by condition. */
type Export = string | Record<string, string>;

/** The package's package.json. */
export interface Manifest {
  name: string;
  version: string;
  exports: Record<string, Export>;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  [field: string]: unknown;
}

const TIMEOUT = 120_000;
const DOCUMENTS = ["README.md", "LICENSE", "CHANGELOG.md"];
/** What `npx curlws` starts: it is run by Node, and hands over to Deno or Bun. */
const COMMAND = "cli/node.mjs";

function config(): DenoConfig {
  return JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8"));
}

/** The built file of a TypeScript file. */
function built(path: string, suffix: ".js" | ".d.ts"): string {
  return path.replace(/\.ts$/, suffix);
}

/** Builds package.json from deno.json. */
export function manifest(): Manifest {
  const { name, version, description, license, exports, imports } = config();
  const entries = Object.entries(exports);
  return {
    name,
    version,
    description,
    keywords: ["websocket", "libcurl", "curl", "deno", "bun", "ffi", "impersonate"],
    license,
    ...repository(),
    type: "module",
    // All conditions have the same file, which detects the runtime. Tools read from the conditions where a package runs.
    exports: {
      ...Object.fromEntries(entries.map(([key, path]) => {
        const file = built(path, ".js");
        return [key, { types: built(path, ".d.ts"), deno: file, bun: file, default: file }];
      })),
      "./package.json": "./package.json",
    },
    bin: { curlws: COMMAND },
    // Bundlers may drop unused parts of every other file.
    sideEffects: [...new Set([...entries.map(([, path]) => built(path, ".js")), "./runtimes/mod.js", "./cli/**"])],
    engines: { deno: ">=2.9", bun: ">=1.4" },
    dependencies: dependencies(imports),
  };
}

/** The imports that are packages of npm; an import that has another name than its package would not be found. */
function dependencies(imports: Record<string, string>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, target] of Object.entries(imports)) {
    if (!target.startsWith("npm:")) continue;
    const [, id, range] = /^npm:(@?[^@]+)@(.+)$/.exec(target) ?? [];
    if (id !== name) throw new Error(`deno.json imports "${name}" as "${target}": npm needs one name for both`);
    found[name] = range!;
  }
  return found;
}

/** npm accepts provenance only for a package that names the repository it is built in. */
function repository(): { repository?: { type: string; url: string } } {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env;
  if (!GITHUB_SERVER_URL || !GITHUB_REPOSITORY) return {};
  return { repository: { type: "git", url: `git+${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}.git` } };
}

async function tool(name: Tool, args: string[]): Promise<string> {
  const path = findTool(name);
  if (path === undefined) throw new Error(`${name} is neither in node_modules nor on the PATH`);
  const { ok, output } = await run(path, args, TIMEOUT);
  if (!ok) throw new Error(`${name} ${args.join(" ")} failed:\n${output}`);
  return output;
}

/** Builds the package into a folder, which is emptied before. */
export async function buildNpm(folder: string): Promise<Manifest> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await tool("tsc", ["-p", "tsconfig.npm.json", "--outDir", folder]);
  versionFromPackage(folder);
  for (const document of DOCUMENTS) copyFileSync(join(ROOT, document), join(folder, document));
  copyFileSync(join(ROOT, COMMAND), join(folder, COMMAND));
  const made = manifest();
  writeFileSync(join(folder, "package.json"), JSON.stringify(made, null, 2) + "\n");
  return made;
}

/**
 * The compiler copies deno.json if a module reads the version from it. Its settings are not for users, and Deno does not treat
 * a folder with a deno.json as an npm package. So the built modules read the version from package.json.
 */
function versionFromPackage(folder: string): void {
  if (!existsSync(join(folder, "deno.json"))) return;
  rmSync(join(folder, "deno.json"));
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!/\.(js|d\.ts)$/.test(name)) continue;
    const path = join(folder, name);
    const code = readFileSync(path, "utf8");
    const changed = code.replace(/"((?:\.\.?\/)+)deno\.json"/g, '"$1package.json"');
    if (changed !== code) writeFileSync(path, changed);
  }
}

/** Packs a built package. Returns the tarball's path. */
export async function packNpm(folder: string, destination: string): Promise<string> {
  const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
  // The name that npm gives it.
  const tarball = join(destination, `${name.replace(/^@/, "").replace("/", "-")}-${version}.tgz`);
  await tool("bun", ["pm", "--cwd", folder, "pack", "--ignore-scripts", "--filename", tarball]);
  return tarball;
}

/** The total size of the files of a folder, in bytes, and their number. */
function measure(folder: string): { bytes: number; files: number } {
  const sizes = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .filter((stat) => stat.isFile())
    .map((stat) => stat.size);
  return { bytes: sizes.reduce((sum, size) => sum + size, 0), files: sizes.length };
}

if (import.meta.main) {
  const folder = join(ROOT, "dist", "npm");
  const { name, version } = await buildNpm(folder);
  const tarball = await packNpm(folder, join(ROOT, "dist"));
  const { bytes, files } = measure(folder);
  const kib = (size: number) => `${(size / 1024).toFixed(0)} KiB`;
  console.log(`${name} ${version}: ${files} files, ${kib(bytes)} in dist/npm`);
  console.log(`dist/${basename(tarball)}: ${kib(statSync(tarball).size)}`);
}
