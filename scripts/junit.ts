/** Counts the tests in a JUnit report, as Deno and Bun write it. */

/** How many tests passed, failed and were skipped. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Counts the test cases of a JUnit report by what their elements contain. */
export function countTests(xml: string): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  // Either <testcase ... /> or <testcase ...>...</testcase>; attribute values may contain ">".
  const cases = /<testcase\b(?:[^>"']|"[^"]*"|'[^']*')*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  for (const [, content = ""] of xml.matchAll(cases)) {
    if (/<(?:failure|error)\b/.test(content)) counts.failed++;
    else if (/<skipped\b/.test(content)) counts.skipped++;
    else counts.passed++;
  }
  return counts;
}

/** The result of each test case of a JUnit report, by its name without the reason that follows the name of a skipped one. */
export function testResults(xml: string): Map<string, "passed" | "failed" | "skipped"> {
  const results = new Map<string, "passed" | "failed" | "skipped">();
  const cases = /<testcase\b((?:[^>"']|"[^"]*"|'[^']*')*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  for (const [, attributes = "", content = ""] of xml.matchAll(cases)) {
    const name = unescapeXml(/\bname="([^"]*)"/.exec(attributes)?.[1] ?? "").replace(/ \(skipped: .*$/, "");
    const outcome = /<(?:failure|error)\b/.test(content) ? "failed" : /<skipped\b/.test(content) ? "skipped" : "passed";
    // Bun reports tests that a filter excludes as skipped; a test of the same name that ran counts.
    if (!results.has(name) || outcome !== "skipped") results.set(name, outcome);
  }
  return results;
}

function unescapeXml(text: string): string {
  const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replace(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (all, hex, decimal, name) =>
      hex
        ? String.fromCodePoint(parseInt(hex, 16))
        : decimal
        ? String.fromCodePoint(Number(decimal))
        : named[name] ?? all,
  );
}
