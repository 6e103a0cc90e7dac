/** The suite's report of one runtime, as a table. */

/** Cases whose result the suite sets to INFORMATIONAL whatever the client did. */
const NEVER_JUDGED = new Set(["7.1.6", "7.13.1", "7.13.2"]);

export interface Suite {
  cases: string[];
  categories: Record<string, string>;
}

export interface CaseResult {
  behavior: string;
  behaviorClose: string;
  reportfile: string;
}

/** The suite's index.json: results by agent, then by case. */
export type Report = Record<string, Record<string, CaseResult>>;

function isPass(id: string, result: CaseResult): boolean {
  const expected = NEVER_JUDGED.has(id) ? ["OK", "INFORMATIONAL"] : ["OK"];
  return expected.includes(result.behavior) && expected.includes(result.behaviorClose);
}

/** One runtime's table and its cases that are not OK, and the number of cases that passed. */
export function tabulate(suite: Suite, results: Record<string, CaseResult>): { lines: string[]; passed: number } {
  const rows = new Map<string, { ok: number; informational: number; failed: number }>();
  const notes: string[] = [];
  let passed = 0;
  for (const id of suite.cases) {
    const category = id.split(".", 1)[0] ?? id;
    const row = rows.get(category) ?? { ok: 0, informational: 0, failed: 0 };
    rows.set(category, row);
    const result = results[id];
    if (result === undefined) {
      row.failed++;
      notes.push(`  FAIL ${id}: not in the report`);
      continue;
    }
    const pass = isPass(id, result);
    const ok = result.behavior === "OK" && result.behaviorClose === "OK";
    if (!pass) row.failed++;
    else if (ok) row.ok++;
    else row.informational++;
    if (pass) passed++;
    if (!ok) {
      notes.push(`  ${pass ? "pass" : "FAIL"} ${id}: behavior ${result.behavior}, close ${result.behaviorClose}`);
    }
  }
  const line = (name: string, ...numbers: (string | number)[]) =>
    `  ${name.padEnd(36)}${numbers.map((number) => String(number).padStart(8)).join("")}`;
  const lines = [line("section", "cases", "OK", "info", "failed")];
  const total = { ok: 0, informational: 0, failed: 0 };
  for (const [category, { ok, informational, failed }] of rows) {
    const name = `${category} ${suite.categories[category] ?? ""}`;
    lines.push(line(name.slice(0, 35), ok + informational + failed, ok, informational, failed));
    total.ok += ok;
    total.informational += informational;
    total.failed += failed;
  }
  lines.push(line("total", suite.cases.length, total.ok, total.informational, total.failed), ...notes);
  return { lines, passed };
}
