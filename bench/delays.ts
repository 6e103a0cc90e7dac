/** CPU and latency by rate and `maxReceiveDelay`, as the table of docs/messages.md: `npm run bench -- --only delays`. */
import { median } from "./figures.ts";
import type { Result } from "./report.ts";
import { DELAY_FEEDS, DELAYS } from "./scenarios.ts";

/** The table in Markdown, of what was measured; null if none of it was. */
export function delaysTable(results: readonly Result[]): string | null {
  const rows: string[] = [];
  for (const runtime of ["deno", "bun"]) {
    for (const { command: { rate }, title } of DELAY_FEEDS) {
      const cell = (delay: number, client: string) => {
        const result = results.find(({ scenario }) => scenario === `delays-${rate}-${delay}`);
        const row = result?.rows.find(({ peer }) => peer === `${runtime} ${client}`);
        const p50 = median(row?.rounds.flatMap(({ p50 }) => p50 ?? []) ?? []), cpu = row?.values.cpuUs ?? null;
        return cpu === null || p50 === null ? null : `${cpu.toFixed(1)}, ${p50.toFixed(2)}`;
      };
      // Native has no such option: of its five, the one beside the default.
      const cells = [cell(1, "native"), ...DELAYS.map((delay) => cell(delay, "curlws"))];
      if (cells.every((text) => text === null)) continue;
      rows.push(`| ${runtime}, ${title} | ${cells.map((text) => text ?? "-").join(" | ")} |`);
    }
  }
  if (rows.length === 0) return null;
  const heads = [
    "us CPU a message, p50 ms",
    "native",
    ...DELAYS.map((delay) => delay === 1 ? "1 (default)" : `${delay}`),
  ];
  return [`| ${heads.join(" | ")} |`, `| ${heads.map(() => "---").join(" | ")} |`, ...rows].join("\n");
}
