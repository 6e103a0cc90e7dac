/** Runs the test of docs/testing.md, of the runtime under test, in a project of its own. */
import { assert } from "@std/assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { test } from "../support/testing.ts";
import { blocksOf } from "./support/markdown.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const [bot, ofDeno, ofBun] = blocksOf("docs/testing.md", readFileSync(join(ROOT, "docs", "testing.md"), "utf8"));

test("the test of docs/testing.md passes, with the sanitizers on", () => {
  const onDeno = "Deno" in globalThis;
  const folder = mkdtempSync(join(tmpdir(), "curlws-testing-"));
  try {
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
    const root = ROOT.replaceAll("\\", "/").replace(/\/$/, "");
    write("bot.ts", bot!.code);
    if (onDeno) {
      write("deno.json", JSON.stringify({ links: [root] }));
      const sanitized = ofDeno!.code.replace(
        /Deno\.test\((".+"), /,
        "Deno.test($1, { sanitizeOps: true, sanitizeResources: true }, ",
      );
      assert(sanitized !== ofDeno!.code);
      write("bot_test.ts", sanitized);
    } else {
      write("tsconfig.json", JSON.stringify({ compilerOptions: { paths: { "@curlws/curlws": [`${root}/mod.ts`] } } }));
      write("bot.test.ts", ofBun!.code);
    }
    const env = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
    const flags = ["test", "--no-check", "--allow-ffi", "--allow-net", "--no-prompt"];
    // Not by node:child_process, which gives another Deno the permissions of this one.
    const { stdout, stderr } = onDeno
      ? new Deno.Command(process.execPath, { args: flags, cwd: folder, env }).outputSync()
      : spawnSync(process.execPath, ["test"], { cwd: folder, env: { ...process.env, ...env } });
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert(/\b1 pass(ed)?\b/.test(said) && /\b0 fail(ed)?\b/.test(said), said);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
