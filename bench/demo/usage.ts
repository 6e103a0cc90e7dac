/** The cost of a process: CPU time and voluntary context switches, each over all its threads. */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

/** Voluntary context switches of all threads: the times a thread went to sleep, and so the times one was woken. */
function contextSwitches(): number | null {
  try {
    const { voluntaryContextSwitches } = process.resourceUsage();
    if (voluntaryContextSwitches > 0) return voluntaryContextSwitches;
  } catch {
    // not in this runtime: read them from the system
  }
  try {
    let sum = 0;
    for (const thread of readdirSync("/proc/self/task")) {
      const status = readFileSync(`/proc/self/task/${thread}/status`, "utf8");
      sum += Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1] ?? 0);
    }
    return sum;
  } catch {
    return null;
  }
}

export interface Usage {
  seconds: number;
  cpuPercent: number;
  wakeupsPerSecond: number | null;
}

/** Starts measuring; each call of the returned function returns the usage since the start. */
export function startUsage(): () => Usage {
  const switches = contextSwitches();
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  return () => {
    const used = process.cpuUsage(cpu);
    const seconds = (performance.now() - startedAt) / 1000;
    const switchesNow = contextSwitches();
    return {
      seconds,
      cpuPercent: (used.user + used.system) / 1e4 / seconds,
      wakeupsPerSecond: switches === null || switchesNow === null ? null : (switchesNow - switches) / seconds,
    };
  };
}
