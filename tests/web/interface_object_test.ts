import { assertEquals, assertThrows } from "@std/assert";
import { defineInterface } from "../../src/web/interface_object.ts";
import { test } from "../support/testing.ts";

class Example {
  get shown(): number {
    return 1;
  }
  hidden(): void {}
}
defineInterface(Example, { name: "Shown", enumerable: ["shown"], constants: { FIRST: 0, SECOND: 1 } });

test("members that are named are enumerable, others are not", () => {
  assertEquals(Object.keys(Example.prototype).sort(), ["FIRST", "SECOND", "shown"]);
  assertEquals(new Example().shown, 1);
});

test("constants are on the class and on its instances, and cannot be changed", () => {
  assertEquals(Object.entries(Example), [["FIRST", 0], ["SECOND", 1]]);
  assertEquals(Reflect.get(new Example(), "SECOND"), 1);
  assertThrows(() => Object.defineProperty(Example, "FIRST", { value: 2 }), TypeError);
  assertEquals(Reflect.set(Example, "FIRST", 2), false);
});

test("Object.prototype.toString shows the interface's name", () => {
  assertEquals(Object.prototype.toString.call(new Example()), "[object Shown]");
});
