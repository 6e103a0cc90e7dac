/** What a process has and how its event loop does, as the peers measure it of themselves. */
import { closeSync, existsSync, openSync, readdirSync, readSync } from "node:fs";

const DESCRIPTORS = ["/proc/self/fd", "/dev/fd"].find((folder) => existsSync(folder));

/** How many file descriptors are open; NaN if the system does not tell. */
export function openFiles(): number {
  return DESCRIPTORS === undefined ? NaN : readdirSync(DESCRIPTORS).length;
}

/** Linux: the thread's time on a core, and its time of waiting for one, ns. */
const SCHEDULED = "/proc/thread-self/schedstat";

/** The longest time that the event loop of this thread stood still, from now on. */
export class StallProbe {
  readonly #file: number | null = existsSync(SCHEDULED) ? openSync(SCHEDULED, "r") : null;
  readonly #text = new Uint8Array(64);
  #last = 0;
  #waited = 0;
  #longest = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#last = performance.now();
    this.#waited = this.#waitedForCore();
    this.#arm();
  }

  /** Ends it. Returns the longest, ms. */
  end(): number {
    clearTimeout(this.#timer);
    this.#look();
    if (this.#file !== null) closeSync(this.#file);
    return this.#longest;
  }

  #arm(): void {
    // 1 ms, the least there is. setImmediate would look more often, and take all of the core's time.
    this.#timer = setTimeout(() => {
      this.#look();
      this.#arm();
    }, 1);
  }

  /** A timer that comes late tells how long something else had the loop: unless another process had the core. */
  #look(): void {
    const now = performance.now(), waited = this.#waitedForCore();
    this.#longest = Math.max(this.#longest, now - this.#last - 1 - (waited - this.#waited));
    this.#last = now;
    this.#waited = waited;
  }

  /** How long this thread has been ready to run while other threads had the cores, ms. */
  #waitedForCore(): number {
    if (this.#file === null) return 0;
    const length = readSync(this.#file, this.#text, 0, this.#text.length, 0);
    let at = 0, nanoseconds = 0;
    while (at < length && this.#text[at] !== 32) at++;
    for (at++; at < length && this.#text[at] !== 32; at++) nanoseconds = nanoseconds * 10 + this.#text[at]! - 48;
    return nanoseconds / 1e6;
  }
}
