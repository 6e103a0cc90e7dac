import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { CurlWebSocket } from "../../mod.ts";
import { CurlWebSocketError } from "../../src/errors.ts";
import * as redact from "../../src/observe/redact.ts";
import { test } from "../support/testing.ts";

const { printable, printableLines, shownBody, shownFirstLine, shownSubprotocols, shownUrl, shownValue, shownWords } =
  redact;
const bytes = (text: string) => new TextEncoder().encode(text);

test("redact: a server's text has no effect on a terminal, and none of it is lost", () => {
  assertEquals(printable("plain text, äöü, 漢字, ‘quotes’"), "plain text, äöü, 漢字, ‘quotes’");
  assertEquals(printable("\x1b[2J\x07\x7f\x9b1m\0"), "\\x1b[2J\\x07\\x7f\\x9b1m\\x00");
  assertEquals(printable("a\tb\r\nc"), "a\\tb\\r\\nc");
  assertEquals(printable("\u202eexe.\u2066gpj\u2069\u200f"), "\\u202eexe.\\u2066gpj\\u2069\\u200f");
  assertEquals(
    printable("a\u200bb\u00adc\ufeffd\u2060e\u3164f\u{e0041}"),
    "a\\u200bb\\xadc\\ufeffd\\u2060e\\u3164f\\u{e0041}",
  );
  assertEquals(printable("a\u2028b\u2029c\u0085"), "a\\u2028b\\u2029c\\x85");
  assertEquals(printable(String.fromCharCode(0x61, 0xd800, 0x62)), "a\\ud800b");
  // Emoji are seen, with the joiners and selectors that they are made of; elsewhere those are not.
  assertEquals(printable("👩‍👩‍👧 ❤️ 👍🏽 🇩🇪 a\u200db\ufe0f"), "👩‍👩‍👧 ❤️ 👍🏽 🇩🇪 a\\u200db\\ufe0f");
  assertEquals(printable("x".repeat(300), 200), "x".repeat(200) + "…");
  assertEquals(printableLines("a\tb\r\nc\x1b"), "a\tb\\r\nc\\x1b");
});

test("redact: a URL for programs is whole, and a URL, without its secrets", () => {
  const long = `/${"p".repeat(300)}`;
  for (
    const [url, expected] of [
      ["ws://joe:hunter2@h/a?b=hunter2&c=&hunter2&d=1#x", "ws://h/a?b=%E2%80%A6&%E2%80%A6&%E2%80%A6&d=%E2%80%A6#x"],
      [`wss://h:8443${long}?`, `wss://h:8443${long}`],
      ["wss://[::1]/a%20b?a=b=c", "wss://[::1]/a%20b?a=%E2%80%A6"],
    ] as const
  ) assertEquals(redact.secretlessUrl(new URL(url)), expected);
});

test("redact: no text keeps a control, format or separator character outside emoji", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assertEquals(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/v.test(printable(text).replace(/\p{RGI_Emoji}/gv, "")), false);
  }));
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("\x1b", "\n", "\u202e", "\u200d", "👩", "❤", "\ufe0f", "a") }),
      (text) => {
        assertEquals(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/v.test(printable(text).replace(/\p{RGI_Emoji}/gv, "")), false);
      },
    ),
  );
});

test("redact: a text body is shown, a binary one described", () => {
  assertEquals(shownBody(new Uint8Array(0), false), "");
  assertEquals(shownBody(bytes(" \r\n "), false), "");
  assertEquals(shownBody(bytes("no\n\tway\x1b]0;x\x07"), false), "it says: no way\\x1b]0;x\\x07");
  assertEquals(shownBody(bytes("<p>…</p>"), true), "its body: binary, 10 bytes");
  assertEquals(shownBody(new Uint8Array([0x1f, 0x8b, 8, 0, 0]), false), "its body: binary, 5 bytes");
  assertEquals(shownBody(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), false), "its body: binary, 8 bytes");
  // Latin-1, and a character that is cut in two.
  assertEquals(shownBody(new Uint8Array([0x66, 0xfc, 0x72]), false), "it says: f\ufffdr");
  assertEquals(shownBody(bytes("ä".repeat(150)), false), `it says: ${"ä".repeat(100)}`);
  assertEquals(shownBody(bytes("a" + "ä".repeat(150)), false), `it says: a${"ä".repeat(99)}`);
});

