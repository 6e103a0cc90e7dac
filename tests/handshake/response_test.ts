import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { CurlWebSocketError } from "../../src/errors.ts";
import type { HandshakeOffer } from "../../src/handshake/agreement.ts";
import { MAX_BODY_SIZE } from "../../src/handshake/body.ts";
import { MAX_HEADER_SIZE, ResponseReader } from "../../src/handshake/response.ts";
import { test } from "../support/testing.ts";
import {
  ACCEPT,
  agreed,
  DEFLATE,
  failed,
  FIELDS,
  GOOD,
  header,
  NOTHING,
  plain,
  read,
  readAnyhow,
  STATUS,
} from "./responses.ts";
import { bytewise, concat, cut, latin1, places, property, toHex } from "../protocol/support.ts";

test("a response that agrees, and what follows it", () => {
  const { agreement, rest } = agreed(`${GOOD}\x81\x01A`);
  assertEquals(agreement, {
    protocol: "",
    extensions: "",
    deflate: null,
    head: GOOD,
    headers: [["Upgrade", "websocket"], ["Connection", "Upgrade"], ["Sec-WebSocket-Accept", ACCEPT]],
  });
  assertEquals(rest, "810141");
  assertEquals(agreed(GOOD).rest, "");
});

test("names in any case, values in any space, Connection as a list and more than once, no reason", () => {
  for (const status of ["HTTP/1.1 101", "HTTP/1.1 101 ", "HTTP/1.1 101 Web Socket Protocol Handshake"]) {
    const { agreement } = agreed(header(
      status,
      "UPGRADE:WebSocket",
      "connection: keep-alive",
      "Connection:\t Foo , UPGRADE \t",
      `sec-websocket-ACCEPT: \t${ACCEPT}\t `,
      "X-Empty:",
      "X-Colon: a:b: c",
      "X-Latin: \xe9",
      "X-Twice: 1",
      "x-twice: 2",
    ));
    assertEquals(agreement.headers.slice(4), [
      ["X-Empty", ""],
      ["X-Colon", "a:b: c"],
      ["X-Latin", "\xe9"],
      ["X-Twice", "1"],
      ["x-twice", "2"],
    ]);
  }
});

test("a long field is read as it is", () => {
  const value = Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(0x21 + i % 93)).join("");
  const outcome = read([latin1(header(STATUS, ...FIELDS, `X: ${value}`))]);
  assert(outcome.kind === "agreed");
  assertEquals(outcome.agreement.headers.at(-1), ["X", value]);
});

test("interim responses before the final one are skipped", () => {
  const hints = header("HTTP/1.1 103 Early Hints", "Link: </style.css>; rel=preload");
  assertEquals(agreed(`${header("HTTP/1.1 100 Continue")}${hints}${GOOD}rest`).rest, toHex(latin1("rest")));
  assertEquals(failed("refused", hints + header("HTTP/1.1 400 Bad", "Content-Length: 0")).status, 400);
  assertEquals(readAnyhow(hints).kind, "open");
  assertEquals(failed("refused", `${hints}no HTTP`, NOTHING, false).code, "ERR_HANDSHAKE_INVALID");
});

test("nothing, and a header in part, say nothing at the end", () => {
  assertEquals(readAnyhow("").kind, "open");
  assertEquals(readAnyhow(GOOD.slice(0, -1)).kind, "open");
  assertEquals(new ResponseReader(ACCEPT, NOTHING).end(), null);
});

for (
  const line of [
    "HTTP/1.0 101 Switching Protocols",
    "HTTP/2 101",
    "HTTP/1.1  101 Switching Protocols",
    "HTTP/1.1 10",
    "HTTP/1.1 1010 x",
    "HTTP/1.1 abc x",
    "HTTP/1.1 101\tx",
    "HTTP/1.1 101 a\nb",
    "http/1.1 101 x",
    "SSH-2.0-OpenSSH_9",
    "",
    "\n",
    "\x15\x03\x01\x00\x02\x02\x16",
  ]
) {
  test(`not a status line: ${JSON.stringify(line)}`, () => {
    const error = failed("refused", header(line, ...FIELDS), NOTHING, false);
    assertEquals(error.code, "ERR_HANDSHAKE_INVALID");
    assertEquals(error.status, undefined);
  });
}

