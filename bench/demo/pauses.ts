/** The three ways to wait in a loop over libcurl that has no way to wait for a message. */
const sleepCell = new Int32Array(new SharedArrayBuffer(4));

function sleep(milliseconds: number): void {
  Atomics.wait(sleepCell, 0, 0, milliseconds);
}

/** Returns a function to call after each poll, with whether it brought bytes. `strategy` is busy, sleep-1ms or adaptive. */
export function makePause(strategy: string): (got: boolean) => void {
  if (strategy === "busy") return () => {};
  if (strategy === "sleep-1ms") return (got) => got || sleep(1);
  let gap = 20;
  let last = performance.now();
  return (got) => {
    if (!got) return sleep(Math.min(10, Math.max(0.1, gap / 2)));
    const now = performance.now();
    gap = now - last;
    last = now;
  };
}
