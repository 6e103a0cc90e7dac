/** The values of options: as given, and parsed as numbers, times, sizes and words. */
import { UsageError } from "../errors.ts";

const TIME = /^(\d+(?:\.\d*)?|\.\d+)(ms|s|m|h)?$/;
const UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** The longest time that a timer takes, ms. */
const MAX_TIMER = 0x7fff_ffff;
const SIZE = /^(\d+)([kKmMgG]?)$/;

/** Values by the long name of their option. If an option takes one value and got several, the last counts, as in curl. */
export class Values {
  readonly #given: Map<string, (string | null)[]> = new Map();

  /** Adds a value, `null` for a flag. */
  add(name: string, value: string | null): void {
    const list = this.#given.get(name);
    if (list === undefined) this.#given.set(name, [value]);
    else list.push(value);
  }

  has(name: string): boolean {
    return this.#given.has(name);
  }

  /** The first of these options that was given, or undefined. */
  first(...names: string[]): string | undefined {
    return names.find((name) => this.has(name));
  }

  text(name: string): string | undefined {
    return this.#given.get(name)?.at(-1) ?? undefined;
  }

  list(name: string): string[] {
    return (this.#given.get(name) ?? []).filter((value) => value !== null);
  }

  /** A time in milliseconds, given in seconds with decimals or with a unit: `1.5`, `500ms`, `2m`. */
  milliseconds(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const [, number, unit = "s"] = TIME.exec(text) ?? [];
    const value = Number(number) * UNIT[unit]!;
    if (number === undefined || value > MAX_TIMER) {
      throw new UsageError(`--${name} takes seconds, such as 2, 0.5 or 500ms, not ${JSON.stringify(text)}`);
    }
    return value;
  }

  integer(name: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max)) {
      const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
      throw new UsageError(`--${name} takes an integer ${range}, not ${JSON.stringify(text)}`);
    }
    return value;
  }

  /** A size in bytes, given with or without a unit: `1000`, `64k`, `2M`. */
  bytes(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const [, number, unit = ""] = SIZE.exec(text) ?? [];
    const value = Number(number) * 1024 ** ["", "k", "m", "g"].indexOf(unit.toLowerCase());
    if (number === undefined || !Number.isSafeInteger(value)) {
      throw new UsageError(`--${name} takes bytes, such as 1000, 64k or 2M, not ${JSON.stringify(text)}`);
    }
    return value;
  }

  /** One of these words, in upper or lower case. */
  word<Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const word = words.find((each) => each.toLowerCase() === text.toLowerCase());
    if (word === undefined) {
      throw new UsageError(`--${name} takes ${words.join(", ")}, not ${JSON.stringify(text)}`);
    }
    return word;
  }
}
