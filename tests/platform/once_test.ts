import { assertEquals, assertThrows } from "@std/assert";
import { once, oncePerLibrary, openAll } from "../../src/platform/once.ts";
import { test } from "../support/testing.ts";

test("once opens when it is first called, and never again", () => {
  let opened = 0;
  const get = once(() => ({ number: ++opened }));
  assertEquals(opened, 0);
  const first = get();
  assertEquals([first, get() === first, opened], [{ number: 1 }, true, 1]);
});

test("once keeps what is null or undefined too", () => {
  let opened = 0;
  const get = once(() => {
    opened++;
    return null;
  });
  assertEquals([get(), get(), opened], [null, null, 1]);
});

test("a call that throws has opened nothing: the next one tries again", () => {
  let calls = 0;
  const get = once(() => {
    if (++calls < 3) throw new Error(`call ${calls}`);
    return "open";
  });
  assertThrows(get, Error, "call 1");
  assertThrows(get, Error, "call 2");
  assertEquals([get(), get(), calls], ["open", "open", 3]);
});

test("oncePerLibrary opens once for each path", () => {
  const opened: string[] = [];
  const get = oncePerLibrary((path) => {
    opened.push(path);
    return { path };
  });
  const one = get("/one");
  assertEquals([get("/two").path, get("/one") === one, opened], ["/two", true, ["/one", "/two"]]);
});

test("openAll opens what is not open yet, and goes on behind what fails", () => {
  const opened: string[] = [];
  const before = once(() => opened.push("before"));
  before();
  const fails = once(() => {
    opened.push("fails");
    throw new Error("this system has it not");
  });
  const library = oncePerLibrary((path) => opened.push(path));
  const last = once(() => opened.push("last"));
  openAll("/lib");
  assertEquals(opened, ["before", "fails", "/lib", "last"]);
  library("/lib");
  last();
  assertEquals(opened.length, 4);
  assertThrows(fails);
});
