/** The wait for the sockets of a reactor, and what has to stay as it is until that wait is over. */
import type { ConnectBudget } from "../platform/fair_queue.ts";
import { apart, type Clock } from "./clock.ts";
import type { ReadySet } from "./ready_set.ts";
import type { WaitDone, Waiter } from "./waiter.ts";
import type { Turn } from "./source.ts";

/**
 * While a wait is out, another thread and the kernel use the waiter's memory, the kernel queue, and the sockets' numbers.
 * So they are closed when it is over: sockets first, then queues that gave way, then what the waiter has.
 *
 * A thread that stands at a gate uses the memory and the queue also between two waits, so it is stopped before they are
 * closed. It has no socket's number: a socket may be closed at any time. Whoever does so has taken it out of the queue;
 * and of a descriptor that somebody else closes, the kernel takes it out, so no number is mistaken for the next socket's.
 */
export class SocketWait {
  readonly #waiter: Waiter;
  readonly #clock: Clock;
  readonly #set: ReadySet;
  readonly #budget: ConnectBudget;
  /** Closes sockets, when the wait that is out is over. */
  readonly #closing: (() => void)[] = [];
  /** Closes sockets that no wait has any more: when there is time. */
  readonly #closable: (() => void)[] = [];
  /** Whether what waiting takes is there. */
  isOpen = false;
  /** Whether a wait is out. */
  isOut = false;
  /** Whether the last one that began is at a gate. */
  #isAtGate = false;
  /** Whether that wait was woken; and whether the last one that is over had been. */
  #woken = false;
  wasWoken = false;
  /** The wait that is out may never be over, or no later task will run: what is to be closed is closed at once. */
  isLost = false;
  /** Whether {@linkcode releaseSoon} has a task to come. */
  #releasing = false;

  constructor(waiter: Waiter, clock: Clock, set: ReadySet, budget: ConnectBudget) {
    this.#waiter = waiter;
    this.#clock = clock;
    this.#set = set;
    this.#budget = budget;
  }

  /** See {@linkcode Waiter.hasThread}. */
  get hasThread(): boolean {
    return this.#waiter.hasThread;
  }

  /** Makes what waiting takes, if it is not there. Throws what {@linkcode Waiter.open} throws. */
  open(): void {
    if (this.isOpen) return;
    this.#waiter.open();
    this.isOpen = true;
    this.#set.open(this.#waiter.canStand);
  }

  /** Whether a wait that is out keeps the process alive. */
  setRef(refed: boolean): void {
    this.#waiter[refed ? "ref" : "unref"]();
  }

  /** Begins a wait. `done` is to call {@linkcode over}. Throws what {@linkcode Waiter.wait} throws. */
  begin(done: WaitDone): void {
    const interests = this.#set.interests(), { gate } = this.#set;
    this.#isAtGate = gate !== null && this.#waiter.waitAt(gate, done);
    if (gate === null) this.#waiter.wait(interests, done);
    else if (!this.#isAtGate) return this.#beginWithout(done);
    this.isOut = true;
  }

  /** The kernel does not open its gate: the sockets are waited for one by one. */
  #beginWithout(done: WaitDone): void {
    this.#set.useArray();
    this.closeOutgrown();
    this.begin(done);
  }

  /** Ends the wait that is out, if one is. Throws what {@linkcode Waiter.wake} throws: then the wait is lost. */
  wake(): void {
    if (!this.isOut || this.#woken) return;
    this.#woken = true;
    try {
      this.#waiter.wake();
    } catch (error) {
      this.isLost = true;
      throw error;
    }
  }

  /** The wait has returned: closes what waited for that. */
  over(): void {
    this.wasWoken = this.#woken;
    this.isOut = this.#woken = false;
    if (this.#closing.length > 0) {
      const isScheduled = this.#closable.length > 0;
      this.#closable.push(...this.#closing.splice(0));
      if (!isScheduled) this.#closeSome();
    }
    this.closeOutgrown();
  }

  /**
   * Closes as many sockets as there is time for, and the others in tasks to come: to free what a thousand connections have
   * takes some 100 ms. No wait has them any more, nor will one that begins meanwhile.
   */
  readonly #closeSome = (): void => {
    let done = 0;
    while (done < this.#closable.length && (this.#budget.allows() || done === 0)) {
      apart(this.#clock, this.#closable[done++]!);
    }
    this.#closable.splice(0, done);
    if (this.#closable.length > 0) this.#clock.defer(this.#closeSome);
  };

  /** Looks for ready sockets without waiting. Throws what {@linkcode Waiter.look} throws. */
  look(): void {
    const interests = this.#set.interests();
    // A queue is asked in any case, when what is ready is collected.
    if (!this.#set.hasQueue) this.#waiter.look(interests);
  }

  /** The turns of the sockets that the last wait or look found ready. `ReadySet.found` is how many sockets those were. */
  collect(): Turn[] {
    return this.#set.collect(this.#waiter);
  }

  /** Runs `close` when no wait is out that has a socket's number. Returns whether that is yet to come: the wait has to be woken. */
  closeWhenOver(close: () => void): boolean {
    // It leaves the queue by a call: by itself it would only when nobody else has it, such as a child process.
    this.#set.settle();
    if (!this.isOut || this.isLost || this.#isAtGate) {
      apart(this.#clock, close);
      return false;
    }
    this.#closing.push(close);
    return true;
  }

  /** Closes all sockets that are to be closed: no task is to come that would, or no wait will be over. */
  closeSockets(): void {
    for (const list of [this.#closable, this.#closing]) {
      for (const close of list.splice(0)) apart(this.#clock, close);
    }
  }

  /** Closes queues that gave way, unless a wait is out: it may have been given one. */
  closeOutgrown(): void {
    const { outgrown } = this.#set;
    if (outgrown.length === 0 || this.isOut) return;
    // Those that the thread would go on to use are left to it.
    const isUsed = !this.#waiter.stop();
    for (const queue of outgrown.splice(0)) if (!isUsed) apart(this.#clock, () => queue.close());
  }

  /**
   * Frees what waiting takes, in a task, if `isIdle` returns true then: a thread that has closed its connections has no
   * descriptor left. To make it all again takes 40 us, a fortieth of a connection on loopback; the waiter keeps for a while
   * what costs more.
   */
  releaseSoon(isIdle: () => boolean): void {
    if (this.#releasing || !this.isOpen) return;
    this.#releasing = true;
    // A connection that has just been made changes hands: its next source is attached when the last one is gone.
    this.#clock.defer(() => {
      this.#releasing = false;
      if (isIdle() && !this.isOut) this.release();
    });
  }

  /** No task is to come: closes all sockets, and frees what waiting takes, unless another thread goes on to use it. */
  end(): void {
    this.closeSockets();
    if (!this.#waiter.stop()) return;
    this.isOut = false;
    this.release();
  }

  /** Frees what waiting takes. No wait may be out. */
  release(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#set.reset();
    this.closeOutgrown();
    apart(this.#clock, () => this.#waiter.close());
  }
}
