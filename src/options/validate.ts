/** What the checks of options share. Messages name the option, what it must be, and what it is. */

/** A number in its range, an integer where it must be one. */
export function numberOf(name: string, value: unknown, min: number, max: number, integer = false): number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number, not ${typeof value}`);
  if (!(value >= min && value <= max) || (integer && !Number.isInteger(value))) {
    throw new RangeError(`${name} must be ${integer ? "an integer " : ""}from ${min} to ${max}, and is ${value}`);
  }
  return value;
}

/** Refuses a name that is not known, and what is no object. */
export function checkNames(what: string, given: object, known: readonly string[]): void {
  if (typeof given !== "object" || given === null) throw new TypeError(`${what}s must be an object, not ${given}`);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`unknown ${what} ${unknown}; known are ${known.join(", ")}`);
}

/** A flag, or what stands for one that is not given. */
export function flagOf(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw new TypeError(`${name} must be true or false, not ${String(value)}`);
  return value;
}

/** Text for libcurl, or undefined where none is given: neither empty nor with a NUL inside. */
export function textOf(name: string, value: unknown, what = "text"): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw new TypeError(`${name} must be ${what}, not ${typeof value}`);
  if (value === "") throw new TypeError(`${name} must be ${what}, and is empty`);
  if (value.includes("\0")) throw new TypeError(`${name} may not hold NUL`);
  return value;
}

/** One of a few words, or undefined where none is given. */
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
