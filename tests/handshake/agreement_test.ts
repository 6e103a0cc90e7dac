/** What a server agreed to, or did not, in the response that carries it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { test } from "../support/testing.ts";
import { ACCEPT, agreed, DEFLATE, failed, FIELDS, GOOD, header, STATUS } from "./responses.ts";

const INVALID: readonly (readonly [name: string, lines: readonly string[], why: string])[] = [
  ["no Upgrade", [STATUS, FIELDS[1]!, FIELDS[2]!], "Upgrade must be websocket, and is absent"],
  ["another Upgrade", [STATUS, "Upgrade: h2c", FIELDS[1]!, FIELDS[2]!], "Upgrade must be websocket, and is h2c"],
  ["an empty Upgrade", [STATUS, "Upgrade:", FIELDS[1]!, FIELDS[2]!], "Upgrade must be websocket, and is absent"],
  ["two Upgrades", [STATUS, FIELDS[0]!, ...FIELDS], "Upgrade must be websocket, and is websocket, websocket"],
  ["no Connection", [STATUS, FIELDS[0]!, FIELDS[2]!], "Connection must be Upgrade, and is absent"],
  [
    "another Connection",
    [STATUS, FIELDS[0]!, "Connection: close, x-upgrade", FIELDS[2]!],
    "Connection must be Upgrade, and is close, x-upgrade",
  ],
  ["no Accept", [STATUS, FIELDS[0]!, FIELDS[1]!], `Accept must be ${ACCEPT}, and is absent`],
  [
    "an Accept in another case",
    [STATUS, FIELDS[0]!, FIELDS[1]!, `Sec-WebSocket-Accept: ${ACCEPT.toLowerCase()}`],
    `Accept must be ${ACCEPT}, and is ${ACCEPT.toLowerCase()}; the server, or something between`,
  ],
  ["two Accepts", [STATUS, ...FIELDS, FIELDS[2]!], `and is ${ACCEPT}, ${ACCEPT}`],
  [
    "an extension where none was offered",
    [STATUS, ...FIELDS, "Sec-WebSocket-Extensions: permessage-deflate"],
    "the server chose the extension permessage-deflate, which was not offered",
  ],
  ["an empty extension", [STATUS, ...FIELDS, "Sec-WebSocket-Extensions:"], "is malformed"],
  ["a malformed extension", [STATUS, ...FIELDS, "Sec-WebSocket-Extensions: a b"], '"b" is unexpected'],
  [
    "a subprotocol where none was offered",
    [STATUS, ...FIELDS, "Sec-WebSocket-Protocol: chat"],
    "the server chose the subprotocol chat, and offered were none",
  ],
];

for (const [name, lines, why] of INVALID) {
  test(`the handshake fails with ${name}`, () => {
    const error = failed("refused", header(...lines));
    assertEquals(error.code, "ERR_HANDSHAKE_INVALID");
    assertEquals(error.status, 101);
    assertEquals(error.headers?.length, lines.length - 1);
    assertStringIncludes(error.message, why);
  });
}

test("a subprotocol is one of those offered", () => {
  const offer = { protocols: ["chat", "superchat"], deflate: null };
  const choosing = (...protocols: string[]) =>
    header(STATUS, ...FIELDS, ...protocols.map((protocol) => `sec-websocket-protocol: ${protocol}`));
  assertEquals(agreed(choosing("superchat"), offer).agreement.protocol, "superchat");
  for (
    const [response, why] of [
      [choosing(), "the server chose none of the subprotocols offered: chat, superchat"],
      [choosing("foo"), "the server chose the subprotocol foo, and offered were chat, superchat"],
      [choosing("Chat"), "the server chose the subprotocol Chat"],
      [choosing("chat, superchat"), "the server chose the subprotocol chat, superchat"],
      [choosing(""), "the server chose the subprotocol ,"],
      [choosing("chat", "chat"), "the server chose more than one subprotocol: chat, chat"],
    ] as const
  ) {
    const error = failed("refused", response, offer);
    assertEquals([error.code, error.status], ["ERR_HANDSHAKE_INVALID", 101]);
    assertStringIncludes(error.message, why);
  }
});

test("permessage-deflate is agreed to, also in more than one field", () => {
  const offer = { protocols: [], deflate: DEFLATE };
  const field = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_max_window_bits=10";
  const { agreement } = agreed(header(STATUS, ...FIELDS, field), offer);
  assertEquals(agreement.extensions, field.slice(field.indexOf(":") + 2));
  assertEquals(agreement.deflate, {
    serverNoContextTakeover: true,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 10,
  });
  assertEquals(agreed(GOOD, offer).agreement.deflate, null);
  const twice = "Sec-WebSocket-Extensions: permessage-deflate";
  assertStringIncludes(failed("refused", header(STATUS, ...FIELDS, twice, twice), offer).message, "more than once");
  assertStringIncludes(
    failed("refused", header(STATUS, ...FIELDS, twice, "sec-websocket-extensions: foo"), offer).message,
    "foo",
  );
});
