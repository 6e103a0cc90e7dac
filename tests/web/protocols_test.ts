import { assertEquals, assertThrows } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { domException, failed, opened } from "../support/events.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

type Second = string | Iterable<string> | undefined;

/** The values of Sec-WebSocket-Protocol in the request of `new CurlWebSocket(url, ...second)`. */
async function offered(...second: unknown[]): Promise<string[]> {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url(), ...second as [Second]);
  const failure = failed(socket);
  const request = await (await server.connection()).request();
  socket.close();
  await failure;
  return [...request.matchAll(/^sec-websocket-protocol: *(.*)\r$/gim)].map(([, value]) => value!);
}

const refused = (second: unknown): string =>
  domException(() => new CurlWebSocket("ws://example.test/", second as Second));

test("subprotocols: a separator, control character or space is a SyntaxError", () => {
  const separators = [...'()<>@,;:\\"/[]?={} \t'];
  const controls = [...Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)), "\x7f"];
  for (const char of [...separators, ...controls]) {
    for (const protocol of [char, `a${char}b`, `${char}a`, `a${char}`]) {
      assertEquals(refused(protocol), "SyntaxError", JSON.stringify(protocol));
      assertEquals(refused(["good", protocol]), "SyntaxError", JSON.stringify(protocol));
    }
  }
});

test("subprotocols: non-ASCII and the empty string are a SyntaxError", () => {
  for (const protocol of ["", "\x80", "é", "ÿ", "中", "🎉", "\ud800", "a\u0130"]) {
    assertEquals(refused(protocol), "SyntaxError", JSON.stringify(protocol));
    assertEquals(refused([protocol]), "SyntaxError", JSON.stringify(protocol));
  }
});

test("subprotocols: every token character is accepted", async () => {
  const token = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index))
    .filter((char) => !'()<>@,;:\\"/[]?={}'.includes(char)).join("");
  assertEquals(token.length, 77);
  assertEquals(await offered(token), [token]);
});

test("subprotocols: a duplicate is a SyntaxError", () => {
  assertEquals(refused(["a", "b", "a"]), "SyntaxError");
  assertEquals(refused(new Set(["a"])[Symbol.iterator]().toArray().concat("a")), "SyntaxError");
});

test("subprotocols: names that differ in case are different, as the standard says (Deno and Node refuse them)", async () => {
  assertEquals(await offered(["chat", "Chat"]), ["chat, Chat"]);
});

test("subprotocols: a string offers one, an array or another iterable each of its members in order", async () => {
  assertEquals(await offered("one"), ["one"]);
  assertEquals(await offered(["one", "two"]), ["one, two"]);
  assertEquals(await offered(new Set(["two", "one"])), ["two, one"]);
  assertEquals(
    await offered((function* () {
      yield "x";
      yield "y";
    })()),
    ["x, y"],
  );
});

test("subprotocols: an empty iterable, undefined, null or an object offers none", async () => {
  for (const second of [[], new Set(), undefined, null, {}]) assertEquals(await offered(second), []);
  assertEquals(await offered(), []);
});

test("subprotocols: members and other values are converted to strings", async () => {
  assertEquals(await offered([1, true, null, { toString: () => "object" }]), ["1, true, null, object"]);
  assertEquals(await offered(7), ["7"]);
  assertEquals(await offered(false), ["false"]);
  assertEquals(await offered(new String("ab")), ["a, b"]);
  assertThrows(() => refused([Symbol("a")]), TypeError);
  assertThrows(() => refused(Symbol("a")), TypeError);
});

test("subprotocols: the protocols option takes the same values as the argument", async () => {
  assertEquals(await offered({ protocols: "one" }), ["one"]);
  assertEquals(await offered({ protocols: new Set(["one", "two"]) }), ["one, two"]);
  assertEquals(await offered({ protocols: [] }), []);
  assertEquals(await offered({ protocols: undefined }), []);
  assertEquals(refused({ protocols: ["a", "a"] }), "SyntaxError");
  assertEquals(refused({ protocols: "" }), "SyntaxError");
});

test("subprotocols: an invalid URL is reported before an invalid subprotocol", () => {
  const error = assertThrows(() => new CurlWebSocket("ws://example.test/#", [""])) as DOMException;
  assertEquals([error.name, error.message.includes("fragment")], ["SyntaxError", true]);
});

const ANSWERS: [what: string, protocols: string[], headers: string[], chosen: string | null][] = [
  ["a server may choose none where none was offered", [], [], ""],
  ["a server may choose the first", ["one", "two"], ["Sec-WebSocket-Protocol: one"], "one"],
  ["a server may choose the last", ["one", "two"], ["sec-websocket-protocol:two "], "two"],
  ["a server must choose one of those offered", ["one"], [], null],
  ["a server must not choose an empty one", ["one"], ["Sec-WebSocket-Protocol:"], null],
  ["a server must not choose one in another case", ["one"], ["Sec-WebSocket-Protocol: One"], null],
  ["a server must not choose two", ["one", "two"], ["Sec-WebSocket-Protocol: one, two"], null],
  ["a server must not answer twice", ["one"], ["Sec-WebSocket-Protocol: one", "Sec-WebSocket-Protocol: one"], null],
  ["a server must not choose where none was offered", [], ["Sec-WebSocket-Protocol: one"], null],
];

for (const [what, protocols, headers, chosen] of ANSWERS) {
  test(`subprotocols: ${what}`, async () => {
    await using server = await RawServer.start();
    const socket = new CurlWebSocket(server.url(), protocols);
    const end = chosen === null ? failed(socket) : opened(socket);
    const peer = await server.connection();
    await peer.accept({ headers });
    const failure = await end;
    if (failure) assertEquals([failure.close.code, failure.close.wasClean], [1006, false]);
    assertEquals(socket.protocol, chosen ?? "");
    socket.terminate();
  });
}
