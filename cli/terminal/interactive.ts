/** A terminal in which the user types lines while messages arrive. */
import process from "node:process";
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline";
import type { Paint } from "./colours.ts";
import type { History } from "./history.ts";

/** Receives what the user types. */
export interface InteractiveHost {
  onLine(line: string): void;
  /** Ctrl-C, or Ctrl-D on an empty line. */
  onEnd(): void;
}

/** `prevRows` is readline's own field: the row of the cursor in what it wrote, by which it moves up before it writes again. */
type Rows = Interface & { prevRows?: number };

/** Owns the terminal until {@linkcode close}: print only through {@linkcode print}. */
export class Interactive {
  readonly #readline: Rows;
  #open = true;
  #suspended = false;

  constructor(paint: Paint, history: History | null, host: InteractiveHost) {
    this.#readline = createInterface({
      input: process.stdin,
      output: process.stdout,
      terminal: true,
      prompt: paint("out", "> "),
      history: history?.load() ?? [],
      historySize: history === null ? 0 : 1000,
      removeHistoryDuplicates: true,
    });
    this.#readline.on("line", (line) => {
      history?.add(line);
      if (line !== "") host.onLine(line);
      if (this.#open) this.#readline.prompt();
    });
    this.#readline.on("SIGINT", () => host.onEnd());
    if (process.platform !== "win32") {
      this.#readline.on("SIGTSTP", () => this.#suspend());
      process.on("SIGCONT", this.#onContinue);
    }
    this.#readline.on("close", () => {
      const byUser = this.#open;
      this.#open = false;
      if (byUser) host.onEnd();
    });
    this.#readline.prompt();
  }

  /** Prints whole lines above the line being typed, which keeps its text and its cursor. */
  print(text: string): void {
    const output = process.stdout;
    if (!this.#open) return void output.write(text);
    moveCursor(output, 0, -this.#readline.getCursorPos().rows);
    cursorTo(output, 0);
    clearScreenDown(output);
    output.write(text);
    this.#readline.prevRows = 0;
    this.#readline.prompt(true);
  }

  /**
   * Handles Ctrl-Z. In raw mode the terminal sends no signal, and readline would stop only this process: its parent, such as npm
   * or `node.mjs`, would go on, and the shell would wait for it. So this stops the whole process group, as the terminal would.
   */
  #suspend(): void {
    this.#suspended = true;
    process.stdin.setRawMode(false);
    process.kill(0, "SIGTSTP");
    // The kernel does not stop a group without a shell that could continue it. A stop takes much less than 50 ms.
    setTimeout(() => {
      if (this.#suspended) this.#onContinue();
    }, 50);
  }

  /** Takes the terminal back after `fg`, and draws the prompt again, as the shell has written in between. */
  readonly #onContinue = (): void => {
    this.#suspended = false;
    if (!this.#open) return;
    process.stdin.setRawMode(true);
    this.#readline.prevRows = 0;
    this.#readline.prompt(true);
  };

  /** Gives the terminal back, and removes the prompt. */
  close(): void {
    if (process.platform !== "win32") process.off("SIGCONT", this.#onContinue);
    if (!this.#open) return;
    this.#open = false;
    const output = process.stdout;
    moveCursor(output, 0, -this.#readline.getCursorPos().rows);
    cursorTo(output, 0);
    clearScreenDown(output);
    this.#readline.close();
  }
}
