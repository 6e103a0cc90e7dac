/** What may not be done to what is scripted. */
import { assert } from "@std/assert";

/** What was done that may not be. A reactor takes what is thrown at it for a failure, and goes on: a test looks here. */
export const problems: string[] = [];

/** Notes a problem unless `condition` holds, and throws. */
export function must(condition: boolean, problem: string): void {
  if (!condition) problems.push(problem);
  assert(condition, problem);
}
