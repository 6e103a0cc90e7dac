/** DEFLATE (RFC 1951) as an {@linkcode InflateStream} in plain JavaScript: small, slow, and without a library. */
import { InflateError } from "../../src/errors.ts";
import type { InflateStream } from "../../src/protocol/permessage_deflate.ts";

const WINDOW = 32768;
/** How many bytes the real stream returns by one call. */
const OUTPUT = 65536;
const TAIL: readonly number[] = [0, 0, 0xff, 0xff];

/** Not an error: the rest comes with the next write. */
const MORE = Symbol("more input is needed");

/** A canonical Huffman code: how many codes have each length, and their symbols in order. */
interface Code {
  readonly counts: readonly number[];
  readonly symbols: readonly number[];
  /** zlib takes a code of one symbol, or of none. */
  readonly incomplete: boolean;
}

interface Block {
  readonly literals: Code;
  readonly distances: Code;
}

const ORDER: readonly number[] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const FIXED: Block = {
  literals: makeCode([...fill(144, 8), ...fill(112, 9), ...fill(24, 7), ...fill(8, 8)], false),
  distances: makeCode(fill(32, 5), false),
};

function fill(count: number, value: number): number[] {
  return new Array<number>(count).fill(value);
}

function makeCode(lengths: readonly number[], complete: boolean): Code {
  const counts = fill(16, 0);
  for (const length of lengths) if (length > 0) counts[length]!++;
  let left = 1, longest = 0;
  for (let length = 1; length < 16; length++) {
    left = left * 2 - counts[length]!;
    if (left < 0) throw new InflateError("a code is over-subscribed");
    if (counts[length]! > 0) longest = length;
  }
  if (left > 0 && longest > 0 && (complete || longest !== 1)) throw new InflateError("a code is incomplete");
  const symbols = lengths.map((length, symbol) => ({ length, symbol })).filter(({ length }) => length > 0)
    .sort((a, b) => a.length - b.length || a.symbol - b.symbol).map(({ symbol }) => symbol);
  return { counts, symbols, incomplete: left > 0 };
}

export class ReferenceInflate implements InflateStream {
  /** What is not yet read, from the byte that the next bit is in. */
  #input: number[] = [];
  #bit = 0;
  /** The block being read: null between blocks, a number of bytes in one that is stored. */
  #block: Block | number | null = null;
  #lastBlock = false;
  readonly #history: Uint8Array = new Uint8Array(WINDOW);
  #historySize = 0;
  #historyAt = 0;
  readonly #output: Uint8Array = new Uint8Array(OUTPUT + 300);
  #size = 0;
  #error: unknown = undefined;
  #last = false;
  /** The input has the tail at its end. */
  #tail = false;
  /** Whether the message has bytes, and whether they end with the stream's end. */
  #begun = false;
  #final = false;
  drained = true;

