/** The figures of a measurement: what they are of, in which unit, and how they are written. */
import type { Measured } from "./protocol.ts";

interface Figure {
  /** The title of its column, with its unit. */
  readonly column: string;
  readonly unit: string;
  /** Digits after the point; by default 1, and 3 for figures below 10. */
  readonly digits?: number;
  /** Its value, in that unit. */
  of(measured: Measured): number | undefined;
}

const KIB = 1024;

/** More is better for messages and bytes a second, less for all others. */
export const FIGURES = {
  perSecond: { column: "messages/s", unit: "messages/s", digits: 0, of: ({ perSecond }) => perSecond },
  cpuUs: { column: "us CPU a message", unit: "us CPU a message", of: ({ cpuUs }) => cpuUs },
  p50: { column: "p50 ms", unit: "ms", digits: 3, of: ({ p50 }) => p50 },
  p99: { column: "p99 ms", unit: "ms", digits: 3, of: ({ p99 }) => p99 },
  cpuPercent: { column: "% CPU", unit: "% CPU", of: ({ cpuMs, wallMs }) => cpuMs / wallMs * 100 },
  bytesPerSecond: { column: "MB/s", unit: "MB/s", digits: 0, of: ({ bytes, wallMs }) => bytes! / wallMs / 1000 },
  stallMs: { column: "longest stall ms", unit: "ms", digits: 1, of: ({ stallMs }) => stallMs },
  stallCpuMs: { column: "of CPU ms", unit: "ms CPU", digits: 1, of: ({ stallCpuMs }) => stallCpuMs },
  cpuEach: { column: "CPU each ms", unit: "ms CPU each", digits: 2, of: ({ cpuEach }) => cpuEach },
  memoryEach: {
    column: "memory each KiB",
    unit: "KiB each",
    digits: 1,
    of: ({ memoryEach }) => memoryEach === undefined ? undefined : memoryEach / KIB,
  },
  filesEach: { column: "descriptors each", unit: "descriptors each", digits: 2, of: ({ filesEach }) => filesEach },
  openMs: { column: "time ms", unit: "ms", digits: 0, of: ({ openMs }) => openMs },
  lost: { column: "lost", unit: "messages lost", digits: 0, of: ({ lost }) => lost },
} as const satisfies Record<string, Figure>;

export type FigureName = keyof typeof FIGURES;

export function valueOf(name: FigureName, measured: Measured): number | undefined {
  return FIGURES[name].of(measured);
}

export function format(name: FigureName, value: number | null): string {
  const { digits }: Figure = FIGURES[name];
  if (value === null) return "-";
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits ?? (value < 10 ? 3 : 1),
    maximumFractionDigits: digits ?? (value < 10 ? 3 : 1),
  });
}

export function median(values: number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return null;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
