/** The option `headers`. */
import type { HeaderList } from "../protocol/handshake.ts";
import { checkHeaders } from "../protocol/request.ts";

/** Header fields of a request, as a caller gives them. */
export type HeadersOption = Readonly<Record<string, string>> | Iterable<readonly [name: string, value: string]>;

/** Checks them, and makes pairs of them. */
export function headerList(headers: HeadersOption | undefined): HeaderList {
  if (headers === undefined) return [];
  if (typeof headers !== "object" || headers === null) throw new TypeError("headers must be a record or pairs");
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  const list = pairs.map(([name, value]): [string, string] => {
    if (typeof name !== "string" || typeof value !== "string") {
      throw new TypeError(`headers: the value of ${String(name)} must be a string, not ${typeof value}`);
    }
    return [name, value];
  });
  checkHeaders(list);
  return list;
}
