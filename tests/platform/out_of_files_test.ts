import { assertEquals } from "@std/assert";
import "../../runtimes/mod.ts";
import { noHandle, outOfFiles } from "../../src/platform/out_of_files.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

test("a process with descriptors left is not out of them, and a handle is missing for another reason", () => {
  for (let round = 0; round < 100; round++) assertEquals(outOfFiles(), false);
  assertEquals(noHandle().code, "ERR_LIBCURL");
});

test("a process is out of them when no connection could be made any more, until some are closed", async () => {
  const [libc, outOfFilesModule] = ["libc", "out_of_files"]
    .map((name) => JSON.stringify(new URL(`../../src/platform/${name}.ts`, import.meta.url).href));
  const output = await runScript(
    "",
    `const { openLibc } = await import(${libc});
    const { noHandle, outOfFiles } = await import(${outOfFilesModule});
    const { dup, close } = openLibc({
      dup: { parameters: ["i32"], result: "i32" },
      close: { parameters: ["i32"], result: "i32" },
    });
    const lines = [outOfFiles()];
    const fds = [];
    for (let fd = dup(2); fd >= 0; fd = dup(2)) fds.push(fd);
    lines.push(outOfFiles(), noHandle().code);
    close(fds.pop());
    lines.push(outOfFiles());
    for (const fd of fds) close(fd);
    lines.push(outOfFiles());
    console.log(lines.join(" "));`,
    { openFiles: 200 },
  );
  // One that is left is not enough: a connection takes three while it is made.
  assertEquals(output, "false true ERR_TOO_MANY_OPEN_FILES true false");
}, { skip: runtime().os === "windows" ? "Windows has no such limit" : undefined });
