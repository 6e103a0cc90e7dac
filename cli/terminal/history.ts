/** The history of typed lines, in a file of this user. */
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";

/** The history keeps this many lines, as bash and zsh do by default, and no line of more characters: 4 MiB at most. */
const MAX_LINES = 1000, MAX_LENGTH = 4096;

type Environment = Readonly<Record<string, string | undefined>>;

/** The path of the history, or null if there is none. `CURLWS_HISTORY` sets another path; if it is empty, there is none. */
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

/** One user's history. Errors of its file are ignored: they are no reason to end a session. */
export class History {
  readonly #path: string | null;
  #last = "";

  constructor(path: string | null = historyPath(process.platform, process.env)) {
    this.#path = path;
  }

  /** Returns the lines, newest first, as readline takes them. */
  load(): string[] {
    if (this.#path === null) return [];
    let lines: string[];
    try {
      lines = readFileSync(this.#path, "utf8").split("\n").filter((line) => line !== "");
    } catch {
      return [];
    }
    // Sessions that run at the same time only append; a session that starts shortens the file.
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

  /** Adds a line, unless it repeats the last one, begins with a space, or is too long. */
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
      // readline still has the lines of this session in memory.
    }
  }
}
