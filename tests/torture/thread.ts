/** One thread's runs: a scenario with a fault, and then everything that must hold whatever failed. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import "../../mod.ts";
import { ffi, setFfi } from "../../src/platform/ffi.ts";
import { runtime, setRuntime } from "../../src/platform/runtime.ts";
import { allReactors } from "../../src/curl/reactors.ts";
import type { Reactor } from "../../src/reactor/reactor.ts";
import { HARMLESS, USERS_ERROR } from "./failures.ts";
import { type Books, type Fault, Faults } from "./faults.ts";
import { SCENARIOS } from "./scenarios.ts";
import { Bench, documentedCodes, type Place, Subject } from "./subject.ts";
import { subscribe, unsubscribe } from "node:diagnostics_channel";

/** The result of a run. */
export interface Result {
  /** How often the fault happened: 0 if the call is made less often. */
  readonly fired: number;
  /** What went wrong; empty if nothing did. */
  readonly problems: readonly string[];
  /** Whether connections of this thread no longer work, so that more runs would show nothing new. */
  readonly spoilt: boolean;
  /** What the program saw. */
  readonly log: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly milliseconds: number;
}

/** A run that takes longer hangs: the options' own limits are at 2 s. */
const HANGS = 7_000;
/** A run that takes longer was ended by a limit: the failure itself went unnoticed. */
const UNNOTICED = 1_900;
const LATE = "it took";
/** How long what is freed in a later task may take. */
const SETTLES = 1_500;

/** The books of faults.ts, and the reactors' own. */
interface ThreadBooks extends Books {
  "sources of the reactor": number;
  "sockets that are watched": number;
}

const NAMES: readonly (keyof ThreadBooks)[] = [
  ...["easy", "multi", "slist", "zlib", "files", "descriptors", "memory", "timers"] as const,
  ...["sources of the reactor", "sockets that are watched"] as const,
];

const CHANNELS = ["handshake", "open", "error", "close"] as const;

/** The torture tests of one thread. */
export class TortureThread {
  readonly faults: Faults = new Faults();
  readonly #place: Place;
  readonly #uncaught: string[] = [];
  /** What runs without faults have shown. */
  readonly #usual: Map<string, Set<string>> = new Map();
  #beside: Subject | null = null;
  /** Whether the connection beside is new: then its reactor may still have to make what it keeps for it. */
  #anew = false;
  #allocations = globalThis.ArrayBuffer;

  constructor(place: Place) {
    this.#place = place;
    documentedCodes(readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8"));
    setFfi(this.faults.aroundFfi(ffi(), runtime()));
    setRuntime(this.faults.aroundRuntime(runtime()));
    this.#watchErrors();
    this.#watchAllocations();
  }

  #watchErrors(): void {
    const note = (error: unknown) => void this.#uncaught.push(`${(error as Error)?.stack ?? error}`);
    if ("Deno" in globalThis) {
      addEventListener("error", (event) => {
        event.preventDefault();
        note((event as ErrorEvent).error);
      });
      addEventListener("unhandledrejection", (event) => {
        event.preventDefault();
        note((event as PromiseRejectionEvent).reason);
      });
    } else {
      process.on("uncaughtException", note);
      process.on("unhandledRejection", note);
    }
  }

