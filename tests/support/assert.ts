/**
 * The part of `@std/assert` that the tests use, over `node:assert/strict`, so that they need no registry beyond npm.
 * Pointing `@std/assert` in deno.json at `jsr:@std/assert` instead is the only change needed to use the original.
 */
import nodeAssert from "node:assert/strict";

// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error = Error> = abstract new (...args: any[]) => E;

/** Thrown by every assertion of this module. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

function because(message: string, msg?: string): string {
  return msg === undefined ? message : `${message}: ${msg}`;
}

/** Runs a `node:assert` check and rethrows its failure as this module's {@linkcode AssertionError}. */
function check(run: () => void, msg?: string): void {
  try {
    run();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new AssertionError(msg === undefined ? message : `${msg}\n${message}`, { cause });
  }
}

/** Fails. */
export function fail(msg?: string): never {
  throw new AssertionError(because("Failed assertion", msg));
}

/** Fails unless `expr` is truthy. */
export function assert(expr: unknown, msg: string = ""): asserts expr {
  if (!expr) throw new AssertionError(msg || "Expected a truthy value");
}

/** Fails unless the two values are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  check(() => nodeAssert.deepStrictEqual(actual, expected), msg);
}

/** Fails if the two values are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  check(() => nodeAssert.notDeepStrictEqual(actual, expected), msg);
}

/** Fails unless the two values are the same by `Object.is`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  check(() => nodeAssert.strictEqual(actual, expected), msg);
}

/** Fails if the two values are the same by `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  check(() => nodeAssert.notStrictEqual(actual, expected), msg);
}

/** Fails if the value is `null` or `undefined`. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    throw new AssertionError(because(`Expected actual: "${actual}" to not be null or undefined`, msg));
  }
}

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) {
    throw new AssertionError(because(`Expected actual: ${JSON.stringify(actual)} to contain: "${expected}"`, msg));
  }
}

/** Fails unless `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (actual.search(expected) < 0) {
    throw new AssertionError(because(`Expected actual: ${JSON.stringify(actual)} to match: ${expected}`, msg));
  }
}

/** Fails unless `actual` is an instance of `expectedType`. */
export function assertInstanceOf<
  // deno-lint-ignore no-explicit-any
  T extends abstract new (...args: any[]) => any,
>(actual: unknown, expectedType: T, msg: string = ""): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const kind = actual === null ? "null" : typeof actual === "object" ? actual.constructor?.name : typeof actual;
  const message = `Expected object to be an instance of "${expectedType.name}" but was "${kind}"`;
  throw new AssertionError(because(message, msg || undefined));
}

/** Fails unless `error` is an error of the class, its message containing `msgIncludes`. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: ErrorClass<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) {
    throw new AssertionError(because(`Expected "error" to be an Error object`, msg), { cause: error });
  }
  if (ErrorClass && !(error instanceof ErrorClass)) {
    const message = `Expected error to be an instance of "${ErrorClass.name}", but was "${error.constructor.name}"`;
    throw new AssertionError(because(`${message} (${error.message})`, msg), { cause: error });
  }
  const matches = msgMatches === undefined ||
    (typeof msgMatches === "string" ? error.message.includes(msgMatches) : msgMatches.test(error.message));
  if (!matches) {
    const message = `Expected error message to include ${JSON.stringify(String(msgMatches))}, but got ` +
      JSON.stringify(error.message);
    throw new AssertionError(because(message, msg), { cause: error });
  }
}

/** Fails unless `fn` throws; returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Fails unless `fn` throws an error of the class, its message containing `msgIncludes`; returns the error. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMsg?: ErrorClass | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const note = typeof classOrMsg === "string" ? classOrMsg : msg;
  try {
    fn();
  } catch (error) {
    if (typeof classOrMsg === "function") assertIsError(error, classOrMsg, msgIncludes, note);
    return error;
  }
  throw new AssertionError(because("Expected function to throw", note));
}

/** Fails unless the promise that `fn` returns rejects; returns the reason. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Fails unless `fn` rejects with an error of the class, its message containing `msgIncludes`; returns the error. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorClass | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const note = typeof classOrMsg === "string" ? classOrMsg : msg;
  let promise: PromiseLike<unknown> | undefined;
  try {
    promise = fn();
    await promise;
  } catch (error) {
    if (promise === undefined) {
      throw new AssertionError(because("Function throws when expected to reject", note), { cause: error });
    }
    if (typeof classOrMsg === "function") assertIsError(error, classOrMsg, msgIncludes, note);
    return error;
  }
  throw new AssertionError(because("Expected function to reject", note));
}
