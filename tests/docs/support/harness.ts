/**
 * Runs snippets one after another, in a process of their own: its argument is the path of a plan, its last line of output
 * the results. A snippet ended well when it and all its sockets did what they are there for: each socket opened and got a
 * message, and all that the snippet promises was printed. Then its sockets are closed, which ends its loops. A socket that
 * fails is a failure, unless the snippet promises to print its error's code.
 */
import process from "node:process";
import { pathToFileURL } from "node:url";
import { format } from "node:util";
// What has a top-level await, as this has, could not be imported by what it waits for.
import { plan, state } from "./world.ts";

/** The output of one snippet, and its errors. */
export interface Result {
  readonly output: readonly string[];
  readonly problems: readonly string[];
}

let output: string[] = [];

for (const method of ["log", "error", "info", "warn"] as const) {
  console[method] = (...values: unknown[]) => {
    output.push(...format(...values).split("\n"));
    state.check();
  };
}
for (const name of ["uncaughtException", "unhandledRejection"]) {
  process.on(name, (error: unknown) => {
    state.problems.push(`${name}: ${error instanceof Error ? error.stack : error}`);
    state.check();
  });
}

/** The expected lines that are not printed yet; `…` stands for any text. */
function missing(): string[] {
  return state.snippet.promises.filter((promise) => {
    const pattern = promise.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*");
    return !output.some((line) => new RegExp(`^${pattern}$`).test(line));
  });
}

/** Resolves as soon as a condition holds, or at the deadline. */
function until(condition: () => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (held: boolean) => {
      clearTimeout(timer);
      state.check = () => {};
      resolve(held);
    };
    const timer = setTimeout(() => finish(false), plan.deadline);
    state.check = () => condition() && finish(true);
    state.check();
  });
}

async function run(path: string): Promise<Result> {
  output = [];
  state.sockets = [];
  const problems: string[] = state.problems = [];
  let evaluated = false;
  import(pathToFileURL(path).href).catch((error) => {
    // Of a DOMException Bun has no stack.
    problems.push(error?.stack ?? `${error}`);
  }).finally(() => {
    evaluated = true;
    state.check();
  });
  const served = () => state.sockets.every(({ served, ended }) => served || ended);
  const begun = () => evaluated || state.sockets.length > 0;
  if (!await until(() => problems.length > 0 || (begun() && served() && missing().length === 0))) {
    problems.push(`not done after ${plan.deadline} ms`);
  }
  for (const { socket } of state.sockets) socket.close();
  const ended = () => state.sockets.every(({ ended }) => ended);
  if (!await until(ended)) problems.push("a socket did not close");
  if (problems.length === 0 && !await until(() => evaluated)) problems.push("the snippet did not end");
  for (const promise of missing()) problems.push(`did not print: ${promise}`);
  if (!state.sockets.every(({ served }) => served)) problems.push("a socket got no message");
  for (const { socket } of state.sockets) socket.terminate();
  return { output, problems };
}

const results: Result[] = [];
for (const snippet of plan.snippets) {
  state.snippet = snippet;
  results.push(await run(snippet.path));
}
process.stdout.write(`\n${JSON.stringify(results)}\n`, () => process.exit(0));
