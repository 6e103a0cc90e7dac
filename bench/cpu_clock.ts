/** A clock of CPU time for tinybench: what the whole process has used, all its threads, user and system. */
import process from "node:process";

/**
 * CPU time so far, in milliseconds.
 *
 * ```ts
 * const bench = new Bench({ now: cpuNow });
 * ```
 */
export function cpuNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
