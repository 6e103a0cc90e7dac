/** Event handler attributes, such as `onmessage`: HTML section 8.1.8. */

type Handler = (event: never) => unknown;

/** The event handlers of one target. */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #handlers: Map<string, { handler: Handler; listener: (event: Event) => void }> = new Map();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  /** Returns the handler of a type of event, or null. */
  get(type: string): Handler | null {
    return this.#handlers.get(type)?.handler ?? null;
  }

  /**
   * Sets a handler. Its place among the listeners is that of the first one, and stays while it is replaced. By Web
   * IDL's [LegacyTreatNonObjectAsNull], a value that is no object counts as null, and an object that is no function is
   * kept but not called.
   */
  set(type: string, handler: unknown): void {
    const entry = this.#handlers.get(type);
    if (typeof handler !== "function" && (typeof handler !== "object" || handler === null)) {
      if (entry !== undefined) this.#target.removeEventListener(type, entry.listener as EventListener);
      this.#handlers.delete(type);
      return;
    }
    if (entry !== undefined) {
      entry.handler = handler as Handler;
      return;
    }
    const added = {
      handler: handler as Handler,
      listener: (event: Event) => {
        if (typeof added.handler !== "function") return;
        if (added.handler.call(this.#target, event as never) === false) event.preventDefault();
      },
    };
    this.#handlers.set(type, added);
    this.#target.addEventListener(type, added.listener as EventListener);
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