  /** `new ArrayBuffer()` fails if there is no memory: smaller objects lie in the engine's own heap. */
  #watchAllocations(): void {
    const { faults } = this, real = this.#allocations;
    globalThis.ArrayBuffer = new Proxy(real, {
      construct(target, args, newTarget) {
        if (args[0] > 64 && faults.called("ArrayBuffer") !== null) {
          throw new RangeError("torture: Array buffer allocation failed");
        }
        return Reflect.construct(target, args, newTarget === globalThis.ArrayBuffer ? target : newTarget);
      },
    });
  }

  /** Keeps a connection open beside the scenarios, which no failure of theirs may harm, or closes it. */
  async standBeside(wanted: boolean): Promise<void> {
    if (wanted === (this.#beside !== null)) return;
    if (!wanted) {
      this.#beside!.socket.close();
      await this.#beside!.closed;
      this.#beside = null;
      return;
    }
    const bench = new Bench(this.faults, this.#place);
    this.#beside = bench.socket("/echo", { perMessageDeflate: false });
    if (this.#beside === null || !await this.#beside.opened) throw new Error(`no connection: ${bench.log}`);
  }

  /** Makes what is made once a thread. */
  async warmUp(name: string): Promise<void> {
    await SCENARIOS[name]!.run(new Bench(this.faults, this.#place));
    await this.#others(null);
  }

  /** Runs a scenario; without a fault it is a run to compare others with. */
  async run(name: string, fault: Fault | null): Promise<Result> {
    const result = await this.#runOnce(name, fault);
    const { problems: [problem, ...others] } = result;
    // A busy machine takes its time, once: a failure that goes unnoticed does so each time.
    return problem?.startsWith(LATE) && others.length === 0 ? await this.#runOnce(name, fault) : result;
  }

  async #runOnce(name: string, fault: Fault | null): Promise<Result> {
    const scenario = SCENARIOS[name]!, { faults } = this;
    if (this.#anew) await this.warmUp(name);
    this.#anew = false;
    const before = this.#books, descriptors = openDescriptors();
    const bench = new Bench(faults, this.#place);
    const unsubscribe = this.#subscribe(bench);
    this.#uncaught.length = 0;
    faults.encrypted = scenario.secure ?? false;
    faults.arm(fault);
    const started = performance.now();
    const ended = await within(HANGS, scenario.run(bench).catch((error) => this.#uncaught.push(`${error?.stack}`)));
    const milliseconds = performance.now() - started;
    const counts = faults.disarm(), { fired } = faults;
    unsubscribe();
    const problems: string[] = [];
    const { log } = bench;
    if (!ended) problems.push(`it hangs; ${log}`);
    else if (milliseconds > UNNOTICED) problems.push(`${LATE} ${Math.round(milliseconds)} ms; ${log}`);
    if (ended) this.#compare(name, fault, log, fired, problems);
    const after = await this.#settled(before, scenario.cold ?? false);
    for (const what of NAMES) {
      if (after[what] <= before[what] || (scenario.cold && what === "memory")) continue;
      problems.push(`${after[what] - before[what]} more ${what} than before; ${log}`);
    }
    // A poll that failed may be reported late, to all connections that are there by then.
    if (isPoll(fault)) { for (let i = 0; i < 3; i++) await turn(); }
    const beside = this.#beside, next = await this.#others(fault);
    problems.push(...next);
    // A new thread makes some for good, and no more of it with more connections.
    const grown = scenario.cold ? (await this.#settled(after)).memory - after.memory : 0;
    if (fault === null && grown > 0) problems.push(`${grown} more memory with each connection`);
    // One beside that was opened anew has other sockets than before.
    const left = beside === this.#beside ? await this.#left(descriptors) : [];
    if (left.length > 0 && !isDenosPair(left)) problems.push(`descriptors are left: ${left.join(", ")}`);
    problems.push(...faults.problems.splice(0), ...this.#unexpected(fault));
    const spoilt = next.length > 0 || !ended;
    return { fired, problems, spoilt, log, counts: Object.fromEntries(counts), milliseconds };
  }

  #subscribe(bench: Bench): () => void {
    const listeners = CHANNELS.map((name) => {
      const listener = (message: unknown) => {
        const { socket } = message as { socket: Subject["socket"] };
        bench.hook(`curlws:${name}`, "terminate" in socket ? socket : null);
      };
      subscribe(`curlws:${name}`, listener);
      return [`curlws:${name}`, listener] as const;
    });
    return () => listeners.forEach(([name, listener]) => unsubscribe(name, listener));
  }

  /** What costs time and nothing else must not be seen. */
  #compare(name: string, fault: Fault | null, log: string, fired: number, problems: string[]): void {
    let usual = this.#usual.get(name);
    if (usual === undefined) this.#usual.set(name, usual = new Set());
    if (fault === null || fired === 0) return void usual.add(log);
    if (!SCENARIOS[name]!.varies && HARMLESS.has(fault.kind) && usual.size === 1 && !usual.has(log)) {
      problems.push(`it did no harm, and yet: ${log}; else: ${[...usual]}`);
    }
  }

  /** The user's own errors reach the program, and no others. */
  #unexpected(fault: Fault | null): string[] {
    const own = fault !== null && fault.kind === "throws";
    return this.#uncaught.splice(0).filter((error) => !own || !error.includes(USERS_ERROR))
      .map((error) => `uncaught: ${error}`);
  }

  get #books(): ThreadBooks {
    const reactors = [...allReactors()];
    const sum = (of: (reactor: Reactor) => number) => reactors.reduce((sum, reactor) => sum + of(reactor), 0);
    return {
      ...this.faults.books,
      "sources of the reactor": sum(({ connections }) => connections),
      "sockets that are watched": sum(({ sockets }) => sockets),
    };
  }

  /** The books, as soon as nothing is more than `before`; `cold` looks away from memory. */
  async #settled(before: ThreadBooks, cold = false): Promise<ThreadBooks> {
    const end = performance.now() + SETTLES;
    for (;;) {
      const books = this.#books;
      if (
        NAMES.every((what) => books[what] <= before[what] || (cold && what === "memory")) || performance.now() > end
      ) return books;
      await turn();
    }
  }

  /** What is open and was not `before`, when it does not go away. */
  async #left(before: ReadonlySet<string>): Promise<string[]> {
    const end = performance.now() + SETTLES;
    for (;;) {
      const left = [...openDescriptors()].filter((name) => !before.has(name));
      if (left.length === 0 || performance.now() > end) return left;
      await turn();
    }
  }

  /** Two more connections at once, whose bytes must not meet, and the one beside. */
  async #others(fault: Fault | null): Promise<string[]> {
    const bench = new Bench(this.faults, this.#place);
    const pair = ["one", "other"].map((text) => ({
      subject: bench.socket("/echo", { perMessageDeflate: false }),
      text,
    }));
    const use = async () => {
      await Promise.all(pair.map(({ subject }) => subject?.opened));
      // Both in one task: then both have buffers, small ones and then large ones, and one of two owners would show.
      for (const length of [10, 8_000]) {
        await Promise.all(pair.map(({ subject, text }) => subject?.echo(text.repeat(length), text)));
      }
      await Promise.all(pair.map(({ subject }) => {
        subject?.socket.close(1000);
        return subject?.closed;
      }));
    };
    const problems: string[] = [];
    const ended = await within(HANGS, Promise.all([use(), this.#beside?.echo("still here?")]));
    const wanted = [1, 2].map((n) => `socket ${n}: open, echo 2, echo 2, close 1000 clean`).join("; ");
    if (!ended || bench.log !== wanted) problems.push(`the next connections: ${ended ? "" : "hang, "}${bench.log}`);
    if (this.#beside !== null && this.#beside.socket.readyState !== 1) {
      // A poll is for all of them.
      this.#anew = true;
      if (!isPoll(fault)) problems.push(`the connection beside ended; ${this.#beside.log}`);
      this.#beside = null;
      await this.standBeside(true);
    }
    return problems;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** Whether it ends in time. */
async function within(milliseconds: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), milliseconds));
  const ended = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return ended;
}

function isPoll(fault: Fault | null): boolean {
  return ["Poller.poll", "StandingPoll.next", "curl_multi_poll"].includes(fault?.name ?? "");
}

let pairs = 0;

/** Deno makes a pair of sockets for itself, once a process, some time after its start. */
export function isDenosPair(left: readonly string[]): boolean {
  const pair = "Deno" in globalThis && left.length === 2 && left.every((name) => name.includes("socket:"));
  return pair && pairs++ === 0;
}

/**
 * Sockets and files in memory that are open, by number and kind; empty where there is no such list. Queues are the
 * runtime's as well: ours are in the books.
 */
export function openDescriptors(kinds: RegExp = /^socket:|memfd/): Set<string> {
  const found = new Set<string>();
  let names: string[] = [];
  try {
    names = readdirSync("/proc/self/fd");
  } catch {
    // Linux alone has it.
  }
  for (const name of names) {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`);
      // A socket's own number: Deno has copies of one in each of its threads.
      if (kinds.test(target)) found.add(target.startsWith("socket:") ? target : `${name} ${target}`);
    } catch {
      // The descriptor of the listing itself.
    }
  }
  return found;
}
