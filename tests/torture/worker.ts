/** A Worker for one run, where everything is opened and made for the first time. */
import type { Fault } from "./faults.ts";
import type { Place } from "./subject.ts";
import { TortureThread } from "./thread.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: { data: { place: Place; name: string; fault: Fault | null } }) => void) | null;
  postMessage(data: unknown): void;
};

scope.onmessage = async ({ data: { place, name, fault } }) => {
  scope.postMessage(await new TortureThread(place).run(name, fault));
};