test("what is not HTTP is refused at its first byte that cannot be", () => {
  const refusedAt = (text: string) => {
    const reader = new ResponseReader(ACCEPT, NOTHING);
    for (let i = 0; i < text.length; i++) {
      try {
        reader.push(latin1(text[i]!));
      } catch (error) {
        assertInstanceOf(error, CurlWebSocketError);
        assertStringIncludes(error.message, `begins with ${JSON.stringify(text.slice(0, i + 1))}`);
        return i;
      }
    }
    return null;
  };
  assertEquals(refusedAt("SSH-2.0"), 0);
  assertEquals(refusedAt("HTTPS/1.1"), 4);
  assertEquals(refusedAt("HTTP/anything"), null);
});

for (
  const [line, shown] of [
    ["no colon", "no colon"],
    [": no name", ":"],
    ["a name: with a space", "a name:"],
    ["Name : space before the colon", "Name :"],
    [" Folded: line", " Folded:"],
    ["\tfolded", "\\tfolded"],
    ["N\xe9: not a token", "N\xe9:"],
    ["N\x9b2J: not a token", "N\\x9b2J:"],
    ["X: bare\rcarriage return", "X:"],
    ["X: \0", "X:"],
  ] as const
) {
  test(`not a header field: ${JSON.stringify(line)}`, () => {
    const error = failed("refused", header(STATUS, ...FIELDS, line));
    assertEquals(error.code, "ERR_HANDSHAKE_INVALID");
    assertStringIncludes(error.message, `a malformed header field: "${shown}"`);
  });
}

test("the header's limit is exact, however it comes", () => {
  assertEquals([MAX_HEADER_SIZE, MAX_BODY_SIZE], [65_536, 65_536]);
  const padding = (size: number) => {
    const rest = header(STATUS, ...FIELDS, "X: ").length;
    return latin1(header(STATUS, ...FIELDS, `X: ${"x".repeat(size - rest)}`));
  };
  const fits = padding(MAX_HEADER_SIZE), over = padding(MAX_HEADER_SIZE + 1);
  for (const cuts of [[], [100], [MAX_HEADER_SIZE - 1], [MAX_HEADER_SIZE], [70, 5000, 60_000]]) {
    assertEquals(read(cut(fits, cuts)).kind, "agreed");
    const outcome = read(cut(over, cuts));
    assert(outcome.kind === "refused");
    assertEquals(outcome.error.code, "ERR_HANDSHAKE_INVALID");
    assertStringIncludes(outcome.error.message, `larger than ${MAX_HEADER_SIZE} bytes`);
  }
  // Never ending, it is refused as soon as it is too long.
  const endless = new ResponseReader(ACCEPT, NOTHING);
  endless.push(over.subarray(0, MAX_HEADER_SIZE));
  let message = "";
  try {
    endless.push(Uint8Array.of(0x78));
  } catch (error) {
    message = (error as Error).message;
  }
  assertStringIncludes(message, "larger than");
});

test("interim responses count against the header's limit, however many there are", () => {
  const interim = "HTTP/1.1 100 Continue\r\n\r\n", fit = Math.floor((MAX_HEADER_SIZE - GOOD.length) / interim.length);
  for (const size of [1000, MAX_HEADER_SIZE * 4]) {
    const chunks = (text: string) => {
      const bytes = latin1(text);
      return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
    };
    assertEquals(read(chunks(interim.repeat(fit) + GOOD)).kind, "agreed");
    for (const more of [interim.repeat(fit + 1) + GOOD, interim.repeat(MAX_HEADER_SIZE)]) {
      const outcome = read(chunks(more));
      assert(outcome.kind === "refused");
      assertEquals(outcome.error.code, "ERR_HANDSHAKE_INVALID");
      assertStringIncludes(outcome.error.message, "with its interim responses, is larger than");
    }
  }
});

test("lines may end with a line feed alone, each for itself", () => {
  for (const [i, response] of [GOOD.replaceAll("\r\n", "\n"), GOOD.replace("\r\n", "\n")].entries()) {
    const { agreement, rest } = agreed(`${response}\x81\0`);
    assertEquals([agreement.headers.length, rest], [FIELDS.length, "8100"], String(i));
  }
  for (const end of ["\n\r\n", "\r\n\n", "\n\n"]) {
    assertEquals(agreed(GOOD.replace(/\r\n\r\n$/, end)).agreement.headers.length, FIELDS.length);
  }
  const refused = failed("ended", "HTTP/1.1 403 No\nX: y\n\nbody");
  assertEquals([refused.status, refused.headers], [403, [["X", "y"]]]);
  // A carriage return that no line feed follows stays what it was.
  assertEquals(failed("refused", `${STATUS}\n${FIELDS.join("\r")}\n\n`).code, "ERR_HANDSHAKE_INVALID");
});

