/** Runs the test of docs/testing.md, of the runtime under test, in a project of its own. */
import { assert, assertEquals } from "@std/assert";
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
    const args = onDeno ? ["test", "--no-check", "--allow-ffi", "--allow-net", "--no-prompt"] : ["test"];
    const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", env });
    assertEquals(status, 0, `${stdout}${stderr}`);
    assert(/1 pass/.test(`${stdout}${stderr}`), `${stdout}${stderr}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
