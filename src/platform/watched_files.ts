/** Which files and folders have changed, by their stamps: looked at when somebody asks, not by the system's notices. */
import { stampOf } from "./folders.ts";

/** How long what was seen of a file holds, ms; a look takes some 5 us. */
const LOOK_INTERVAL = 1_000;
/** How many are remembered: more than a program names. */
const MOST = 1_000;

/** What is known of a file or folder. */
export interface Watched {
  /** Null if it is not there, or the system does not tell. */
  readonly stamp: string | null;
  /** When it was found to have changed, by the clock; null if it has not since it was first asked for. */
  readonly changed: number | null;
}

export class WatchedFiles {
  readonly now: () => number;
  readonly #files: Map<string, { stamp: string | null; changed: number | null; looked: number }> = new Map();
  #forgetful = false;

  /** @param now the clock, in ms */
  constructor(now: () => number) {
    this.now = now;
  }

  /** Looks at a file, unless it did so within the last second. */
  look(path: string): Watched {
    const now = this.now();
    let file = this.#files.get(path);
    if (file === undefined) {
      if (this.#files.size >= MOST) {
        this.#files.clear();
        this.#forgetful = true;
      }
      // What may have been forgotten counts as changed.
      this.#files.set(path, file = { stamp: stampOf(path), changed: this.#forgetful ? now : null, looked: now });
    } else if (now - file.looked >= LOOK_INTERVAL) {
      const stamp = stampOf(path);
      if (stamp !== file.stamp) file.changed = now;
      file.stamp = stamp;
      file.looked = now;
    }
    return file;
  }
}
