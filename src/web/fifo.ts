/** A queue whose both ends are cheap: `Array.prototype.shift` moves all that is behind, in a long array. */

/** It begins with this many places, a power of two as all its sizes are. */
const FIRST_SIZE = 16;
/** It stays as large as this when it gets empty: the messages that are queued before a loop runs, 256, fit. */
const KEPT_SIZE = 512;

/** First in, first out, in a ring of places that doubles when it is full. `undefined` cannot be queued. */
export class Fifo<Item> {
  #places: (Item | undefined)[] = new Array(FIRST_SIZE);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: Item): void {
    if (this.#length === this.#places.length) this.#grow();
    this.#places[this.#head + this.#length++ & this.#places.length - 1] = item;
  }

  /** Takes out the first; undefined if there is none. */
  shift(): Item | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#places[this.#head];
    // What was taken is no longer held.
    this.#places[this.#head] = undefined;
    this.#head = this.#head + 1 & this.#places.length - 1;
    if (--this.#length === 0 && this.#places.length > KEPT_SIZE) this.clear();
    return item;
  }

  /** Takes out the first that `isIt` is true of; undefined if there is none. It looks at all before it, and moves all. */
  remove(isIt: (item: Item) => boolean): Item | undefined {
    let found: Item | undefined;
    for (let left = this.#length; left > 0; left--) {
      const item = this.shift()!;
      if (found === undefined && isIt(item)) found = item;
      else this.push(item);
    }
    return found;
  }

  clear(): void {
    this.#places = new Array(FIRST_SIZE);
    this.#head = this.#length = 0;
  }

  #grow(): void {
    const places = this.#places, head = this.#head;
    this.#places = [...places.slice(head), ...places.slice(0, head)];
    this.#places.length = places.length * 2;
    this.#head = 0;
  }
}
