/** What `console.log` shows of a socket. */

type Inspect = (value: unknown, options: unknown) => string;

/**
 * Makes `console.log` show an instance as its class's name and the fields that `describe` returns, without empty ones.
 * Of the prototype itself, and of an object that only inherits from it, it shows just the name: they have no private
 * fields.
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
    // On one line: Bun does not indent the lines of a nested object's text.
    const text = inspect(Object.fromEntries(fields), Object.assign({}, options, { breakLength: Infinity }));
    return `${shown.constructor.name} ${text}`;
  }
  // Both runtimes use Node's symbol. Deno's EventTarget has Deno's own one too, which takes precedence.
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
