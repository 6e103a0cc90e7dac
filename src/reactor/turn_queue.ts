/** The turns of sources that want another one before any wait: they have more to do at once. */
import type { Source, Turn } from "./source.ts";

/** A source has one turn a socket in it; the first to come out is the first that went in. */
export class TurnQueue {
  #turns: Turn[] = [];

  get isEmpty(): boolean {
    return this.#turns.length === 0;
  }

  /** Adds a turn of a source, or more to do in the one that it has there. */
  add(source: Source, fd: number, events: number): void {
    const turn = this.#turns.find((turn) => turn.source === source && turn.fd === fd);
    if (turn === undefined) this.#turns.push({ source, fd, events });
    else turn.events |= events;
  }

  /** Adds a turn that was taken and is to be taken again. */
  push(turn: Turn): void {
    this.#turns.push(turn);
  }

  /** Puts turns that were not taken before all others. */
  putBack(turns: readonly Turn[]): void {
    this.#turns.unshift(...turns);
  }

  /** Takes out all turns. */
  take(): Turn[] {
    const turns = this.#turns;
    this.#turns = [];
    return turns;
  }

  /** Drops the turns of a source. */
  drop(source: Source): void {
    if (this.#turns.length > 0) this.#turns = this.#turns.filter((turn) => turn.source !== source);
  }
}

/**
 * The turns of sources that connect, in the order in which their sockets became ready. Those of sources that have gone stay
 * in it: of thousands that connect, none is to look through all others when it is done.
 */
export class StepQueue {
  /** By socket: one that is found ready again, since it has waited, has one turn. */
  readonly #turns: Map<number, Turn> = new Map();

  get isEmpty(): boolean {
    return this.#turns.size === 0;
  }

  /** Adds a turn, or what else is ready to one that is there. */
  add(turn: Turn): void {
    const before = this.#turns.get(turn.fd);
    if (before?.source === turn.source) before.events |= turn.events;
    // Of a number that has gone to another source, only that one's turn counts, and it comes last.
    else {
      this.#turns.delete(turn.fd);
      this.#turns.set(turn.fd, turn);
    }
  }

  /** Takes out the first; undefined if there is none. */
  shift(): Turn | undefined {
    for (const [fd, turn] of this.#turns) {
      this.#turns.delete(fd);
      return turn;
    }
    return undefined;
  }

  clear(): void {
    this.#turns.clear();
  }
}

/** The turns of ready sockets, and behind them those of a queue; of a socket that is in both, one that does both. */
export function mergeTurns(ready: Turn[], queued: Turn[]): Turn[] {
  if (queued.length === 0) return ready;
  if (ready.length === 0) return queued;
  const byFd = new Map(ready.map((turn) => [turn.fd, turn]));
  for (const turn of queued) {
    const found = byFd.get(turn.fd);
    // Both: a socket that was found writable alone may still have bytes to tell that were read before.
    if (found?.source === turn.source) found.events |= turn.events;
    else ready.push(turn);
  }
  return ready;
}
