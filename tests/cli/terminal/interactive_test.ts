import { assertEquals, assertMatch } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { closePayload, frame, Opcode } from "../../support/frames.ts";
import { findProgram } from "../../support/programs.ts";
import { RawServer } from "../../support/raw_server.ts";
import { test } from "../../support/testing.ts";
import { CLI } from "../support.ts";

const tmux = findProgram("tmux");

/** A terminal of 40 columns and 12 lines, with the command in it; `using` ends it. */
class Terminal {
  readonly folder: string = mkdtempSync(join(tmpdir(), "curlws-terminal-"));

  /** `shell`: typed into a shell that stops and continues jobs, else alone. */
  constructor(args: string[], { shell, command: program = CLI }: { shell?: string; command?: string[] } = {}) {
    const words = [...program, ...args].map((word) => `'${word}'`).join(" ");
    const env =
      `env NO_COLOR=1 TERM=screen CURLWS_HISTORY='${this.folder}/history' CURLWS_RUNTIME='${process.execPath}'`;
    writeFileSync(join(this.folder, "run"), `exec ${words}`);
    const command = shell === undefined
      ? `${env} ${words}; echo "exit $?"; exec cat`
      : `cd '${this.folder}'; ${env} PS1='$ ' '${shell}' --norc --noprofile -i`;
    this.#tmux("-f", "/dev/null", "new-session", "-d", "-x", "40", "-y", "12", command);
  }

