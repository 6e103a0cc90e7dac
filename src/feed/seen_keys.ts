/** The keys of messages that came lately, so that what comes twice is given once. Pure. */

/** A message that came, by which connection and when. */
export interface FirstSeen {
  readonly index: number;
  readonly at: number;
}

/** Remembers at least the last `window` keys, and at most twice as many: two halves, of which the older one goes as a whole. */
export class SeenKeys {
  readonly #window: number;
  #recent: Map<string | number, FirstSeen> = new Map();
  #older: Map<string | number, FirstSeen> = new Map();

  constructor(window: number) {
    this.#window = window;
  }

  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  /** Who brought it; undefined if nobody has. */
  find(key: string | number): FirstSeen | undefined {
    return this.#recent.get(key) ?? this.#older.get(key);
  }

  /** Notes a key that has not been seen. */
  add(key: string | number, first: FirstSeen): void {
    this.#recent.set(key, first);
    if (this.#recent.size < this.#window) return;
    this.#older = this.#recent;
    this.#recent = new Map();
  }

  clear(): void {
    this.#recent.clear();
    this.#older.clear();
  }
}
