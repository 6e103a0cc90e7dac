/** As much of mocha as the tests of `ws` need: they run one after another, and what is thrown anywhere fails the present one. */
import process from "node:process";

/** How one test went: passed without a reason. */
export interface Outcome {
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  readonly reason: string;
}

type Done = (error?: unknown) => void;
interface Context {
  skip(): never;
  timeout(ms: number): void;
}
type Body = (this: Context, done?: Done) => unknown;

interface Suite {
  readonly names: readonly string[];
  readonly before: Body[];
  readonly after: Body[];
}
interface Test {
  readonly name: string;
  readonly suite: Suite;
  readonly body: Body;
  limit: number;
}

/** Ms: each waits for what happens on loopback. A test may have more. */
const LIMIT = 2_000;
const SKIPPED = Symbol("skipped");

/** The functions that the tests call, and what they have registered. */
export class Mocha {
  readonly #tests: Test[] = [];
  #suite: Suite = { names: [], before: [], after: [] };
  /** Of the test that runs. */
  #fail: (error: unknown) => void = () => {};

  /** Makes `describe`, `it` and the hooks global. */
  install(): void {
    const it = (name: string, body: Body) => {
      const test = { name: [...this.#suite.names, name].join(" > "), suite: this.#suite, body, limit: LIMIT };
      this.#tests.push(test);
      return { timeout: (limit: number) => void (test.limit = limit) };
    };
    const describe = (name: string, body: () => void) => {
      const outer = this.#suite;
      this.#suite = { names: [...outer.names, name], before: [...outer.before], after: [...outer.after] };
      body();
      this.#suite = outer;
    };
    const beforeEach = (body: Body) => void this.#suite.before.push(body);
    const afterEach = (body: Body) => void this.#suite.after.push(body);
    Object.assign(globalThis, { describe, it, beforeEach, afterEach });
  }

  /** Runs the tests from the `first` on whose names have the text. Calls `begun` and `ended` for each. */
  async run(
    first: number,
    text: string,
    begun: (index: number, name: string) => void,
    ended: (index: number, outcome: Outcome) => void,
  ): Promise<void> {
    for (const [index, test] of this.#tests.entries()) {
      if (index < first || !test.name.includes(text)) continue;
      begun(index, test.name);
      this.#listen();
      ended(index, await this.#runTest(test));
    }
  }

  /** Some tests take the listeners away. */
  #listen(): void {
    for (const event of ["uncaughtException", "unhandledRejection"]) {
      process.removeAllListeners(event);
      process.on(event, (error) => this.#fail(error));
    }
  }

  async #runTest({ name, suite, body, limit }: Test): Promise<Outcome> {
    try {
      for (const hook of suite.before) await this.#call(hook, LIMIT);
      await this.#call(body, limit);
      return { name, status: "passed", reason: "" };
    } catch (error) {
      const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      return { name, status: error === SKIPPED ? "skipped" : "failed", reason: error === SKIPPED ? "" : reason };
    } finally {
      for (const hook of suite.after) await this.#call(hook, LIMIT).catch(() => {});
      this.#fail = () => {};
    }
  }

  #call(body: Body, limit: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer = setTimeout(reject, limit, new Error(`still running after ${limit} ms`));
      const end = (error?: unknown) => {
        clearTimeout(timer);
        if (error === undefined || error === null) resolve();
        else reject(error);
      };
      const context: Context = {
        skip() {
          throw SKIPPED;
        },
        timeout(ms) {
          clearTimeout(timer);
          timer = setTimeout(reject, ms, new Error(`still running after ${ms} ms`));
        },
      };
      this.#fail = end;
      try {
        const result = body.call(context, end);
        if (body.length === 0) Promise.resolve(result).then(() => end(), end);
      } catch (error) {
        end(error);
      }
    });
  }
}