  #tmux(...args: string[]): string {
    return execFileSync(tmux!, ["-S", join(this.folder, "socket"), ...args], { encoding: "utf8" });
  }

  keys(...keys: string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  get cursor(): string {
    return this.#tmux("display", "-p", "#{cursor_x},#{cursor_y}").trim();
  }

  /** Settles when keys come to the program as they are typed, and not by lines. */
  async raw(): Promise<void> {
    const tty = this.#tmux("display", "-p", "#{pane_tty}").trim();
    while (!execFileSync("stty", ["-F", tty, "-a"], { encoding: "utf8" }).includes("-icanon")) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** The screen, once it is as wanted. */
  async until(wanted: RegExp): Promise<string> {
    for (;;) {
      const screen = this.#tmux("capture-pane", "-p").trimEnd();
      if (wanted.test(screen)) return screen;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  [Symbol.dispose](): void {
    this.#tmux("kill-server");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const skip = tmux === undefined ? "tmux is not on this machine" : undefined;

test("in a terminal a message does not disturb the line being typed, and Ctrl-C closes", async () => {
  await using server = await RawServer.start();
  using terminal = new Terminal([server.url("/chat?hunter2").replace("//", "//joe:hunter2@")]);
  const peer = await server.connection();
  await peer.accept();
  assertEquals(/joe|hunter2/.test(await terminal.until(/^> ?$/m)), false);
  // A line of two rows, with the cursor in its first one.
  const long = "a line that is longer than the terminal is wide";
  terminal.keys("-l", long);
  await terminal.until(/wide$/);
  terminal.keys("Home", "Right");
  await peer.send(frame(Opcode.text, "one"));
  await peer.send(frame(Opcode.text, "two\x1b[2J\n> x\u202e"));
  const screen = await terminal.until(/two/);
  const shown = `> ${long}`;
  assertEquals(screen.split("\n").slice(-5), [
    "< one",
    "< two\\x1b[2J",
    "  > x\\u202e",
    shown.slice(0, 40),
    shown.slice(40),
  ]);
  // The cursor is where it was: what is typed goes there.
  terminal.keys("-l", "!");
  await terminal.until(/^> a!/m);
  terminal.keys("Enter");
  assertEquals(new TextDecoder().decode((await peer.frame())!.payload), `a!${long.slice(1)}`);
  // The history brings it back.
  terminal.keys("Up");
  await terminal.until(/wide\n> a![^]*wide$/);
  terminal.keys("C-c");
  assertEquals([...(await peer.closeFrame()).payload], [...closePayload(1000)]);
  await peer.send(frame(Opcode.close, closePayload(1000)));
  peer.end();
  await terminal.until(/exit 0$/);
  assertEquals(readFileSync(join(terminal.folder, "history"), "utf8"), `a!${long.slice(1)}\n`);
  assertEquals(statSync(join(terminal.folder, "history")).mode & 0o777, 0o600);
}, { skip });

test("in a terminal JSON is indented, --slash enables /ping and /close, and Ctrl-D closes", async () => {
  await using server = await RawServer.start();
  using terminal = new Terminal(["--json", "--slash", server.url()]);
  const peer = await server.connection();
  await peer.accept();
  await peer.send(frame(Opcode.text, '{"a":[1]}'));
  await terminal.until(/< \{\n {2}"a": \[\n {4}1\n {2}\]\n\}\n>/);
  terminal.keys("-l", "/ping x");
  terminal.keys("Enter");
  const ping = (await peer.frame())!;
  assertEquals([ping.opcode, new TextDecoder().decode(ping.payload)], [Opcode.ping, "x"]);
  terminal.keys("-l", "/close 4000 bye");
  terminal.keys("Enter");
  assertEquals([...(await peer.closeFrame()).payload], [...closePayload(4000, "bye")]);
  await peer.send(frame(Opcode.close, closePayload(4000)));
  peer.end();
  assertMatch(await terminal.until(/exit \d+$/), /exit 0$/);
  using other = new Terminal([server.url()]);
  const second = await server.connection();
  await second.accept();
  await other.until(/^> ?$/m);
  other.keys("C-d");
  await second.closeFrame();
  await second.send(frame(Opcode.close, closePayload(1000)));
  second.end();
  await other.until(/exit 0$/);
}, { skip });

/** Finds a text that the terminal may have wrapped anywhere; tmux drops spaces at the end of a line. */
const wrapped = (text: string) => new RegExp(text.replace(/./g, (char) => char === " " ? "\\s*" : `${char}\\n?`));

test(
  "in a terminal the prompt survives its connection; a line typed meanwhile is refused",
  async () => {
    await using server = await RawServer.start();
    using terminal = new Terminal(["--reconnect", "--max-delay", "20ms", "--slash", server.url()]);
    const first = await server.connection();
    await first.accept();
    await terminal.until(/^> ?$/m);
    terminal.keys("-l", "half");
    await terminal.until(/^> half$/m);
    first.end();
    const second = await server.connection();
    await terminal.until(wrapped("; connecting again"));
    await terminal.until(/^> half$/m);
    terminal.keys("-l", " a line");
    terminal.keys("Enter");
    await terminal.until(wrapped("the line was not sent; the arrow up brings it back"));
    terminal.keys("-l", "/ping");
    terminal.keys("Enter");
    await terminal.until(wrapped("the ping was not sent"));
    await second.accept();
    await terminal.until(wrapped("gap from "));
    terminal.keys("Up");
    terminal.keys("Up");
    await terminal.until(/^> half a line$/m);
    terminal.keys("Enter");
    assertEquals(new TextDecoder().decode((await second.frame())!.payload), "half a line");
    // Ctrl-C ends it, also while no connection is open.
    second.end();
    await server.connection();
    terminal.keys("C-c");
    await terminal.until(/exit 0$/);
  },
  { skip },
);

const bash = findProgram("bash"), node = findProgram("node");
const skipJobs = skip ?? (bash === undefined || node === undefined ? "bash or node is not on this machine" : undefined);

test("Ctrl-Z stops the command and its parent; fg restores the line being typed", async () => {
  await using server = await RawServer.start();
  const wrapper = fileURLToPath(new URL("../../../cli/node.mjs", import.meta.url));
  // Once by itself, once behind node.mjs and a shell, as npm starts it.
  for (const command of [CLI, [node!, wrapper]]) {
    using terminal = new Terminal([server.url()], { shell: bash!, command });
    await terminal.until(/^\$ ?$/m);
    terminal.keys("-l", "sh -c '. ./run; true'");
    terminal.keys("Enter");
    const peer = await server.connection();
    await peer.accept();
    await terminal.until(/^> ?$/m);
    terminal.keys("-l", "half");
    await terminal.until(/^> half$/m);
    terminal.keys("C-z");
    await terminal.until(/Stopped[^]*^\$ ?$/m);
    await peer.send(frame(Opcode.text, "one"));
    terminal.keys("-l", "fg");
    terminal.keys("Enter");
    await terminal.until(/^\$ fg\n[^]*< one\n> half$/m);
    terminal.keys("-l", " a line");
    terminal.keys("Enter");
    assertEquals(new TextDecoder().decode((await peer.frame())!.payload), "half a line");
    terminal.keys("C-c");
    await peer.closeFrame();
    await peer.send(frame(Opcode.close, closePayload(1000)));
    peer.end();
    await terminal.until(/^\$ $|^\$$/m);
  }
}, { skip: skipJobs });

test("if Ctrl-Z cannot stop the process, the terminal goes on as before", async () => {
  await using server = await RawServer.start();
  using terminal = new Terminal([server.url()]);
  const peer = await server.connection();
  await peer.accept();
  await terminal.until(/^> ?$/m);
  terminal.keys("-l", "one");
  await terminal.until(/^> one$/m);
  terminal.keys("C-z");
  terminal.keys("-l", " two");
  await terminal.until(/^> one two$/m);
  await terminal.raw();
  terminal.keys("C-c");
  await peer.closeFrame();
  await peer.send(frame(Opcode.close, closePayload(1000)));
  peer.end();
  await terminal.until(/exit 0$/);
}, { skip });