  write(input: Uint8Array, last: boolean): void {
    for (const byte of input) this.#input.push(byte);
    this.#last = last;
    this.#tail = last && (input.length > 0 || (this.#begun && !this.#final));
    if (this.#tail) this.#input.push(...TAIL);
    this.#begun = !last && (this.#begun || input.length > 0);
    if (input.length > 0) this.#final = false;
    this.drained = input.length === 0 && !this.#tail;
  }

  read(): Uint8Array | null {
    if (this.#error !== undefined) throw this.#error;
    if (this.drained) return null;
    this.#size = 0;
    try {
      while (this.#size < OUTPUT) this.#step();
    } catch (error) {
      if (error === MORE) this.#end();
      else this.#error = error;
      // What came before the error is given first.
      if (this.#error !== undefined && this.#size === 0) throw this.#error;
    }
    return this.#output.subarray(0, this.#size);
  }

  #end(): void {
    this.drained = true;
    if (this.#tail && (this.#block !== null || this.#lastBlock || this.#bit !== 0 || this.#input.length > 0)) {
      this.#error = new InflateError("the message ends inside a block");
      this.drained = false;
    }
  }

  /** One block's header, one symbol, or one stored byte; nothing at all where its input is not there. */
  #step(): void {
    const bit = this.#bit;
    try {
      this.#decode();
    } catch (error) {
      this.#bit = bit;
      throw error;
    }
    const bytes = this.#bit >> 3;
    if (bytes > 0) this.#input.splice(0, bytes);
    this.#bit &= 7;
    if (this.#block === null && this.#lastBlock) this.#streamEnd();
  }

  #streamEnd(): void {
    this.#lastBlock = false;
    if (this.#bit > 0) this.#input.shift();
    this.#bit = 0;
    const left = this.#input.length;
    this.#final = left === 0;
    // A sender may leave out the empty block behind: then there is nothing that the tail completes.
    if (this.#tail && left === TAIL.length) {
      this.#input = [];
      this.#tail = false;
    }
  }

  #decode(): void {
    if (this.#block === null) {
      const last = this.#bits(1) === 1;
      this.#block = this.#header(this.#bits(2));
      this.#lastBlock = last;
      if (this.#block === 0) this.#block = null;
    } else if (typeof this.#block === "number") {
      this.#put(this.#bits(8));
      this.#block = this.#block === 1 ? null : this.#block - 1;
    } else this.#symbol(this.#block);
  }

  #header(type: number): Block | number {
    if (type === 3) throw new InflateError("no such type of block");
    if (type === 1) return FIXED;
    if (type === 2) return this.#dynamic();
    this.#bit = (this.#bit + 7) & ~7;
    const length = this.#bits(16), complement = this.#bits(16);
    if ((length ^ complement) !== 0xffff) throw new InflateError("a stored block's length is wrong");
    return length;
  }

  #dynamic(): Block {
    const literals = this.#bits(5) + 257, distances = this.#bits(5) + 1, codes = this.#bits(4) + 4;
    if (literals > 286 || distances > 30) throw new InflateError("too many symbols");
    const codeLengths = fill(19, 0);
    for (let i = 0; i < codes; i++) codeLengths[ORDER[i]!] = this.#bits(3);
    const code = makeCode(codeLengths, true);
    const lengths: number[] = [];
    while (lengths.length < literals + distances) {
      // A code without any symbol gives zeros to zlib, which then misses the end of the block.
      const symbol = code.symbols.length === 0 ? this.#bits(1) * 0 : this.#lookUp(code, "a code length");
      if (symbol < 16) {
        lengths.push(symbol);
        continue;
      }
      const count = symbol === 16 ? 3 + this.#bits(2) : symbol === 17 ? 3 + this.#bits(3) : 11 + this.#bits(7);
      if (symbol === 16 && lengths.length === 0) throw new InflateError("nothing to repeat");
      if (lengths.length + count > literals + distances) throw new InflateError("repeats too often");
      lengths.push(...fill(count, symbol === 16 ? lengths.at(-1)! : 0));
    }
    if (lengths[256] === 0) throw new InflateError("no end of block");
    return {
      literals: makeCode(lengths.slice(0, literals), false),
      distances: makeCode(lengths.slice(literals), false),
    };
  }

  #symbol({ literals, distances }: Block): void {
    const symbol = this.#lookUp(literals, "a literal or length");
    if (symbol < 256) return this.#put(symbol);
    if (symbol === 256) {
      this.#block = null;
      return;
    }
    if (symbol > 285) throw new InflateError("no such length");
    const length = symbol < 265
      ? symbol - 254
      : symbol === 285
      ? 258
      : ((4 + (symbol - 261) % 4) << ((symbol - 261) >> 2)) + 3 + this.#bits((symbol - 261) >> 2);
    const code = this.#lookUp(distances, "a distance");
    if (code > 29) throw new InflateError("no such distance");
    const extra = code < 2 ? 0 : (code >> 1) - 1;
    const distance = code < 2 ? code + 1 : ((2 + code % 2) << extra) + 1 + this.#bits(extra);
    if (distance > this.#historySize) throw new InflateError("a distance is too far back");
    for (let i = 0; i < length; i++) this.#put(this.#history[(this.#historyAt - distance + WINDOW) % WINDOW]!);
  }

  #lookUp({ counts, symbols, incomplete }: Code, what: string): number {
    if (incomplete) {
      if (this.#bits(1) === 1 || symbols.length === 0) throw new InflateError(`${what} has no such code`);
      return symbols[0]!;
    }
    let code = 0, first = 0, index = 0;
    for (let length = 1; length < 16; length++) {
      code |= this.#bits(1);
      const count = counts[length]!;
      if (code - count < first) return symbols[index + code - first]!;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new InflateError(`${what} has no such code`);
  }

  #bits(count: number): number {
    if (this.#bit + count > this.#input.length * 8) throw MORE;
    let value = 0;
    for (let i = 0; i < count; i++, this.#bit++) value |= (this.#input[this.#bit >> 3]! >> (this.#bit & 7) & 1) << i;
    return value;
  }

  #put(byte: number): void {
    this.#output[this.#size++] = byte;
    this.#history[this.#historyAt] = byte;
    this.#historyAt = (this.#historyAt + 1) % WINDOW;
    this.#historySize = Math.min(this.#historySize + 1, WINDOW);
  }

  reset(): void {
    this.#historySize = 0;
    this.#input = [];
    this.#bit = 0;
    this.#block = null;
    this.#lastBlock = false;
  }

  close(): void {}
}
