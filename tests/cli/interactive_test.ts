import { assertEquals, assertMatch } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closePayload, frame, Opcode } from "../support/frames.ts";
import { findProgram } from "../support/programs.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";
import { CLI } from "./support.ts";

const tmux = findProgram("tmux");

/** A terminal of 40 columns and 12 lines, with the command in it; `using` ends it. */
class Terminal {
  readonly folder: string = mkdtempSync(join(tmpdir(), "curlws-terminal-"));

  constructor(args: string[]) {
    const words = [...CLI, ...args].map((word) => `'${word}'`).join(" ");
    const env = `env NO_COLOR=1 TERM=screen CURLWS_HISTORY='${this.folder}/history'`;
    const command = `${env} ${words}; echo "exit $?"; exec cat`;
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

test("in a terminal a message leaves the line that is being typed as it is, and Ctrl-C closes", async () => {
  await using server = await RawServer.start();
  using terminal = new Terminal([server.url("/chat")]);
  const peer = await server.connection();
  await peer.accept();
  await terminal.until(/^> ?$/m);
  // A line of two rows, with the cursor in its first one.
  const long = "a line that is longer than the terminal is wide";
  terminal.keys("-l", long);
  await terminal.until(/wide$/);
  terminal.keys("Home", "Right");
  await peer.send(frame(Opcode.text, "one"));
  await peer.send(frame(Opcode.text, "two\x1b[2J"));
  const screen = await terminal.until(/two/);
  const shown = `> ${long}`;
  assertEquals(screen.split("\n").slice(-4), ["< one", "< two\\x1b[2J", shown.slice(0, 40), shown.slice(40)]);
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

test("in a terminal JSON is indented, /ping and /close are taken with --slash, and Ctrl-D closes", async () => {
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
