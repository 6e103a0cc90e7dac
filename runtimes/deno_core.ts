/** Deno's internals that this library uses. */

/**
 * What has no public form. `unrefOpPromise` is what Deno's own `unref()` methods use, `runMicrotasks` what its
 * `node:process` uses between ticks. If the one is absent, `unref()` has no effect; if the other is, each message
 * takes a turn of the event loop.
 */
export interface DenoCore {
  refOpPromise?(promise: Promise<unknown>): void;
  unrefOpPromise?(promise: Promise<unknown>): void;
  runMicrotasks?(): void;
}

/** Whether a microtask of the poll runs: inside one V8 runs no others, so there is no checkpoint. */
export const inMicrotask: { isTrue: boolean } = { isTrue: false };

/** Deno's own `core`; empty if there is none. */
export function denoCore(): DenoCore {
  const deno = Deno as unknown as { internal?: symbol } & Record<symbol, { core?: DenoCore } | undefined>;
  return (deno.internal !== undefined ? deno[deno.internal]?.core : undefined) ?? {};
}
