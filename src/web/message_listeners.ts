/**
 * The listeners of `message`, by the rules of the DOM standard's EventTarget. Other events, and the listeners of them,
 * are the platform's.
 */
import { type FastMessageEvent, NONE } from "./message_events.ts";

/** `EventListenerOrEventListenerObject`, which is not among Bun's types. */
export type Listener = EventListener | EventListenerObject;

interface Entry {
  readonly callback: Listener;
  readonly capture: boolean;
  readonly once: boolean;
  /**
   * It is checked before the listener is called, and has no listener of its own: a signal that a program keeps for
   * long, such as one for the end of the process, then keeps no sockets alive.
   */
  readonly signal: AbortSignal | undefined;
  removed: boolean;
}

const NO_ENTRIES: readonly Entry[] = [];

/** The `message` listeners of one target. */
export class MessageListeners implements EventListenerObject {
  readonly #target: EventTarget;
  /**
   * Listeners that capture come first. The list is replaced, never changed: a dispatch goes on with the one it began
   * with.
   */
  #entries: readonly Entry[] = NO_ENTRIES;
  /** Whether there is, or was, a listener of `ping`: without, nothing is made of a ping. */
  hearsPings = false;
  /** Whether the platform passes its own events on to them: from the first listener on. */
  #relayed = false;

  constructor(target: EventTarget) {
    this.#target = target;
  }

  add(callback: Listener | null, options: AddEventListenerOptions | boolean = false): void {
    // The platform's own check of what is neither, with its own error.
    if (typeof callback !== "function" && typeof callback !== "object") {
      new EventTarget().addEventListener("message", callback);
    }
    const { capture, once, signal } = flatten(options);
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError(`addEventListener(): the option signal must be an AbortSignal, not ${typeof signal}`);
    }
    if (typeof callback !== "function" && (typeof callback !== "object" || callback === null)) return;
    this.#dropAborted();
    if (signal?.aborted || this.#find(callback, capture) !== undefined) return;
    if (!this.#relayed) {
      this.#relayed = true;
      EventTarget.prototype.addEventListener.call(this.#target, "message", this);
    }
    const all = [...this.#entries, { callback, capture, once, signal, removed: false }];
    this.#entries = capture ? [...all.filter((one) => one.capture), ...all.filter((one) => !one.capture)] : all;
  }

  remove(callback: Listener | null, options: EventListenerOptions | boolean = false): void {
    const entry = callback === null ? undefined : this.#find(callback, flatten(options).capture);
    if (entry !== undefined) this.#drop(entry);
  }

  /** Whether there are listeners. */
  get any(): boolean {
    return this.#entries.length > 0;
  }

  /** Calls the listeners with a message event of ours. */
  dispatch(event: FastMessageEvent): void {
    for (const entry of this.#entries) {
      if (!entry.removed) this.#call(entry, event as unknown as Event);
      if (event.stopped) break;
    }
    event.currentTarget = null;
    event.eventPhase = NONE;
  }

  /** Calls the listeners with an event of the platform's, which a program has dispatched at the target. */
  handleEvent(event: Event): void {
    let stopped = false;
    Object.defineProperty(event, "stopImmediatePropagation", {
      configurable: true,
      value() {
        stopped = true;
        Event.prototype.stopImmediatePropagation.call(event);
      },
    });
    for (const entry of this.#entries) {
      if (!entry.removed) this.#call(entry, event);
      if (stopped) break;
    }
    Reflect.deleteProperty(event, "stopImmediatePropagation");
  }

  #call(entry: Entry, event: Event): void {
    const { callback, signal } = entry;
    if (signal?.aborted) return this.#drop(entry);
    if (entry.once) this.#drop(entry);
    try {
      if (typeof callback === "function") (callback as (event: Event) => void).call(this.#target, event);
      else (callback as { handleEvent(event: Event): void }).handleEvent(event);
    } catch (error) {
      reportError(error);
    }
  }

  #find(callback: Listener, capture: boolean): Entry | undefined {
    return this.#entries.find((entry) => entry.callback === callback && entry.capture === capture);
  }

  #dropAborted(): void {
    for (const entry of this.#entries) if (entry.signal?.aborted) this.#drop(entry);
  }

  #drop(entry: Entry): void {
    entry.removed = true;
    this.#entries = this.#entries.filter((other) => other !== entry);
  }
}

function flatten(options: AddEventListenerOptions | boolean | null): {
  capture: boolean;
  once: boolean;
  signal: AbortSignal | undefined;
} {
  if (typeof options !== "object" || options === null) return { capture: !!options, once: false, signal: undefined };
  return { capture: !!options.capture, once: !!options.once, signal: options.signal };
}

/** Gives a class the members of `EventTarget` that know `message`, whose listeners `of` keeps for each of its instances. */
export function defineListeners<Target extends EventTarget>(
  prototype: Target,
  of: (target: Target) => MessageListeners,
): void {
  const { addEventListener, removeEventListener } = {
    addEventListener(
      this: Target,
      type: string,
      listener: Listener | null,
      options?: AddEventListenerOptions | boolean,
    ) {
      const listeners = of(this), name = `${type}`;
      if (name === "message") return listeners.add(listener, options);
      EventTarget.prototype.addEventListener.call(this, name, listener, options);
      if (name === "ping") listeners.hearsPings = true;
    },
    removeEventListener(
      this: Target,
      type: string,
      listener: Listener | null,
      options?: EventListenerOptions | boolean,
    ) {
      const listeners = of(this), name = `${type}`;
      if (name === "message") listeners.remove(listener, options);
      else EventTarget.prototype.removeEventListener.call(this, name, listener, options);
    },
  };
  for (const value of [addEventListener, removeEventListener]) {
    Object.defineProperty(prototype, value.name, { value, writable: true, configurable: true });
  }
}
