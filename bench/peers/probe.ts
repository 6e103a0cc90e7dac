/** What a process has and how its event loop does, as the peers measure it of themselves. */
import { closeSync, existsSync, openSync, readdirSync, readSync } from "node:fs";

const DESCRIPTORS = ["/proc/self/fd", "/dev/fd"].find((folder) => existsSync(folder));

/** How many file descriptors are open; NaN if the system does not tell. */
export function openFiles(): number {
  return DESCRIPTORS === undefined ? NaN : readdirSync(DESCRIPTORS).length;
}

/** Linux: the thread's time on a core, and its time of waiting for one, ns. */
const SCHEDULED = "/proc/thread-self/schedstat";

/** How this thread's time went, ms. */
interface ThreadTime {
  wall: number;
  cpu: number;
  /** Ready to run, while other threads had the cores. */
  waited: number;
}

/** The longest time that the event loop of this thread stood still, from now on. */
export class StallProbe {
  readonly #file: number | null = existsSync(SCHEDULED) ? openSync(SCHEDULED, "r") : null;
  readonly #text = new Uint8Array(64);
  #last: ThreadTime;
  #longest = 0;
  #longestCpu = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#last = this.#now();
    this.#arm();
  }

  /**
   * Ends it. Returns the longest, ms: `stallMs` less the time in which other processes had the cores, `stallCpuMs` on the
   * core alone, which says more on a busy machine.
   */
  end(): { stallMs: number; stallCpuMs: number } {
    clearTimeout(this.#timer);
    this.#look();
    if (this.#file !== null) closeSync(this.#file);
    return { stallMs: this.#longest, stallCpuMs: this.#longestCpu };
  }

  #arm(): void {
    // 1 ms, the least there is. setImmediate would look more often, and take all of the core's time; and some time-outs come
    // late though there is time for it.
    this.#timer = setTimeout(() => {
      this.#look();
      this.#arm();
    }, 1);
  }

  #look(): void {
    const last = this.#last, now = this.#last = this.#now();
    this.#longest = Math.max(this.#longest, now.wall - last.wall - 1 - (now.waited - last.waited));
    this.#longestCpu = Math.max(this.#longestCpu, now.cpu - last.cpu);
  }

  #now(): ThreadTime {
    const wall = performance.now();
    if (this.#file === null) return { wall, cpu: wall, waited: 0 };
    const length = readSync(this.#file, this.#text, 0, this.#text.length, 0);
    const [cpu = 0, waited = 0] = new TextDecoder().decode(this.#text.subarray(0, length)).split(" ").map(Number);
    return { wall, cpu: cpu / 1e6, waited: waited / 1e6 };
  }
}
