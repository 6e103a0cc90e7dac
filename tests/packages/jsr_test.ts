/** The package that JSR gets: the files that a dry run of `deno publish` lists, and those alone. */
import { assert, assertEquals } from "@std/assert";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { ROOT } from "../../scripts/tools.ts";
import { test } from "../support/testing.ts";
import { exec, Folder, NAME, ON_DENO, publishedFiles, readmeExample, served } from "./support.ts";

const skip = ON_DENO ? undefined : "deno publish is Deno's";
const config: { version: string; exports: Record<string, string> } = JSON.parse(
  readFileSync(join(ROOT, "deno.json"), "utf8"),
);

test("JSR gets the modules and documents, and nothing of development", async () => {
  const files = await publishedFiles();
  for (const path of [...Object.values(config.exports).map((path) => path.slice(2)), "README.md", "LICENSE"]) {
    assert(files.includes(path), `${path} is not published`);
  }
  const others = files.filter((path) => !/^(src|runtimes|ws|cli)\/|^\w+\.ts$|^deno\.json$|^[A-Z]+(\.md)?$/.test(path));
  assertEquals(others, []);
  assertEquals(files.filter((path) => path.endsWith("_test.ts")), []);
}, { skip });

test("a fresh Deno project that has JSR's files alone runs README's example", async () => {
  using folder = new Folder();
  for (const path of await publishedFiles()) {
    const to = folder.at("package", path);
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(join(ROOT, path), to);
  }
  const imports = Object.fromEntries(
    Object.entries(config.exports).map(([key, path]) => [NAME + key.slice(1), `../package/${path.slice(2)}`]),
  );
  folder.write("project/deno.json", JSON.stringify({ imports }));
  const { out } = await served((url) => {
    folder.write("project/main.ts", readmeExample(url));
    return exec([process.execPath, "run", "--allow-ffi", "main.ts"], folder.at("project"));
  });
  assertEquals(out.trim(), "hello");
}, { skip, timeout: 60_000 });

test("each module and symbol that JSR scores is documented", async () => {
  for (const path of Object.values(config.exports)) {
    const { out } = await exec([process.execPath, "doc", "--json", path], ROOT);
    const { nodes } = JSON.parse(out) as { nodes: Record<string, { module_doc?: { doc?: string } }> };
    const [module] = Object.values(nodes);
    assert((module?.module_doc?.doc ?? "") !== "", `${path} has no module documentation`);
    await exec([process.execPath, "doc", "--lint", path], ROOT);
  }
}, { skip, timeout: 60_000 });
