import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { test } from "../support/testing.ts";

// The members of the standard's interface.
const READ_ONLY = ["url", "readyState", "bufferedAmount", "extensions", "protocol"];
const WRITABLE = ["onopen", "onerror", "onclose", "onmessage", "binaryType"];
const METHODS = [["close", 0], ["send", 1]] as const;
const CONSTANTS = [["CONNECTING", 0], ["OPEN", 1], ["CLOSING", 2], ["CLOSED", 3]] as const;

const { prototype } = CurlWebSocket;

/** A socket that never connects, for its members. */
function idle(): CurlWebSocket {
  const socket = new CurlWebSocket("ws://example.test/");
  socket.close();
  return socket;
}

function property(object: object, name: PropertyKey): PropertyDescriptor {
  const descriptor = Object.getOwnPropertyDescriptor(object, name);
  assert(descriptor, `${String(name)} is no property`);
  return descriptor;
}

test("the constants are enumerable and cannot be changed, on class and prototype, as Web IDL has them", () => {
  for (const [name, value] of CONSTANTS) {
    for (const object of [CurlWebSocket, prototype]) {
      assertEquals(property(object, name), { value, writable: false, enumerable: true, configurable: false });
      assertEquals(Reflect.deleteProperty(object, name), false);
      assertEquals(Reflect.set(object, name, 7), false);
    }
    const socket = idle();
    assertEquals([Object.hasOwn(socket, name), Reflect.set(socket, name, 7), socket[name]], [false, false, value]);
  }
});

test("the attributes are enumerable accessors of the prototype, as Web IDL has them", () => {
  for (const name of [...READ_ONLY, ...WRITABLE]) {
    const { get, set, enumerable, configurable } = property(prototype, name);
    const accessors = [typeof get, typeof set];
    assertEquals(accessors, ["function", WRITABLE.includes(name) ? "function" : "undefined"], name);
    assertEquals([enumerable, configurable], [true, true], name);
  }
});

test("the methods are enumerable and writable, and have the standard's length", () => {
  for (const [name, length] of METHODS) {
    const { value, writable, enumerable, configurable } = property(prototype, name);
    assertEquals([value.name, value.length, writable, enumerable, configurable], [name, length, true, true, true]);
  }
});

test("setting a read-only attribute changes nothing", () => {
  const socket = idle();
  for (const name of READ_ONLY) {
    const before = Reflect.get(socket, name);
    assertEquals(Reflect.set(socket, name, "other"), false);
    assertThrows(() => (socket as unknown as Record<string, unknown>)[name] = "other", TypeError);
    assertStrictEquals(Reflect.get(socket, name), before);
  }
});

test("a socket has no own properties, and a program can add some", () => {
  const socket = idle();
  assertEquals(Reflect.ownKeys(socket).filter((key) => typeof key === "string"), []);
  Reflect.set(socket, "mine", 1);
  assertEquals(Reflect.get(socket, "mine"), 1);
});

test("for-in and the in operator find the standard's members", () => {
  const socket = idle();
  const found: string[] = [];
  for (const name in socket) found.push(name);
  for (const name of [...READ_ONLY, ...WRITABLE, "close", "send", "OPEN"]) {
    assert(found.includes(name), `for-in does not find ${name}`);
    assert(name in socket);
  }
});

test("members called on another object are a TypeError", () => {
  for (const name of [...READ_ONLY, ...WRITABLE]) {
    assertThrows(() => property(prototype, name).get!.call({}), TypeError);
    assertThrows(() => Reflect.get(prototype, name), TypeError);
  }
  assertThrows(() => Reflect.apply(prototype.send, {}, ["x"]), TypeError);
  assertThrows(() => Reflect.apply(prototype.close, {}, []), TypeError);
});

test("members check their receiver before they convert their arguments", () => {
  let converted = 0;
  const given = { toString: () => `${++converted}`, valueOf: () => ++converted };
  assertThrows(() => Reflect.apply(prototype.close, {}, [4000.5]), TypeError);
  assertThrows(() => Reflect.apply(prototype.close, {}, [7, "x".repeat(200)]), TypeError);
  assertThrows(() => Reflect.apply(prototype.close, {}, [given, given]), TypeError);
  assertThrows(() => Reflect.apply(prototype.send, {}, [given]), TypeError);
  assertThrows(() => property(prototype, "binaryType").set!.call({}, "nonsense"), TypeError);
  assertThrows(() => property(prototype, "binaryType").set!.call({}, given), TypeError);
  for (const name of WRITABLE) assertThrows(() => property(prototype, name).set!.call({}, null), TypeError);
  assertEquals(converted, 0);
});

test("the third argument is an object of options, undefined or null", () => {
  const make = (third: unknown) => Reflect.construct(CurlWebSocket, ["ws://example.test/", ["chat"], third]);
  for (const third of [undefined, null, {}, { closeTimeout: 1 }, () => {}]) make(third).close();
  for (const [third, kind] of [["https://example.test", "a string"], [7, "a number"], [true, "a boolean"]]) {
    assertThrows(() => make(third), TypeError, `must be an object of options, not ${kind}`);
  }
  assertThrows(() => make(["chat"]), TypeError, "must be an object of options, not a list");
  // A function is an object to Web IDL, and so a dictionary: here one without members.
  Reflect.construct(CurlWebSocket, ["ws://example.test/", () => {}]).close();
});

test("the class is named CurlWebSocket and requires one argument", () => {
  assertEquals([CurlWebSocket.name, CurlWebSocket.length], ["CurlWebSocket", 1]);
  const made = CurlWebSocket.with({});
  assertEquals([made.name, made.length], ["CurlWebSocket", 1]);
  assertStrictEquals(Object.getPrototypeOf(CurlWebSocket), EventTarget);
  assertStrictEquals(prototype.constructor, CurlWebSocket);
  assertEquals(property(CurlWebSocket, "prototype").writable, false);
});

test("Object.prototype.toString returns [object WebSocket], for programs that test for one", () => {
  assertEquals(Object.prototype.toString.call(idle()), "[object WebSocket]");
  const expected = { value: "WebSocket", writable: false, enumerable: false, configurable: true };
  assertEquals(property(prototype, Symbol.toStringTag), expected);
  assertEquals(`${idle()}`, "[object WebSocket]");
});

test("with() keeps the built-in options of its class, and the members of a subclass", () => {
  class Mine extends CurlWebSocket {
    get mine(): string {
      return "mine";
    }
  }
  const Made = Mine.with({ closeTimeout: 1 }).with({ handshakeTimeout: 1 });
  const socket = new Made("ws://example.test/");
  socket.close();
  assert(socket instanceof Mine);
  assertEquals([socket.mine, Made.name], ["mine", "Mine"]);
  // A bad option built in at first is still there after the second with().
  const Bad = CurlWebSocket.with({ closeTimeout: -1 }).with({ handshakeTimeout: 1 });
  assertThrows(() => new Bad("ws://example.test/"), RangeError, "closeTimeout");
});
