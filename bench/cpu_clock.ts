/** A clock of CPU time for tinybench: user and system time of all threads of the process. */
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
