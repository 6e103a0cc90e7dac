import { assert, assertEquals, assertThrows } from "@std/assert";
import { CurlWebSocket, type CurlWebSocketOptions } from "../../mod.ts";
import { opened } from "../support/events.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

/** The request of a socket, in lines, and its `url`. */
async function requested(path: string, options: CurlWebSocketOptions): Promise<{ lines: string[]; url: string }> {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url(path), { proxy: false, ...options });
  const open = opened(socket);
  const request = await (await server.connection()).accept();
  await open;
  socket.terminate();
  return { lines: request.split("\r\n"), url: socket.url.replace(`:${server.port}`, "") };
}

const PARAMS: readonly (readonly [path: string, params: CurlWebSocketOptions["params"], target: string])[] = [
  ["/a", { x: "1", y: 2, z: true }, "/a?x=1&y=2&z=true"],
  ["/a?b=c%20d&e", { x: "1" }, "/a?b=c%20d&e&x=1"],
  ["/a?", { x: "1" }, "/a?x=1"],
  ["/", { list: ["a", 1, false], none: [] }, "/?list=a&list=1&list=false"],
  ["/", [["x", "1"], ["x", 2]], "/?x=1&x=2"],
  ["/", new URLSearchParams("q=a+b&q=%26"), "/?q=a+b&q=%26"],
  ["/", { "a b": "c&d=\u00e9\r\n" }, "/?a+b=c%26d%3D%C3%A9%0D%0A"],
  ["/a?b", {}, "/a?b"],
  ["/a?b", undefined, "/a?b"],
];

for (const [path, params, target] of PARAMS) {
  test(`params: ${path} becomes ${target}`, async () => {
    const { lines, url } = await requested(path, { params });
    assertEquals(lines[0], `GET ${target} HTTP/1.1`);
    assertEquals(url, `ws://127.0.0.1${target}`);
  });
}

test("invalid params are a TypeError that names them", () => {
  const wrong: [unknown, string][] = [
    ["a=1", "params must be"],
    [null, "params must be"],
    [{ a: null }, "the value of a"],
    [{ a: undefined }, "the value of a"],
    [{ a: ["1", {}] }, "the value of a"],
    [[[1, "a"]], "a name must be a string"],
  ];
  for (const [params, why] of wrong) {
    assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { params: params as never }), TypeError, why);
  }
});

test("origin is sent exactly as given", async () => {
  for (const origin of ["https://example.com", "http://example.com:8080", "null", "chrome-extension://abcdef"]) {
    assert((await requested("/", { origin })).lines.includes(`Origin: ${origin}`), origin);
  }
  assert(!(await requested("/", {})).lines.some((line) => line.startsWith("Origin")));
});

test("an invalid origin is a TypeError", () => {
  const wrong = [
    "",
    "example.com",
    "https://example.com/",
    "https://example.com/a",
    "https://a b",
    "https://a\r\nb",
    "Null",
  ];
  for (const origin of [...wrong, 7, null]) {
    assertThrows(
      () => new CurlWebSocket("ws://127.0.0.1:9/", { origin: origin as string }),
      TypeError,
      "origin must be",
    );
  }
  assertThrows(
    () => new CurlWebSocket("ws://127.0.0.1:9/", { origin: "null", headers: { Origin: "null" } }),
    TypeError,
    "origin and the origin of headers",
  );
});
