/** Deno's permission to call C: one question, which a yes answers, and an error that says what to answer. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { Folder } from "../packages/support.ts";
import { findProgram } from "../support/programs.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { output, runUser } from "../support/user_program.ts";

const whyNotDeno = "Deno" in globalThis ? undefined : "Bun has no permissions";
const python = findProgram("python3");

/** Runs a command in a terminal of its own and gives each question for permission the same answer. */
const TERMINAL = `
import os, pty, re, select, sys
answer, command = sys.argv[1], sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
shown, read, waits = "", 0, 0
while waits < 80:
    if select.select([terminal], [], [], 0.25)[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data.decode(errors="replace")
        if re.search("^\\W*(Granted|Denied) ", shown[read:], re.M):
            read = len(shown)
    else:
        waits += 1
    # Deno throws away what was typed before it reads, and does not tell when it does: once more, until it answers.
    if "Allow?" in shown[read:]:
        os.write(terminal, (answer + "\\n").encode())
print(re.sub("\\x1b\\\\[[0-9;?]*[A-Za-z]", "", shown))
`;

async function inTerminal(answer: string, flags: string[], url: string): Promise<string> {
  using folder = new Folder();
  const module = new URL("../../mod.ts", import.meta.url).href;
  writeFileSync(folder.at("terminal.py"), TERMINAL);
  writeFileSync(
    folder.at("user.ts"),
    `import { CurlWebSocket } from ${JSON.stringify(module)};
    for (let i = 0; i < 2; i++) {
      try {
        const socket = new CurlWebSocket(${JSON.stringify(url)});
        socket.onopen = () => { console.log("opened"); socket.close(); };
        await new Promise((resolve) => socket.onclose = resolve);
      } catch (error) { console.log(error.code, error.message); }
    }`,
  );
  const command = [process.execPath, "run", "--quiet", "--no-check", ...flags, folder.at("user.ts")];
  return await output(python!, [folder.at("terminal.py"), answer, ...command], { NO_COLOR: "1" });
}

const count = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].length;

test("Deno asks one question for the whole of FFI, and a yes is enough for every socket", async () => {
  await using server = await WsServer.start();
  for (const flags of [[], ["--allow-ffi=libcurl.so.4"]]) {
    const shown = await inTerminal("y", flags, server.url("/echo"));
    // The terminal may show a late answer in front of it.
    assertEquals([count(shown, /Allow\?/g), count(shown, /opened/g)], [1, 2], shown);
    assertMatch(shown, /Deno requests ffi access\./);
  }
}, { skip: whyNotDeno ?? (python === undefined ? "there is no python3" : undefined), timeout: 60_000 });

test("a no to Deno's question is ERR_FFI_PERMISSION, and is not asked again", async () => {
  const shown = await inTerminal("n", [], "ws://127.0.0.1:9/");
  assertEquals([count(shown, /Allow\?/g), count(shown, /ERR_FFI_PERMISSION /g)], [1, 2], shown);
}, { skip: whyNotDeno ?? (python === undefined ? "there is no python3" : undefined), timeout: 60_000 });

test("where Deno cannot ask, the error says what to run and what to answer", async () => {
  for (const flags of [[], ["--deny-ffi"], ["--allow-ffi=/usr/lib"], ["--allow-ffi=libcurl.so.4"]]) {
    const shown = await runUser(["run", "--no-check", "--no-prompt", ...flags], {}, "libcurl()");
    assert(shown.startsWith("ERR_FFI_PERMISSION "), shown);
    for (const words of ["run it with --allow-ffi", 'answer y when Deno asks for "ffi access"', "--allow-ffi=FILE"]) {
      assert(shown.includes(words), shown);
    }
  }
}, { skip: whyNotDeno, timeout: 30_000 });

test("a program that gives its permission up while it is connected can still close", async () => {
  await using server = await WsServer.start();
  const shown = await runUser(
    ["run", "--no-check", "--no-prompt", "--allow-all"],
    {},
    `const socket = new CurlWebSocket(${JSON.stringify(server.url("/echo"))}, { perMessageDeflate: false });
    await new Promise((resolve) => socket.onopen = resolve);
    await Deno.permissions.revoke({ name: "ffi" });
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.close(1000);
    const { code, wasClean } = await closed;
    console.log(code, wasClean)`,
  );
  assertEquals(shown, "1000 true\n");
}, { skip: whyNotDeno, timeout: 30_000 });
