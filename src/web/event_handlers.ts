/** Event handler attributes, such as `onmessage`: HTML section 8.1.8. */

type Handler = (event: never) => unknown;

/** A handler, and the listener that calls it. */
class HandlerListener implements EventListenerObject {
  readonly type: string;
  handler: Handler;

  constructor(type: string, handler: Handler) {
    this.type = type;
    this.handler = handler;
  }

  handleEvent(event: Event): void {
    const { handler } = this;
    if (typeof handler !== "function") return;
    if (handler.call(event.currentTarget, event as never) === false) event.preventDefault();
  }
}

const NONE: readonly HandlerListener[] = [];

/** The event handlers of one target. */
export class EventHandlers {
  readonly #target: EventTarget;
  /** One a type of event that has a handler: four at most. */
  #listeners: readonly HandlerListener[] = NONE;

  constructor(target: EventTarget) {
    this.#target = target;
  }

  /** Returns the handler of a type of event, or null. */
  get(type: string): Handler | null {
    return this.#find(type)?.handler ?? null;
  }

  /**
   * Sets a handler. Its place among the listeners is that of the first one, and stays while it is replaced. By Web
   * IDL's [LegacyTreatNonObjectAsNull], a value that is no object counts as null, and an object that is no function is
   * kept but not called.
   */
  set(type: string, handler: unknown): void {
    const listener = this.#find(type);
    if (typeof handler !== "function" && (typeof handler !== "object" || handler === null)) {
      if (listener === undefined) return;
      this.#target.removeEventListener(type, listener);
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    } else if (listener !== undefined) {
      listener.handler = handler as Handler;
    } else {
      const added = new HandlerListener(type, handler as Handler);
      this.#listeners = [...this.#listeners, added];
      this.#target.addEventListener(type, added);
    }
  }

  #find(type: string): HandlerListener | undefined {
    for (const listener of this.#listeners) if (listener.type === type) return listener;
    return undefined;
  }
}

/** Gives a class the handlers of these types of events, which `of` keeps for each of its instances. */
export function defineHandlers<Target extends object>(
  prototype: Target,
  types: readonly string[],
  of: (target: Target) => EventHandlers,
): void {
  for (const type of types) {
    const name = `on${type}`;
    // Of an object, since a property that is defined by its functions gives them no names: `get onopen`.
    const accessors = {
      get [name](): unknown {
        return of(this as unknown as Target).get(type);
      },
      set [name](handler: unknown) {
        of(this as unknown as Target).set(type, handler);
      },
    };
    Object.defineProperty(prototype, name, Object.getOwnPropertyDescriptor(accessors, name)!);
  }
}
