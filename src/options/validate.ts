/** Checks that several options share. Each throws an error that names the option, what it must be, and what it is. */

/**
 * Returns a number that is in its range, and an integer if it must be one.
 *
 * @throws {TypeError} if it is no number
 * @throws {RangeError} if it is out of its range
 */
export function numberOf(name: string, value: unknown, min: number, max: number, integer = false): number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number, not ${typeof value}`);
  if (!(value >= min && value <= max) || (integer && !Number.isInteger(value))) {
    throw new RangeError(`${name} must be ${integer ? "an integer " : ""}from ${min} to ${max}, and is ${value}`);
  }
  return value;
}

/** The longest time of the runtimes' timers, ms: 2^31 - 1. */
export const MAX_TIMEOUT = 0x7fff_ffff;

/** Throws a `TypeError` unless it is an `AbortSignal`, or undefined. */
export function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError("signal must be an AbortSignal");
}

/** Throws a `TypeError` if `given` is no object, or has a property that is not known. */
export function checkNames(what: string, given: object, known: readonly string[]): void {
  if (typeof given !== "object" || given === null) throw new TypeError(`${what}s must be an object, not ${given}`);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`unknown ${what} ${unknown}; known are ${known.join(", ")}`);
}

/** Returns a flag, or `fallback` if it is not given. Throws a `TypeError` for another type. */
export function flagOf(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw new TypeError(`${name} must be true or false, not ${String(value)}`);
  return value;
}

/** Returns text, or undefined if none is given. Throws a `TypeError` for another type, empty text, or a NUL in it. */
export function textOf(name: string, value: unknown, what = "text"): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw new TypeError(`${name} must be ${what}, not ${typeof value}`);
  if (value === "") throw new TypeError(`${name} must be ${what}, and is empty`);
  if (value.includes("\0")) throw new TypeError(`${name} must not contain NUL`);
  return value;
}

/** Returns one of `words`, or undefined if none is given. Throws a `TypeError` for anything else. */
export function wordOf<Word extends string>(name: string, value: unknown, words: readonly Word[]): Word | undefined {
  if (value === undefined) return undefined;
  if (!words.includes(value as Word)) {
    const list = words.map((word) => `"${word}"`).join(", ");
    throw new TypeError(
      `${name} must be one of ${list}, not ${typeof value === "string" ? `"${value}"` : typeof value}`,
    );
  }
  return value as Word;
}
