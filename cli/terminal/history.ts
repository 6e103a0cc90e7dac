/** The lines that were typed before, in a file of this user's. */
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";

/** This many lines are kept, of this many characters each at most. */
const MAX_LINES = 1000, MAX_LENGTH = 4096;

type Environment = Readonly<Record<string, string | undefined>>;

/** The history's path, or null where there is no place for one. `CURLWS_HISTORY` names another; empty, it says none. */
export function historyPath(platform: string, env: Environment): string | null {
  const given = env.CURLWS_HISTORY;
  if (given !== undefined) return given === "" ? null : given;
  if (platform === "win32") return env.LOCALAPPDATA ? join(env.LOCALAPPDATA, "curlws", "history") : null;
  // The XDG base directory specification: a path that is not absolute is to be ignored.
  const state = env.XDG_STATE_HOME?.startsWith("/") ? env.XDG_STATE_HOME : null;
  if (state !== null) return join(state, "curlws", "history");
  if (!env.HOME) return null;
  if (platform === "darwin") return join(env.HOME, "Library", "Application Support", "curlws", "history");
  return join(env.HOME, ".local", "state", "curlws", "history");
}

/** One user's history. What goes wrong with its file is no reason to end a session, so it is not told. */
export class History {
  readonly #path: string | null;
  #last = "";

  constructor(path: string | null = historyPath(process.platform, process.env)) {
    this.#path = path;
  }

  /** The lines, the newest first, as readline takes them. */
  load(): string[] {
    if (this.#path === null) return [];
    let lines: string[];
    try {
      lines = readFileSync(this.#path, "utf8").split("\n").filter((line) => line !== "");
    } catch {
      return [];
    }
    // Sessions side by side append; whoever begins cuts.
    if (lines.length > MAX_LINES) {
      lines = lines.slice(-MAX_LINES);
      this.#quietly((path) => {
        const aside = `${path}.${process.pid}`;
        writeFileSync(aside, lines.join("\n") + "\n", { mode: 0o600 });
        renameSync(aside, path);
      });
    }
    this.#last = lines.at(-1) ?? "";
    return lines.reverse();
  }

  /** Keeps a line, unless it is the last one again, begins with a space, or is very long. */
  add(line: string): void {
    if (line === this.#last || line === "" || line.startsWith(" ") || line.length > MAX_LENGTH) return;
    this.#last = line;
    this.#quietly((path) => {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      appendFileSync(path, `${line}\n`, { mode: 0o600 });
    });
  }

  #quietly(change: (path: string) => void): void {
    if (this.#path === null) return;
    try {
      change(this.#path);
    } catch {
      // The lines of this session are still there, in memory.
    }
  }
}
