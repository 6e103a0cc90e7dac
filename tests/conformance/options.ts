/** What `autobahn.ts` was asked to run. */

/** A mistake in how the command was called, or something missing that it needs. */
export class SetupError extends Error {}

export interface Options {
  cases: string[];
  runtimes: string[];
  native: boolean;
  keep: boolean;
  split: boolean;
  optional: boolean;
}

export function parseOptions(args: string[]): Options {
  const options: Options = {
    cases: casePatterns("1-7,9,10,12,13"),
    runtimes: ["deno", "bun"],
    native: false,
    keep: false,
    split: false,
    optional: false,
  };
  const rest = args.flatMap((arg) => {
    const equals = arg.startsWith("--") ? arg.indexOf("=") : -1;
    return equals < 0 ? [arg] : [arg.slice(0, equals), arg.slice(equals + 1)];
  });
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--native") options.native = true;
    else if (arg === "--keep") options.keep = true;
    else if (arg === "--split") options.split = true;
    else if (arg === "--optional") options.optional = true;
    else if (arg === "--cases") options.cases = casePatterns(rest.shift() ?? "");
    else if (arg === "--runtimes") options.runtimes = (rest.shift() ?? "").split(",");
    else throw new SetupError(`unknown option: ${arg}`);
  }
  const unknown = options.runtimes.find((name) => name !== "deno" && name !== "bun");
  if (unknown !== undefined) throw new SetupError(`unknown runtime: ${unknown || "(none)"}`);
  return options;
}

/** Turns `1-3,7.1.6,9.*` into the suite's patterns: `1.*`, `2.*`, `3.*`, `7.1.6`, `9.*`. */
function casePatterns(list: string): string[] {
  return list.split(",").flatMap((item) => {
    const range = /^(\d+)(?:-(\d+))?$/.exec(item);
    if (range === null) {
      if (!/^\d+(\.\d+)*(\.\*)?$/.test(item)) throw new SetupError(`not a list of cases: ${list || "(none)"}`);
      return [item];
    }
    const first = Number(range[1]);
    const last = Number(range[2] ?? first);
    if (last < first || last > 99) throw new SetupError(`not a list of cases: ${list}`);
    return Array.from({ length: last - first + 1 }, (_, offset) => `${first + offset}.*`);
  });
}

/** What `--split` leaves to the runtime at `index` of `count`: what these sections test is the same code on each. */
export function shareOf(cases: string[], index: number, count: number): string[] {
  const subsections = Object.entries({ "12.*": 5, "13.*": 7 });
  return cases.flatMap((pattern) => {
    const found = subsections.find(([section]) => section === pattern);
    if (found === undefined) return [pattern];
    const all = Array.from({ length: found[1] }, (_, at) => pattern.replace("*", `${at + 1}.*`));
    return all.filter((_, at) => (at + (pattern === "13.*" ? 1 : 0)) % count === index);
  });
}
