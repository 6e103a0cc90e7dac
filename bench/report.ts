/** What a benchmark shows and saves. */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import pc from "picocolors";
import { type FigureName, FIGURES, format, median, valueOf } from "./figures.ts";
import type { Peer } from "./peers.ts";
import { BUCKETS, type Measured } from "./protocol.ts";
import { drawBars } from "./svg.ts";

/** The result of one peer in one scenario. */
export interface Row {
  peer: string;
  rounds: Measured[];
  /** The medians of the rounds. */
  values: Partial<Record<FigureName, number | null>>;
  /** What they are relative to those of the runtime's own WebSocket. */
  ratios: Partial<Record<FigureName, number>>;
  error?: string;
}

/** The results of all peers in one scenario. */
export interface Result {
  scenario: string;
  title: string;
  tls: boolean;
  figures: readonly FigureName[];
  rows: Row[];
  histogram: boolean;
}

function heading({ title, tls }: Result): string {
  return tls && !title.includes("wss") ? `${title}, over TLS` : title;
}

function times(ratio: number | undefined): string {
  return ratio === undefined ? "" : `${ratio.toFixed(2)} x`;
}

export function print(result: Result): void {
  const { figures: [figure], rows, histogram } = result;
  if (result.figures.length > 1) return printTable(result);
  console.log(`\n${pc.bold(heading(result))} ${pc.dim(`(${FIGURES[figure!].unit})`)}`);
  for (const row of rows) printLine(figure!, row);
  if (histogram) { for (const { peer, rounds } of rows) console.log(histogramLine(peer, rounds)); }
}

function printLine(figure: FigureName, { peer, rounds, values, ratios, error }: Row): void {
  const all = rounds.flatMap((round) => valueOf(figure, round) ?? []);
  const spread = all.length > 1 ? `${format(figure, Math.min(...all))} to ${format(figure, Math.max(...all))}` : "";
  const p99 = median(rounds.flatMap(({ p99 }) => p99 ?? []));
  const p50 = median(rounds.flatMap(({ p50 }) => p50 ?? []));
  const latency = p50 === null ? "" : `  p50 ${p50.toFixed(3)} ms, p99 ${p99?.toFixed(3)} ms`;
  const value = format(figure, values[figure] ?? null);
  const ratio = times(ratios[figure]).padStart(10);
  const line = `  ${peer.padEnd(24)}${value.padStart(12)}${ratio}   ${pc.dim(spread)}${latency}`;
  if (error !== undefined) console.log(pc.red(`  ${peer.padEnd(24)}${error}`));
  else console.log(peer.includes("curlws") ? pc.green(line) : line);
}

/** A line a peer, a column a figure with its ratio. */
function printTable(result: Result): void {
  const { figures, rows } = result;
  const widths = figures.map((figure) => Math.max(FIGURES[figure].column.length, 17) + 2);
  console.log(`\n${pc.bold(heading(result))}`);
  const columns = figures.map((figure, i) => FIGURES[figure].column.padStart(widths[i]!));
  console.log(pc.dim(`  ${"".padEnd(14)}${columns.join("")}`));
  for (const { peer, values, ratios, error } of rows) {
    if (error !== undefined) {
      console.log(pc.red(`  ${peer.padEnd(14)}  ${error}`));
      continue;
    }
    const cells = figures.map((figure, i) =>
      `${format(figure, values[figure] ?? null)}${times(ratios[figure]).padStart(9)}`.padStart(widths[i]!)
    );
    const line = `  ${peer.padEnd(14)}${cells.join("")}`;
    console.log(peer.includes("curlws") ? pc.green(line) : line);
  }
}

/** The distribution of the latencies of all rounds, in percent. */
function histogramLine(peer: string, rounds: Measured[]): string {
  const sums = [...BUCKETS, Infinity].map((_, i) => rounds.reduce((sum, r) => sum + (r.histogram?.[i] ?? 0), 0));
  const all = sums.reduce((sum, count) => sum + count, 0);
  const parts = sums.flatMap((count, i) =>
    count === 0 ? [] : `${i < BUCKETS.length ? `<=${BUCKETS[i]}` : "more"}: ${(count / all * 100).toFixed(1)}`
  );
  return pc.dim(`  ${peer.padEnd(24)}% by ms  ${parts.join("  ")}`);
}

export function save(results: Result[], peers: Peer[], started: number): string {
  const folder = new URL("./results/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const machine = `${process.platform} ${process.arch}, ${cpus().length} x ${cpus()[0]?.model ?? "CPU"}`;
  const versions = peers.map(({ name, version }) => `${name}: ${version}`);
  const seconds = Math.round((performance.now() - started) / 1000);
  const report = { date: new Date().toISOString(), machine, versions, seconds, results };
  writeFileSync(new URL("bench.json", folder), JSON.stringify(report, null, 1) + "\n");
  const panels = results.flatMap((result) => result.figures.map((figure) => panel(result, figure)));
  writeFileSync(new URL("bench.svg", folder), drawBars("CurlWebSocket and its peers", machine, panels));
  return "bench/results/bench.json and bench.svg";
}

function panel(result: Result, figure: FigureName): Parameters<typeof drawBars>[2][number] {
  return {
    title: `${heading(result)} (${FIGURES[figure].column})`,
    bars: result.rows.map(({ peer, values, ratios }) => ({
      label: peer,
      value: values[figure] ?? null,
      text: `${format(figure, values[figure] ?? null)}  ${times(ratios[figure])}`.trimEnd(),
      own: peer.includes("curlws"),
    })),
  };
}
