import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { findTool, run } from "../../scripts/tools.ts";
import { test } from "../support/testing.ts";

test("messages of fifty connections with faults at random arrive where they belong, in order", async () => {
  const tool = "Deno" in globalThis ? "deno" : "bun";
  const program = fileURLToPath(new URL("./crossing.ts", import.meta.url));
  const args = tool === "deno" ? ["run", "-A", "--no-check", program] : [program];
  const { ok, output } = await run(findTool(tool)!, [...args, "--messages", "20000"], 100_000);
  // It prints its seed, and each message that arrived at the wrong connection.
  assertEquals(ok ? "" : output, "");
}, { timeout: 110_000 });