test("redact: URLs lose users, passwords, tokens and fragments, even if they are relative or broken", () => {
  const cases: [url: string, shown: string][] = [
    ["wss://joe:hunter2@h:1/p?token=hunter2&x=1#hunter2", "wss://h:1/p?token=…&x=…#…"],
    ["wss://hunter2@h/", "wss://h/"],
    ["wss://h/p?hunter2", "wss://h/p?…"],
    ["wss://h/p?hunter2==&hunter2=&n=hunter2=&&=hunter2", "wss://h/p?…&…&n=…&&…"],
    [`wss://h/p?${"hunter2".repeat(6)}=x`, "wss://h/p?…"],
    ["//joe:hunter2@h/p", "//h/p"],
    ["/p?t=hunter2#hunter2", "/p?t=…#…"],
    ["/@joe/users/a:b@c", "/@joe/users/a:b@c"],
    ["p@q", "p@q"],
    ["https:joe:hunter2@h/p", "https:h/p"],
    ["https:\\\\joe:hunter2@h/p", "https:\\\\h/p"],
    [" \x01/\t/joe:hunter2@h/p", "//h/p"],
    ["joe:hunter2@h/p", "h/p"],
    ["wss://joe:hun/ter2@h/p", "wss://h/p"],
    ["wss://joe:hun?ter2#@h/p", "wss://h/p"],
    ["wss://joe:hunter2", "wss://joe:…"],
    ["wss://h:99999/p", "wss://h:99999/p"],
    ["wss://a b/p", "wss://a b/p"],
    ["/\x1b[2J\u202e", "/\\x1b[2J\\u202e"],
  ];
  for (const [url, shown] of cases) assertEquals(shownUrl(url), shown, url);
  assertEquals(shownUrl(new URL("wss://joe:hunter2@h/?hunter2")), "wss://h/?…");
  assertEquals(shownUrl(`/${"x".repeat(1000)}`).length, 201);
});

test("redact: libcurl's messages lose passwords, users and tokens, with and without quotes in names", () => {
  assertEquals(shownWords("Server auth using Basic with user 'o'brien'"), "Server auth using Basic with user '…'");
  assertEquals(shownWords("username: 'y's' (x)\n"), "username: '…' (x)\\n");
  assertEquals(shownWords("again: http://joe:hun'ter2@h/?hunter2 (x)"), "again: http://h/?… (x)");
  assertEquals(shownWords("Issuer: CN=\x1b[2Jevil\u202e"), "Issuer: CN=\\x1b[2Jevil\\u202e");
});

test("redact: the lines, fields and subprotocols of a handshake lose their secrets", () => {
  assertEquals(shownFirstLine("GET /p?hunter2&a=hunter2 HTTP/1.1"), "GET /p?…&a=… HTTP/1.1");
  assertEquals(shownFirstLine("CONNECT h:443 HTTP/1.1"), "CONNECT h:443 HTTP/1.1");
  assertEquals(shownFirstLine("HTTP/1.1 403 no\x1b[2J"), "HTTP/1.1 403 no\\x1b[2J");
  assertEquals(shownValue("Location", "//joe:hunter2@h/?hunter2"), "//h/?…");
  assertEquals(shownValue("Set-Cookie", "hunter2"), "(7 characters)");
  assertEquals(shownValue("Server", "\x1b"), "\\x1b");
  assertEquals(redact.shownHeadLine("GET /p?hunter2 HTTP/1.1"), "GET /p?… HTTP/1.1");
  assertEquals(redact.shownHeadLine("HTTP/1.1 403 no: \x1b"), "HTTP/1.1 403 no: \\x1b");
  assertEquals(redact.shownHeadLine("X-Api-Key:  hunter2"), "X-Api-Key: (7 characters)");
  assertEquals(redact.shownHeadLine("Server\x1b: a"), "Server\\x1b: (1 characters)");
  assertEquals(redact.shownHeadLine("\thunter2"), "(8 characters)");
  assertEquals(shownSubprotocols(["chat", "x".repeat(40), "\u202e"]), "chat, (40 characters), \\u202e");
});

test("redact: an error's message is printable whatever it quotes, and keeps its own line breaks", () => {
  const { message, stack } = new CurlWebSocketError("ERR_TLS", "CN=\x1b[2J\u202eevil\nthe next line");
  assertEquals(message, "CN=\\x1b[2J\\u202eevil\nthe next line");
  assertEquals(stack?.includes("\x1b"), false);
});

test("redact: an error about a URL or header shows none of its secrets", () => {
  const refused = (url: string, options = {}) => {
    try {
      new CurlWebSocket(url, options).terminate();
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  const messages = [
    refused("wss://joe:hun/ter2@h:x/"),
    refused("ftp://joe:hunter2@h/?hunter2"),
    refused("wss://joe:hunter2@h/#hunter2"),
    refused("wss://h/", { origin: "https://joe:hunter2@h/" }),
    refused("wss://h/", { dohUrl: "http://joe:hunter2@h/" }),
    refused("wss://h/", { headers: { Authorization: "hunter2\n" } }),
    refused("wss://h/", { protocols: ["hunter2 ".repeat(6)] }),
  ];
  for (const message of messages) {
    assertEquals(message !== "" && !/joe|hun.?ter2/.test(message), true, message);
  }
});

test("redact: of what was meant as a field or an option only the name", () => {
  assertEquals(redact.shownFieldName("Authorization Bearer hunter2"), "Authorization…");
  assertEquals(redact.shownFieldName(" X-Key;hunter2\nhunter2"), " X-Key…");
  assertEquals(redact.shownFieldName("\x1bname"), "\\x1bname");
  assertEquals(redact.shownOption("--pasword=hunter2=hunter2\nhunter2"), "--pasword=…");
  assertEquals(redact.shownOption("--hedaer"), "--hedaer");
});
