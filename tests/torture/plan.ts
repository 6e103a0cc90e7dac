/** What start.ts sends to a runner, and what the runner reports. */
import type { Place } from "./subject.ts";

/** A run: the `run`-th of the `leg`-th scenario; each has two legs, the second beside another connection. */
export interface Position {
  readonly leg: number;
  readonly run: number;
}

/** What is to be run. */
export interface Plan {
  readonly place: Place;
  readonly scenarios: readonly string[];
  /**
   * Whether to run only a sample: for each call and way to fail the first and another one, and none beside another
   * connection.
   */
  readonly quick: boolean;
  /** Where to begin: after a run that ended the process. */
  readonly from: Position;
  /** Which part of these runs, 0 to 1, picked at random. */
  readonly share: number;
  /** Only what fails so: a name, or a name and a kind. */
  readonly only: string | null;
  /** Which part; and whether the kernel rings (even), or another thread waits (odd). */
  readonly seed: number;
}

/** A line that a runner prints. */
export type Report =
  | { kind: "begin"; at: Position; what: string }
  | { kind: "problem"; what: string; problems: readonly string[] }
  | { kind: "scenario"; name: string; injected: number; runs: number; milliseconds: number; problems: number }
  | { kind: "unknown"; names: readonly string[] };

/** The process is to be started anew, behind the run that began last: its thread is of no use any more. */
export const ANEW = 75;
