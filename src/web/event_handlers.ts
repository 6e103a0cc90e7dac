/** Event handler attributes (`onmessage` and the like), HTML section 8.1.8. */

type Handler = (event: never) => unknown;

export class EventHandlers {
  readonly #target: EventTarget;
  readonly #handlers: Map<string, { handler: Handler; listener: (event: Event) => void }> = new Map();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get(type: string): Handler | null {
    return this.#handlers.get(type)?.handler ?? null;
  }

  /**
   * A handler takes its place among the listeners when it is first set, and keeps it while it is replaced. By Web IDL's
   * [LegacyTreatNonObjectAsNull], what is no object is null, and an object that cannot be called is kept and not
   * called.
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
