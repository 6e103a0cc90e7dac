/**
 * Runs scenarios with faults, in this process, and reports each that has a problem by a line of JSON. `torture.ts`
 * starts one for each runtime, and starts it again after a run that ended the process.
 */
import process from "node:process";
import { waysToFail } from "./failures.ts";
import type { Fault } from "./faults.ts";
import { ANEW, type Plan, type Report } from "./plan.ts";
import { SCENARIOS } from "./scenarios.ts";
import { HOOKS } from "./subject.ts";
import { isDenosPair, openDescriptors, type Result, TortureThread } from "./thread.ts";

const plan = JSON.parse(process.argv.at(-1)!) as Plan;
const tell = (report: Report) => process.stdout.write(JSON.stringify(report) + "\n");

const thread = new TortureThread(plan.place);
const ways = waysToFail(HOOKS);

/** A small generator (mulberry32), so that a sample can be repeated. */
let state = plan.seed;
function random(): number {
  state = state + 0x6d2b79f5 | 0;
  let t = Math.imul(state ^ state >>> 15, 1 | state);
  t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
  return ((t ^ t >>> 14) >>> 0) / 4294967296;
}

/** A Worker's end takes the runtime's own queues with it; on Deno some time later. */
const ALL = "Deno" in globalThis ? /^socket:|memfd/ : /^socket:|memfd|eventpoll|eventfd/;

async function inWorker(name: string, fault: Fault | null): Promise<Result> {
  const before = openDescriptors(ALL);
  const worker = new Worker(new URL("./worker.ts", import.meta.url).href, { type: "module" });
  const { promise, resolve } = Promise.withResolvers<Result>();
  const lost = (why: string): Result => ({
    fired: 1,
    problems: [why],
    spoilt: false,
    log: "",
    counts: {},
    milliseconds: 0,
  });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    resolve(lost(`the Worker ended: ${event.message}`));
  };
  const timer = setTimeout(() => resolve(lost("the Worker hangs")), 40_000);
  worker.postMessage({ place: plan.place, name, fault });
  const result = await promise;
  clearTimeout(timer);
  worker.terminate();
  let left: string[] = [];
  for (const end = performance.now() + 6_000; performance.now() < end;) {
    left = [...openDescriptors(ALL)].filter((name) => !before.has(name));
    if (left.length === 0 || isDenosPair(left)) return result;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return { ...result, problems: [...result.problems, `the Worker left descriptors: ${left.join(", ")}`] };
}

/** Returns which of `count` calls are to fail. */
function* chosen(count: number): Generator<number> {
  if (!plan.quick || count <= 3) { for (let n = 1; n <= count; n++) yield n; }
  else {
    yield 1;
    yield 2 + Math.floor(random() * (count - 2));
    yield count;
  }
}

async function torture(leg: number, name: string, beside: boolean): Promise<void> {
  const scenario = SCENARIOS[name]!;
  const started = performance.now();
  const from = leg === plan.from.leg ? plan.from.run : 0;
  let run = 0, injected = 0, runs = 0, bad = 0;
  const tellEnd = () =>
    tell({
      kind: "scenario",
      name: `${name}${beside ? ", beside another" : ""}`,
      injected,
      runs,
      milliseconds: Math.round(performance.now() - started),
      problems: bad,
    });
  const once = async (fault: Fault | null): Promise<Result> => {
    run++;
    const what = `${name}${beside ? ", beside another" : ""}: ${
      fault === null ? "no fault" : `${fault.name} ${fault.kind} at ${fault.n}${fault.lasting ? " and after" : ""}`
    }`;
    tell({ kind: "begin", at: { leg, run }, what });
    const result = await (scenario.cold ? inWorker(name, fault) : thread.run(name, fault));
    runs++;
    if (result.fired > 0) injected++;
    if (result.problems.length > 0) {
      bad++;
      tell({ kind: "problem", what, problems: result.problems });
      if (!scenario.cold && result.spoilt) {
        tellEnd();
        process.exit(ANEW);
      }
    }
    return result;
  };
  // A Worker of its own costs ten times as much as a run in this thread.
  const share = scenario.cold && plan.share < 1 ? plan.share / 5 : plan.share;
  if (!scenario.cold) await thread.standBeside(beside);
  // What is made once a thread is made here; and what the scenario usually shows.
  let counts: Result["counts"] = {};
  if (!scenario.cold) await thread.warmUp(name);
  for (let i = 0; i < 3; i++) counts = (await once(null)).counts;
  for (const [call, kinds] of Object.entries(ways)) {
    for (const kind of kinds) {
      if (plan.only !== null && plan.only !== call && plan.only !== `${call} ${kind}`) continue;
      for (const lasting of [false, true]) {
        // A kernel that calls a socket ready and then not, for ever, is none.
        if (lasting && (plan.quick || kind === "again")) continue;
        // One more: how often a call is made depends on how the bytes come.
        for (const n of chosen(Object.hasOwn(counts, call) ? counts[call]! : 0)) {
          if (random() >= share) continue;
          if (run + 1 < from) run++;
          else await once({ name: call, kind, n, lasting });
        }
      }
    }
  }
  tellEnd();
}

for (const [i, name] of plan.scenarios.entries()) {
  for (const beside of plan.quick || SCENARIOS[name]!.cold ? [false] : [false, true]) {
    const leg = 2 * i + (beside ? 1 : 0);
    if (leg >= plan.from.leg) await torture(leg, name, beside);
  }
}
tell({ kind: "unknown", names: [...thread.faults.unknown] });
process.exit(0);
