import { assert, assertEquals, assertThrows } from "@std/assert";
import { checkFields, fieldValues, isFieldValue, isToken } from "../../src/handshake/fields.ts";
import { test } from "../support/testing.ts";

test("each character is one of a token's, or is not", () => {
  for (let code = 0; code < 0x200; code++) {
    const char = String.fromCharCode(code);
    const expected = /[A-Za-z0-9]/.test(char) || "!#$%&'*+-.^_`|~".includes(char);
    assertEquals(isToken(char), expected, `U+${code.toString(16)}`);
    assertEquals(isToken(`a${char}a`), expected, `U+${code.toString(16)} inside`);
  }
  assert(!isToken(""));
  assert(!isToken("a\n"));
});

test("the values of a field, in any case and in their order", () => {
  const fields = [["Set-Cookie", "a=1"], ["X", "y"], ["SET-COOKIE", "b=2"], ["set-cookie2", "c"]] as const;
  assertEquals(fieldValues(fields, "set-cookie"), ["a=1", "b=2"]);
  assertEquals(fieldValues(fields, "cookie"), []);
});

test("a field's value has characters up to U+00FF, and no control character but the tab", () => {
  for (let code = 0; code < 0x200; code++) {
    const expected = code === 9 || (code >= 0x20 && code !== 0x7f && code <= 0xff);
    assertEquals(isFieldValue(`a${String.fromCharCode(code)}`), expected, `U+${code.toString(16)}`);
  }
});

test("a field that may not go out is named by the option it comes from, without what may be secret", () => {
  checkFields("proxy.headers", [["X-Own", "a\tb\xff"], ["Host", ""]]);
  assertThrows(
    () => checkFields("proxy.headers", [["a b", "c"]]),
    TypeError,
    'proxy.headers: "a b" is not a header name',
  );
  const error = assertThrows(() => checkFields("headers", [["Authorization", "hunter2\n"]]), TypeError);
  assertEquals(error.message.includes("the value of Authorization must not contain a control character"), true);
  assertEquals(error.message.includes("hunter2"), false);
});
