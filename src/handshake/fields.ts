/** Header fields of HTTP, RFC 9110 section 5. Pure. */
import { shownValue } from "../observe/redact.ts";

/** Header fields in their order, with names spelled as they were given or received. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Returns whether a string is a token, as subprotocols and the names of fields must be. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/**
 * Returns the values of all fields with this name, in their order. `name` is in lower case; the fields' names may be in
 * any.
 */
export function fieldValues(headers: HeaderList, name: string): string[] {
  const values: string[] = [];
  for (const field of headers) if (field[0].toLowerCase() === name) values.push(field[1]);
  return values;
}

/** Returns whether text may be a field's value: neither a control character nor one above U+00FF. */
export function isFieldValue(text: string): boolean {
  // deno-lint-ignore no-control-regex -- these must not be sent
  return !/[\0-\x08\x0a-\x1f\x7f]/.test(text) && !/[^\0-\xff]/.test(text);
}

/**
 * Checks that fields may be sent in a request; `option` is the option that they come from, for the error.
 *
 * @throws {TypeError} if a name is not a token, or a value has a character that must not be sent
 */
export function checkFields(option: string, headers: HeaderList): void {
  for (const [name, value] of headers) {
    if (!isToken(name)) throw new TypeError(`${option}: ${JSON.stringify(name)} is not a header name`);
    if (!isFieldValue(value)) {
      const shown = shownValue(name, value);
      throw new TypeError(
        `${option}: the value of ${name} must not contain a control character, nor one above U+00FF: ${shown}`,
      );
    }
  }
}
