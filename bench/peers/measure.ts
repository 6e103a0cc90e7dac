/** The command loop and the measurement, which the peers' workers share. */
import process from "node:process";
import { createInterface } from "node:readline";
import { Bench } from "tinybench";
import { cpuNow } from "../cpu_clock.ts";
import { BUCKETS, type Command, type Measured } from "../protocol.ts";

/**
 * Runs `task`, which handles `batch` messages, repeatedly. The figures are per message. Calls `start` between the warm-up and
 * the measurement, and `count` after it, which returns the real number of messages, as a batch may have more.
 */
export async function measure(
  command: Command,
  task: () => Promise<void>,
  { start, count }: { start?: () => void; count?: () => number } = {},
): Promise<Measured> {
  const { batch, seconds, rate } = command;
  for (const end = performance.now() + command.warmUp; performance.now() < end;) await task();
  const paced = rate > 0;
  const bench = new Bench({
    now: cpuNow,
    warmup: false,
    throws: true,
    // With a paced feed the CPU is mostly idle, so CPU time says little about the duration of a run.
    time: paced ? 0 : seconds * 1000,
    iterations: paced ? Math.max(1, Math.ceil(rate * seconds / batch)) : 4,
  });
  let runs = 0;
  bench.add("batch", async () => {
    await task();
    runs++;
  });
  start?.();
  const cpu = cpuNow(), wall = performance.now();
  await bench.run();
  const cpuMs = cpuNow() - cpu, wallMs = performance.now() - wall;
  const messages = count?.() ?? runs * batch;
  return { messages, wallMs, cpuMs, cpuUs: cpuMs * 1000 / messages, perSecond: messages / wallMs * 1000 };
}

/** The median, the tail and the histogram of times, which it sorts in place. */
export function quantiles(times: number[]): Pick<Measured, "p50" | "p99" | "histogram"> {
  times.sort((a, b) => a - b);
  const at = (q: number) => times[Math.min(times.length - 1, Math.floor(times.length * q))];
  const histogram = Array.from({ length: BUCKETS.length + 1 }, () => 0);
  for (const time of times) {
    const bucket = BUCKETS.findIndex((bound) => time <= bound);
    histogram[bucket < 0 ? BUCKETS.length : bucket]!++;
  }
  return { p50: at(0.5), p99: at(0.99), histogram };
}

/** Reports that the worker is ready, replies to each line of standard input, and ends with its end. */
export async function answer(
  actions: Partial<Record<Command["action"], (command: Command) => Promise<Measured>>>,
): Promise<never> {
  console.log(JSON.stringify({ ready: true }));
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line) as Command;
    try {
      const action = actions[command.action];
      if (action === undefined) throw new Error(`this peer has no ${command.action}`);
      console.log(JSON.stringify(await action(command)));
    } catch (error) {
      console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
    }
  }
  process.exit(0);
}
