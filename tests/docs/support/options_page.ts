/** Makes docs/options.md from the rows and the recorded results of their tests with each libcurl. */
import { type Libcurl, type Row, ROWS } from "./option_rows.ts";

export type Outcome = "passed" | "failed" | "skipped" | "not run";

/** One libcurl, and the result of each test with it. */
export interface Record extends Libcurl {
  /** Its name for `--only` of `npm run libcurls`. */
  readonly name: string;
  readonly versionText: string;
  /** By the test's name, on Deno and on Bun. */
  readonly tests: { readonly [name: string]: readonly [deno: Outcome, bun: Outcome] };
}

export interface Recording {
  readonly date: string;
  readonly runtimes: string;
  readonly libcurls: readonly Record[];
}

/** The tests of a row with a libcurl, by their names. */
export function testsOf(row: Row, name: string): string[] {
  return row.tests.flatMap(([, ...names]) => names.map((each) => each.replace("{libcurl}", name)));
}

/** The cell of a row and a libcurl, which claims only what the tests have shown on both runtimes. */
export function verdict(row: Row, libcurl: Record): string {
  const outcomes = testsOf(row, libcurl.name).flatMap((name) => libcurl.tests[name] ?? []);
  if (outcomes.includes("failed")) return "**fails**";
  if (!outcomes.includes("passed")) return "not tried";
  const code = row.lacks?.(libcurl);
  return code === undefined ? "yes" : `\`${code}\``;
}

const HEAD = `# Options

Each option, what it is when it is not given, and with which libcurl it was seen to work. \`npm run options\` runs the tests
that are named below the table with each libcurl on Deno and on Bun, and writes this page; nothing else is claimed.

- yes: its tests passed on both runtimes.
- an error's code: this libcurl cannot, and the tests saw that error, which says so. Nothing is ignored.
- **fails**: a test failed. Not tried: none of its tests could run with it on the machine.

\`src/options/options.ts\` has units, ranges and errors; the links lead to an example that is run by the tests.
`;

function table(rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const [head = [], ...rest] = rows;
  return [line(head), line(head.map(() => "---")), ...rest.map(line)].join("\n");
}

/** The page, which \`deno fmt\` has still to lay out. */
export function optionsPage({ date, runtimes, libcurls }: Recording): string {
  const link = ({ option, guide }: Row) => `[\`${option}\`](${guide})`;
  const columns = libcurls.map(({ name }) => name);
  const options = [
    ["option", "what it is", "by default", ...columns],
    ...ROWS.map((row) => [link(row), row.what, row.default, ...libcurls.map((each) => verdict(row, each))]),
  ];
  const which = [
    ["column", "libcurl", "TLS"],
    ...libcurls.map(({ name, versionText, tls }) => [name, versionText, tls]),
  ];
  const tests = [
    ["option", "tests"],
    ...ROWS.map((row) => [
      `\`${row.option}\``,
      row.tests.map(([file, ...names]) => `[${file}](../tests/${file}): ${names.map(quoted).join("; ")}`).join("<br>"),
    ]),
  ];
  return `${HEAD}
${table(options)}

Recorded ${date}, ${runtimes}, on Linux x86-64:

${table(which)}

## The tests

${table(tests)}
`;
}

/** A test's name as code in a table. */
function quoted(name: string): string {
  return `\`${name.replaceAll("|", "\\|")}\``;
}
