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

  /** Gives the terminal back, without the prompt. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const output = process.stdout;
    moveCursor(output, 0, -this.#readline.getCursorPos().rows);
    cursorTo(output, 0);
    clearScreenDown(output);
    this.#readline.close();
  }
}
