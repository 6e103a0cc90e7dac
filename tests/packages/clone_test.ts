/** A project beside a clone finds the package as docs/getting_started.md says. */
import { assertEquals } from "@std/assert";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "../support/testing.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(join(ROOT, "docs", "getting_started.md"), "utf8");
const [links, map] = [...page.matchAll(/^```json\n([^]*?)^```/gm)].map(([, json]) => json!);
const SKIP = "Deno" in globalThis ? undefined : "it is about Deno's configuration";

/** Runs a program in a fresh project whose clone stands where the page has `../curlws`, with `--allow-ffi` alone. */
function run(config: string, program: string): string {
  const folder = mkdtempSync(join(tmpdir(), "curlws-project-"));
  try {
    // As the path of a Windows folder would be no JSON.
    const root = ROOT.replaceAll("\\", "/").replace(/\/$/, "");
    writeFileSync(join(folder, "deno.json"), config.replaceAll("../curlws", root));
    writeFileSync(join(folder, "main.ts"), program);
    // Not by node:child_process, which gives another Deno the permissions of this one.
    const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-ffi", "--no-prompt", "main.ts"],
      cwd: folder,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    }).outputSync();
    return new TextDecoder().decode(success ? stdout : stderr);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const OPENS = `import { CurlWebSocket, libcurl } from "@curlws/curlws";
import WebSocketOfWs from "@curlws/curlws/ws";
import "@curlws/curlws/global";
console.log(typeof libcurl().version, WebSocketOfWs.name, WebSocket === CurlWebSocket);`;

test('a Deno project with "links" to a clone imports all of the package', () => {
  assertEquals(run(links!, OPENS), "string WebSocket true\n");
  assertEquals(run(links!, 'console.log(typeof (await import("@curlws/curlws/har")).replay);'), "function\n");
}, { skip: SKIP });

test("a Deno project with an import map to a clone imports what the map names", () => {
  assertEquals(run(map!, OPENS), "string WebSocket true\n");
}, { skip: SKIP });
