/** A terminal in which lines are typed while messages come. */
import process from "node:process";
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline";
import type { Paint } from "./colours.ts";
import type { History } from "./history.ts";

/** What comes of what is typed. */
export interface InteractiveHost {
  onLine(line: string): void;
  /** Ctrl-C, or Ctrl-D on an empty line. */
  onEnd(): void;
}

/** readline's own field, in which row of what it wrote the cursor is: it goes up by so many rows before it writes again. */
type Rows = Interface & { prevRows?: number };

/** Owns the terminal from now on: whatever is to be shown goes through {@linkcode print}. */
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

  /** Shows whole lines above the one that is being typed, which stays as it is, with its cursor. */
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
   * Ctrl-Z. In raw mode the terminal makes no signal of it, and readline would stop this process alone: who started it, such as
   * npm or `node.mjs`, would go on, and the shell wait for them. So all of the job are stopped, as the terminal would do.
   */
  #suspend(): void {
    this.#suspended = true;
    process.stdin.setRawMode(false);
    process.kill(0, "SIGTSTP");
    // Without a shell that could continue it, the kernel stops nobody. A stop takes much less than 50 ms.
    setTimeout(() => {
      if (this.#suspended) this.#onContinue();
    }, 50);
  }

  /** Takes the terminal again, after `fg`. The shell has written on it. */
  readonly #onContinue = (): void => {
    this.#suspended = false;
    if (!this.#open) return;
    process.stdin.setRawMode(true);
    this.#readline.prevRows = 0;
    this.#readline.prompt(true);
  };

  /** Gives the terminal back, without the prompt. */
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
