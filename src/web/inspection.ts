/** What `console.log` shows of a socket. */

type Inspect = (value: unknown, options: unknown) => string;

/**
 * Has `console.log` show an instance as its class's name and the fields that `describe` returns, without the empty
 * ones. The prototype itself, and what merely inherits from it, has no private state to describe: it is its name alone.
 */
export function makeInspectable<Shown extends object>(
  prototype: Shown,
  describe: (shown: Shown) => Record<string, unknown>,
): void {
  function show(shown: Shown, inspect: Inspect, options: unknown): string {
    let fields: [name: string, value: unknown][] = [];
    try {
      fields = Object.entries(describe(shown)).filter(([, value]) => value !== "");
    } catch {
      // Not an instance.
    }
    // In one line: Bun does not indent the lines of what a nested object returns.
    const text = inspect(Object.fromEntries(fields), Object.assign({}, options, { breakLength: Infinity }));
    return `${shown.constructor.name} ${text}`;
  }
  // Both runtimes know Node's symbol. Deno's EventTarget has one of its own, which goes before it.
  Object.defineProperty(prototype, Symbol.for("nodejs.util.inspect.custom"), {
    value(this: Shown, _depth: number, options: unknown, inspect: Inspect): string {
      return show(this, inspect, options);
    },
    configurable: true,
  });
  Object.defineProperty(prototype, Symbol.for("Deno.privateCustomInspect"), {
    value(this: Shown, inspect: Inspect, options: unknown): string {
      return show(this, inspect, options);
    },
    configurable: true,
  });
}
