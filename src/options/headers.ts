/** The option `headers`. */
import type { HeaderList } from "../handshake/fields.ts";

/** Header fields of a request, as a caller gives them. */
export type HeadersOption = Readonly<Record<string, string>> | Iterable<readonly [name: string, value: string]>;

/**
 * Returns fields as pairs; `option` is the option that they come from. It does not check whether they may be sent.
 *
 * @throws {TypeError} if they are no record or pairs of strings
 */
export function headerList(option: string, headers: HeadersOption | undefined): HeaderList {
  if (headers === undefined) return [];
  if (typeof headers !== "object" || headers === null) throw new TypeError(`${option} must be a record or pairs`);
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  return pairs.map(([name, value]): [string, string] => {
    if (typeof name !== "string" || typeof value !== "string") {
      throw new TypeError(`${option}: the value of ${String(name)} must be a string, not ${typeof value}`);
    }
    return [name, value];
  });
}
