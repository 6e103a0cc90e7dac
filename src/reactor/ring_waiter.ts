/** Waits without another thread, where the kernel can ring the event loop's own bell; by another waiter elsewhere. */
import type { Gate, Interests, WaitDone, Waiter } from "./waiter.ts";

/** What rings, see `PollBell`. */
export interface Ringer {
  poll(fd: number): boolean;
  setRef(refed: boolean): void;
  close(): void;
}

/** Makes a {@linkcode Ringer}; null where there is none. */
export type OpenRinger = (onRing: () => void, onBroken: () => void) => Ringer | null;

/**
 * Its waits at a gate are polls of the queue behind that: the kernel rings, the event loop calls. So a message wakes one
 * thread, the one that takes it. It stays polled if a wait is ended, and what rings then is for the next one.
 *
 * Sockets that are in no queue are waited for by `other`; so are all if nothing rings.
 */
export class RingWaiter implements Waiter {
  readonly #other: Waiter;
  readonly #openRinger: OpenRinger;
  readonly #defer: (fn: () => void) => void;
  #ringer: Ringer | null = null;
  /** Nothing rings here, or no longer. */
  #isMute = false;
  #isOtherOpen = false;
  #refed = false;
  /** The gate whose queue is polled; null if none is. */
  #polled: Gate | null = null;
  /** Who waits for the bell. */
  #done: WaitDone | null = null;
  /** Whether the last wait that began is one for the bell. */
  #isAtBell = false;

  constructor(other: Waiter, openRinger: OpenRinger, defer: (fn: () => void) => void) {
    this.#other = other;
    this.#openRinger = openRinger;
    this.#defer = defer;
  }

  get hasThread(): boolean {
    return this.#isMute;
  }

  get canStand(): boolean {
    return this.#ringer !== null || this.#other.canStand;
  }

  open(): void {
    if (this.#ringer !== null || this.#isOtherOpen) return;
    this.#ring();
    if (this.#ringer === null) this.#openOther();
  }

  /** Makes what rings, if that can be had. */
  #ring(): void {
    if (this.#isMute) return;
    this.#ringer = this.#openRinger(this.#onRing, this.#onBroken);
    this.#isMute = this.#ringer === null;
    this.#ringer?.setRef(this.#refed);
  }

  /** Most never need it. */
  #openOther(): void {
    if (this.#isOtherOpen) return;
    this.#other.open();
    this.#isOtherOpen = true;
  }

  wait(interests: Interests, done: WaitDone): void {
    this.#openOther();
    this.#isAtBell = false;
    this.#other.wait(interests, done);
  }

  waitAt(gate: Gate, done: WaitDone): boolean {
    this.#isAtBell = this.#ringer !== null;
    if (!this.#isAtBell) return this.#isOtherOpen && this.#other.canStand && this.#other.waitAt(gate, done);
    // Another queue: what polls the last one would ring for that.
    if (this.#polled !== null && this.#polled !== gate) {
      this.#unring();
      this.#ring();
    }
    if (this.#polled === null && this.#ringer?.poll(gate.queue) !== true) {
      this.#mute();
      return false;
    }
    this.#polled = gate;
    this.#done = done;
    return true;
  }

  readonly #onRing = (): void => {
    this.#polled = null;
    const done = this.#done;
    this.#done = null;
    done?.(null);
  };

  /** Whoever waits looks for itself, and goes on without. */
  readonly #onBroken = (): void => {
    this.#mute();
    this.#onRing();
  };

  #mute(): void {
    this.#isMute = true;
    this.#unring();
  }

  #unring(): void {
    const ringer = this.#ringer;
    this.#ringer = this.#polled = null;
    ringer?.close();
  }

  look(interests: Interests): void {
    this.#openOther();
    this.#other.look(interests);
  }

  collect(ready: (fd: number, events: number) => void): void {
    if (this.#isOtherOpen) this.#other.collect(ready);
  }

  wake(): void {
    if (!this.#isAtBell) return this.#other.wake();
    const done = this.#done;
    this.#done = null;
    if (done !== null) this.#defer(() => done(null));
  }

  ref(): void {
    this.#setRef(true);
  }

  unref(): void {
    this.#setRef(false);
  }

  #setRef(refed: boolean): void {
    this.#refed = refed;
    this.#ringer?.setRef(refed);
    this.#other[refed ? "ref" : "unref"]();
  }

  stop(): boolean {
    // The kernel holds what is polled by itself: nobody has its number.
    if (this.#isAtBell) this.#done = null;
    return !this.#isOtherOpen || this.#other.stop();
  }

  close(): void {
    this.#unring();
    this.#done = null;
    if (!this.#isOtherOpen) return;
    this.#isOtherOpen = false;
    this.#other.close();
  }
}