test("what follows the header does not count against its limit", () => {
  const outcome = read([concat(latin1(GOOD), new Uint8Array(MAX_HEADER_SIZE * 2))]);
  assert(outcome.kind === "agreed");
  assertEquals(outcome.rest.length, MAX_HEADER_SIZE * 4);
});

/** Responses that are nearly right, as lines. */
const line = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...FIELDS, "X: y", "Content-Length: 3", "Transfer-Encoding: chunked") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "Sec-WebSocket-Protocol: chat",
      "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9",
      "Sec-WebSocket-Extensions: x",
      "Location: /",
      "upgrade: h2c",
      "\r\n",
      "bad",
    ),
  },
);

property(
  "any response comes to the same, cut anywhere; all that comes out is a CurlWebSocketError of the handshake",
  fc.record({
    status: fc.oneof(fc.constantFrom(STATUS, "HTTP/1.1 403 No", "HTTP/1.1 302", "HTTP/1.1 100"), fc.string()),
    lines: fc.array(line, { maxLength: 6 }),
    complete: fc.boolean(),
    body: fc.oneof(fc.constantFrom("", "abc", "3\r\nabc\r\n0\r\n\r\n", "abcdef", GOOD), fc.string()),
    faults: fc.array(fc.record({ at: fc.nat({ max: 1000 }), byte: fc.nat({ max: 255 }) }), { maxLength: 2 }),
    offer: fc.constantFrom<HandshakeOffer>(NOTHING, { protocols: ["chat"], deflate: DEFLATE }),
    places,
  }),
  ({ status, lines, complete, body, faults, offer, places }) => {
    const fields = complete ? [...FIELDS, ...lines] : lines;
    const bytes = latin1(header(status, ...fields) + body);
    for (const { at, byte } of faults) bytes[at % bytes.length] = byte;
    const outcome = read([bytes], offer);
    assertEquals(plain(read(cut(bytes, places), offer), false), plain(outcome, false));
    assertEquals(plain(read(bytewise(bytes), offer), false), plain(outcome, false));
    if ("error" in outcome) assert(/^ERR_HANDSHAKE_(INVALID|REDIRECT|STATUS)$/.test(outcome.error.code));
  },
  500,
);

test("each head is passed on as received, once, however it is cut: of interim responses, refusals and what cannot be parsed", () => {
  const early = header("HTTP/1.1 103 Early Hints", "Link: </\xe9>"), lines = GOOD.replaceAll("\r\n", "\n");
  const cases: [text: string, heads: string[]][] = [
    [GOOD, [GOOD]],
    [`${early}${early}${GOOD}\x81\x01A`, [early, early, GOOD]],
    [lines, [lines]],
    [`${header("HTTP/1.1 403 No", "A: b")}body\r\n\r\nbody`, [header("HTTP/1.1 403 No", "A: b")]],
    ["HTTP/1.1 101\r\nno field\r\n\r\n", ["HTTP/1.1 101\r\nno field\r\n\r\n"]],
    ["HTTP/1.1 101 not whole\r\n", []],
    ["SSH-2.0\r\n\r\n", ["SSH-2.0\r\n\r\n"]],
  ];
  for (const [text, expected] of cases) {
    for (const size of [1, 2, 7, text.length]) {
      const heads: string[] = [];
      const onHead = (head: Uint8Array) => void heads.push(String.fromCharCode(...head));
      const reader = new ResponseReader(ACCEPT, NOTHING, () => false, false, onHead);
      const bytes = latin1(text);
      try {
        for (let at = 0; at < bytes.length; at += size) {
          if (reader.push(bytes.subarray(at, at + size)) !== null) break;
        }
      } catch (error) {
        assertInstanceOf(error, CurlWebSocketError);
      }
      if (text.startsWith("SSH") && size < text.length) assertEquals(heads, []);
      else assertEquals(heads, expected, JSON.stringify(text));
    }
  }
});
