/** Counting the tests in a JUnit report, as Deno and Bun write it. */

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
