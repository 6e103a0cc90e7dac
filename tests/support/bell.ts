/** Whether the kernel rings here. */
import { PollBell } from "../../src/platform/poll_bell.ts";

/** Why tests of the bell are skipped; undefined if they are not. */
export function noBell(): string | undefined {
  const bell = PollBell.open(() => {}, () => {});
  bell?.close();
  return bell === null ? "the kernel has no io_uring for this process, or the runtime reads no descriptor" : undefined;
}
