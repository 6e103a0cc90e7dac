/** A poll that the runtime's own event loop notices, without another thread. */
import { closeDescriptor } from "./descriptors.ts";
import { mayPollByRing, PollRing } from "./io_uring.ts";
import { type Bell, runtime } from "./runtime.ts";

/** One poll at a time: a {@linkcode PollRing}, whose bell the runtime reads. */
export class PollBell {
  readonly #ring: PollRing;
  readonly #bell: Bell;

  private constructor(ring: PollRing, bell: Bell) {
    this.#ring = ring;
    this.#bell = bell;
  }

  /** `onRing` is called for each poll, in a task, `onBroken` if there will be no more. Returns null where it cannot be had. */
  static open(onRing: () => void, onBroken: () => void): PollBell | null {
    const ring = mayPollByRing() ? PollRing.create() : null;
    if (ring === null) return null;
    try {
      const bell = runtime().openBell(ring.bell, onRing, onBroken);
      if (bell !== null) return new PollBell(ring, bell);
    } catch {
      // A version that takes no such descriptor says so.
    }
    ring.close();
    closeDescriptor(ring.bell);
    return null;
  }

  /**
   * Begins to poll: it rings once, when `fd` is readable, which it may be now. `fd` may be closed meanwhile, but must not be
   * a socket, see {@linkcode PollRing.close}. Returns false if that fails: then it never rings again.
   */
  poll(fd: number): boolean {
    return this.#ring.poll(fd);
  }

  /** Whether it keeps the process alive; at first it does. */
  setRef(refed: boolean): void {
    this.#bell[refed ? "ref" : "unref"]();
  }

  /** Frees it all; nothing is called any more. Idempotent. */
  close(): void {
    this.#ring.close();
    this.#bell.close();
  }
}
