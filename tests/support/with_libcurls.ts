/** A test for each of some libcurls. */
import { type LibcurlName, libcurlNamed, whyNoLibcurl } from "./libcurls.ts";
import { test } from "./testing.ts";

/** The impersonating ones. */
export const IMPERSONATING: readonly LibcurlName[] = ["impersonate-7.84", "impersonate-8.21", "impersonate-8.23"];

/** What a test does with one. */
type Body = (library: string, name: LibcurlName) => Promise<void>;

/** Returns what registers a test for each of some libcurls, which are fetched before the tests begin; `timeout` in ms. */
export function testsWith(timeout: number): (names: readonly LibcurlName[], title: string, body: Body) => void {
  return (names, title, body) => {
    for (const name of names) {
      const skip = whyNoLibcurl(name);
      test(`${title} (libcurl ${name})`, () => body(libcurlNamed(name)!, name), { skip, timeout });
    }
  };
}
