/**
 * Message events and their dispatch, at a tenth of the cost of the platform's own: a feed has a million of them. The
 * listeners of `message` are kept here, by the rules of the DOM standard's EventTarget; other events are the platform's.
 */

/** `EventListenerOrEventListenerObject`, which is not among Bun's types. */
type Listener = EventListener | EventListenerObject;

/** DOM, "event phases". */
const NONE = 0, AT_TARGET = 2;
const NO_PORTS: readonly MessagePort[] = Object.freeze([]);

/**
 * A `MessageEvent` by its prototype, with every attribute and method of one; what the platform keeps inside of its own
 * events is in fields. It cannot be dispatched again: who passes it on makes a new one of it, as with any event that is
 * being dispatched.
 */
export class FastMessageEvent {
  readonly data: unknown;
  readonly origin: string;
  readonly target: EventTarget;
  currentTarget: EventTarget | null;
  eventPhase: number = AT_TARGET;
  cancelBubble = false;
  /** Whether `stopImmediatePropagation()` was called. */
  stopped = false;
  #timeStamp = 0;

  constructor(data: unknown, origin: string, target: EventTarget) {
    this.data = data;
    this.origin = origin;
    this.target = this.currentTarget = target;
  }

  get [Symbol.toStringTag](): string {
    return "MessageEvent";
  }
  get type(): string {
    return "message";
  }
  get lastEventId(): string {
    return "";
  }
  get source(): null {
    return null;
  }
  get ports(): readonly MessagePort[] {
    return NO_PORTS;
  }
  get srcElement(): EventTarget {
    return this.target;
  }
  /** By the clock when it is first asked for: few ask. */
  get timeStamp(): number {
    return this.#timeStamp ||= performance.now();
  }
  get bubbles(): boolean {
    return false;
  }
  get cancelable(): boolean {
    return false;
  }
  get composed(): boolean {
    return false;
  }
  get defaultPrevented(): boolean {
    return false;
  }
  get returnValue(): boolean {
    return true;
  }
  set returnValue(_value: boolean) {}
  get isTrusted(): boolean {
    return false;
  }
  composedPath(): EventTarget[] {
    return this.currentTarget === null ? [] : [this.currentTarget];
  }
  stopPropagation(): void {
    this.cancelBubble = true;
  }
  stopImmediatePropagation(): void {
    this.stopped = this.cancelBubble = true;
  }
  preventDefault(): void {}
  initEvent(): void {}
  initMessageEvent(): void {}
}
Object.setPrototypeOf(FastMessageEvent.prototype, MessageEvent.prototype);
// As `console.log` shows the platform's.
Object.defineProperty(FastMessageEvent.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: FastMessageEvent): Event {
    return new MessageEvent("message", { data: this.data, origin: this.origin });
  },
});
// An event's constructor is how programs make another one like it.
Reflect.deleteProperty(FastMessageEvent.prototype, "constructor");

interface Entry {
  readonly callback: Listener;
  readonly capture: boolean;
  readonly once: boolean;
  /**
   * Looked at when the listener would be called, not listened to: what a program keeps for long, such as a signal for the
   * end of the process, then holds nothing of its sockets.
   */
  readonly signal: AbortSignal | undefined;
  removed: boolean;
}

/** The `message` listeners of one target. */
export class MessageListeners {
  readonly #target: EventTarget;
  /** Those that capture first. Replaced, never changed: a dispatch goes on with the one it began with. */
  #entries: readonly Entry[] = [];

  constructor(target: EventTarget) {
    this.#target = target;
  }

  add(callback: Listener | null, options: AddEventListenerOptions | boolean = false): void {
    // The platform's own check, with its own error.
    new EventTarget().addEventListener("message", callback);
    const { capture, once, signal } = flatten(options);
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError(`addEventListener(): the option signal must be an AbortSignal, not ${typeof signal}`);
    }
    if (typeof callback !== "function" && (typeof callback !== "object" || callback === null)) return;
    this.#dropAborted();
    if (signal?.aborted || this.#find(callback, capture) !== undefined) return;
    const all = [...this.#entries, { callback, capture, once, signal, removed: false }];
    this.#entries = capture ? [...all.filter((one) => one.capture), ...all.filter((one) => !one.capture)] : all;
  }

  remove(callback: Listener | null, options: EventListenerOptions | boolean = false): void {
    const entry = callback === null ? undefined : this.#find(callback, flatten(options).capture);
    if (entry !== undefined) this.#drop(entry);
  }

  /** Whether anybody listens. */
  get any(): boolean {
    return this.#entries.length > 0;
  }

  /** Dispatches a message of our own. */
  dispatch(event: FastMessageEvent): void {
    for (const entry of this.#entries) {
      if (!entry.removed) this.#call(entry, event as unknown as Event);
      if (event.stopped) break;
    }
    event.currentTarget = null;
    event.eventPhase = NONE;
  }

  /** Passes on an event of the platform's that somebody dispatched at the target. */
  readonly relay = (event: Event): void => {
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
  };

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
