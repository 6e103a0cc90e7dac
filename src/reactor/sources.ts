/** The sources that are attached to a reactor, and whether they keep the process alive. */
import type { Source } from "./source.ts";

/** By the source itself, in the order in which they came. */
export class Sources {
  readonly #sources: Map<Source, { refed: boolean; readonly maxDelay: number }> = new Map();
  /** How many keep the process alive. */
  #refs = 0;

  get size(): number {
    return this.#sources.size;
  }

  /** Whether any of them keeps the process alive. */
  get areRefed(): boolean {
    return this.#refs > 0;
  }

  has(source: Source): boolean {
    return this.#sources.has(source);
  }

  /** All of them, in the order in which they came; a copy. */
  all(): Source[] {
    return [...this.#sources.keys()];
  }

  /** Adds one, whose messages may wait for `maxDelay` ms. It does not keep the process alive yet. */
  add(source: Source, maxDelay: number): void {
    this.#sources.set(source, { refed: false, maxDelay });
  }

  /** Removes one that does not keep the process alive. Returns its `maxDelay`. */
  remove(source: Source): number {
    const { maxDelay } = this.#sources.get(source)!;
    this.#sources.delete(source);
    return maxDelay;
  }

  /** Whether one keeps the process alive. Returns whether that changed {@linkcode areRefed}. */
  setRef(source: Source, refed: boolean): boolean {
    const entry = this.#sources.get(source);
    if (entry === undefined || entry.refed === refed) return false;
    entry.refed = refed;
    this.#refs += refed ? 1 : -1;
    return this.#refs === (refed ? 1 : 0);
  }
}
