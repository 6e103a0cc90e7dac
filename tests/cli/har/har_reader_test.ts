import { assertEquals, assertThrows } from "@std/assert";
import { readFileSync } from "node:fs";
import { readRecording, RecordingError } from "../../../cli/har/har_reader.ts";
import { test } from "../../support/testing.ts";
import { entry } from "./support.ts";

const vector = (name: string) => readFileSync(new URL(`../../vectors/har/${name}.har`, import.meta.url), "utf8");
const log = (...entries: unknown[]) => JSON.stringify({ log: { version: "1.2", entries } });
const read = (text: string) => readRecording(text, "feed.har");
const BYTES = new Uint8Array([0, 1, 254, 255]);

test("readRecording() reads what Chromium's DevTools and mitmproxy have written", () => {
  for (const name of ["chromium", "mitmproxy"]) {
    const [connection, ...more] = read(vector(name));
    assertEquals(more, []);
    const { path, status, protocol, messages, close } = connection!;
    assertEquals([path, status, protocol], ["/feed", 101, null], name);
    assertEquals(messages.map(({ from, data }) => [from, data]), [
      ["client", '{"subscribe":"trades"}'],
      ["server", '{"subscribe":"trades"}'],
      ["client", BYTES],
      ["server", BYTES],
      ["client", "grüß ✓"],
      ["server", "grüß ✓"],
      ["client", ""],
      ["server", ""],
    ]);
    const times = messages.map(({ at }) => at);
    assertEquals(times.every((at, index) => at >= (times[index - 1] ?? 0)), true, times.join());
    // Chromium's `wait` is how long the connection was open: it begins with the first message.
    assertEquals([times[0]! < 10, times.at(-1)! > 50, times.at(-1)! < 1000], [true, true, true], times.join());
    assertEquals(close, { at: times.at(-1)!, code: 1000, reason: "" });
  }
});

test("readRecording(): what is no WebSocket, no message and no response is passed over", () => {
  const page = { startedDateTime: "2026-01-01T00:00:00Z", request: { url: "https://a/" }, response: { status: 200 } };
  const later = entry([["receive", 100, "b"]], { url: "wss://a/b" });
  const first = {
    ...entry([["receive", 5, "a"]]),
    startedDateTime: "2026-01-02T03:04:04.000Z",
    timings: { wait: 995 },
  };
  const control = [8, 9, 10, -1].map((opcode) => ({ type: "receive", time: 1, opcode, data: "" }));
  const noted = entry([], {
    url: "wss://a/c",
    _webSocketMessages: [...control, { type: "error", time: 1, opcode: -1, data: "oops" }],
  });
  const unanswered = entry([], { status: 0 });
  const connections = read("\ufeff" + log(page, later, unanswered, first, noted));
  assertEquals(connections.map(({ path, messages }) => [path, messages.map(({ at, data }) => [at, data])]), [
    ["/feed", [[5 + 1000 - 995, "a"]]],
    ["/b", [[100, "b"]]],
    ["/c", []],
  ]);
  // Of a tool that leaves the status of a WebSocket out.
  assertEquals(read(log(entry([["send", 1, "a"]], { status: 0 })))[0]?.status, 101);
  const [refused] = read(log(entry([], { status: 503, headers: [["Retry-After", "7"]] })));
  assertEquals([refused?.status, refused?.headers], [503, [["Retry-After", "7"]]]);
});

test("readRecording(): a file that was torn has all its whole lines", () => {
  const whole = `{"log":{"version":"1.2","creator":{},"pages":[],"entries":[\n${
    JSON.stringify(entry([], { url: "wss://a/first" })).replace(/\}$/, "")
  },"_webSocketMessages":[\n${
    Array.from({ length: 5 }, (_, index) =>
      JSON.stringify({ type: "receive", time: 1767323045.1, opcode: 1, data: `${index}` })).join(",\n")
  }`;
  const numbers = (text: string) => read(text)[0]?.messages.map(({ data }) => data).join("");
  assertEquals(numbers(`${whole}\n]}\n]}}\n`), "01234");
  for (const torn of ['\n],"_webSock', ",", ',\n{"type":"rec', ',\n{"type":"receive"}}\n', ',\n{"ty\n]}\n]}}\n']) {
    assertEquals(numbers(whole + torn), "01234", torn);
  }
  assertEquals(numbers(whole.slice(0, -3)), "0123");
  assertThrows(() => read(whole.slice(0, 60)), RecordingError, "of its 0 entries");
  assertThrows(() => read(whole.slice(0, 30)), RecordingError, "feed.har is no HAR file");
});

test("readRecording(): an error names the entry and the field, and says what to do", () => {
  const message = (fields: object) =>
    entry([], { _webSocketMessages: [{ type: "send", time: 1, opcode: 1, data: "", ...fields }] });
  const page = { request: { url: "https://a/" } };
  const cases: [text: string, message: string][] = [
    ["", "feed.har is no HAR file: "],
    ["<html>", "feed.har is no HAR file: "],
    ["[]", "feed.har is no HAR file: it has no log.entries; record one by curlws --har"],
    ["null", "it has no log.entries"],
    [log(), "feed.har has no WebSocket: of its 0 entries no entry has _webSocketMessages"],
    [log(page, null, 7), "of its 3 entries no entry has _webSocketMessages; in DevTools open the page again"],
    [log(entry([], { status: 0 })), "none of its handshakes has a response"],
    [
      log(page, message({ opcode: 0 })),
      "feed.har: log.entries[1]._webSocketMessages[0].opcode is 0: it must be 1, text, or 2, binary",
    ],
    [log(message({ type: "sent" })), '_webSocketMessages[0].type is "sent": it must be "send" or "receive"'],
    [log(message({ time: "now" })), '_webSocketMessages[0].time is "now": it must be seconds'],
    [log(message({ data: undefined })), "_webSocketMessages[0].data is missing: it must be text"],
    [log(message({ opcode: 2, data: "ÿ==" })), '_webSocketMessages[0].data is "ÿ==": it must be base64'],
    [log(entry([], { _webSocketMessages: [null] })), "_webSocketMessages[0] is null: it must be an object"],
    [log(entry([], { _webSocketMessages: {} })), "_webSocketMessages is {}: it must be a list"],
    [log(entry([], { startedDateTime: "soon" })), 'startedDateTime is "soon": it must be an ISO 8601 date'],
    [log(entry([], { url: "/feed" })), 'request.url is "/feed": it must be a URL'],
    [log(entry([], { response: { status: 101, headers: [{}] } })), "response.headers[0] is {}: it must have a name"],
    [log(entry([], { close: { code: 99 } })), "_webSocketClose.code is 99: it must be 1000 to 4999"],
    [
      log(entry([], { close: { code: 1000, reason: "ü".repeat(62) } })),
      `_webSocketClose.reason is "${"ü".repeat(59)}: it must be text of at most 123 bytes`,
    ],
    [log(message({ data: { a: "x".repeat(100) } })), `data is {"a":"${"x".repeat(54)}: it must be text`],
  ];
  for (const [text, expected] of cases) assertThrows(() => read(text), RecordingError, expected);
});
