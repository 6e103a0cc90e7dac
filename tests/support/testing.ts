/** Registers tests with whichever runtime is running them: `Deno.test`, or `bun:test` on Bun. */

/** The options of {@linkcode test}. */
export interface TestOptions {
  /** How long the test may take, in milliseconds; 20,000 by default. */
  timeout?: number;
  /** The reason to skip the test; undefined to run it. */
  skip?: string;
}

type Body = () => void | Promise<void>;
type Register = (name: string, body: Body, timeout: number, skip: boolean) => void;

interface DenoGlobal {
  test(options: { name: string; fn: Body; ignore: boolean; sanitizeOps: boolean; sanitizeResources: boolean }): void;
}

interface BunTest {
  test: ((name: string, body: Body, timeout: number) => void) & { skip(name: string, body: Body): void };
}

const DEFAULT_TIMEOUT = 20_000;
// The runner's own limit is only a backstop behind the one that `limited` enforces.
const RUNNER_MARGIN = 5_000;

const register: Register = await chooseRunner();

async function chooseRunner(): Promise<Register> {
  const deno = (globalThis as { Deno?: DenoGlobal }).Deno;
  if (deno !== undefined) {
    return (name, fn, _timeout, ignore) =>
      deno.test({ name, fn, ignore, sanitizeOps: false, sanitizeResources: false });
  }
  // A variable keeps the type checkers that do not know Bun from resolving the module.
  const specifier = "bun:test";
  const bun = await import(specifier) as BunTest;
  return (name, fn, timeout, skip) => {
    if (skip) bun.test.skip(name, fn);
    else bun.test(name, fn, timeout + RUNNER_MARGIN);
  };
}

async function limited(fn: Body, timeout: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`test still running after ${timeout} ms`)), timeout);
  });
  try {
    await Promise.race([fn(), expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Registers one test. It fails if `fn` throws, rejects, or takes longer than the timeout. */
export function test(name: string, fn: Body, options: TestOptions = {}): void {
  const { timeout = DEFAULT_TIMEOUT, skip } = options;
  const title = skip === undefined ? name : `${name} (skipped: ${skip})`;
  register(title, () => limited(fn, timeout), timeout, skip !== undefined);
}
