/** The words of `ws` for errors of ours: made by what makes them. */
import { assertEquals, assertThrows } from "@std/assert";
import { CurlWebSocketError } from "../../src/errors.ts";
import { checkAgreement, type HandshakeOffer } from "../../src/handshake/agreement.ts";
import { ProtocolViolation, VIOLATIONS } from "../../src/protocol/constants.ts";
import { type CodedError, connectionError, openingError } from "../../ws/errors.ts";
import { test } from "../support/testing.ts";

const OFFER = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: null,
  clientMaxWindowBits: true,
} as const;

test("a handshake that is wrong has the words of ws", () => {
  const good = { Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Accept": "x" };
  const words = (fields: object, offer: Partial<HandshakeOffer> = {}) => {
    const headers = Object.entries({ ...good, ...fields }) as [string, string][];
    const head = { status: 101, statusText: "", headers, text: "", version: "1.1" };
    const check = () => checkAgreement(head, "x", { protocols: [], deflate: OFFER, ...offer });
    return openingError(assertThrows(check, CurlWebSocketError) as CurlWebSocketError, offer.deflate !== null).message;
  };
  const protocols = ["json"];
  const extension = (value: string) => ({ "Sec-WebSocket-Extensions": value });
  assertEquals(words({ Upgrade: "http" }), "Invalid Upgrade header");
  assertEquals(words({ "Sec-WebSocket-Accept": "y" }), "Invalid Sec-WebSocket-Accept header");
  const protocol = { "Sec-WebSocket-Protocol": "xml" };
  assertEquals(words(protocol), "Server sent a subprotocol but none was requested");
  assertEquals(words(protocol, { protocols }), "Server sent an invalid subprotocol");
  assertEquals(words({}, { protocols }), "Server sent no subprotocol");
  const none = "Server sent a Sec-WebSocket-Extensions header but no extension was requested";
  assertEquals(words(extension("permessage-deflate"), { deflate: null }), none);
  for (const value of ["permessage-deflate=", "permessage-deflate; x", "permessage-deflate, permessage-deflate"]) {
    assertEquals(words(extension(value)), "Invalid Sec-WebSocket-Extensions header");
  }
  assertEquals(words(extension("other")), "Server indicated an extension that was not requested");
  assertEquals(words({ Connection: "close" }), "the response's Connection must be Upgrade, and is close");
});

test("each violation has a code and words of ws, and our error as its cause", () => {
  const made = (violation: keyof typeof VIOLATIONS, detail?: string) => {
    const cause = new ProtocolViolation(violation, detail);
    return connectionError(new CurlWebSocketError("ERR_PROTOCOL", cause.message, { cause }));
  };
  for (const violation of Object.keys(VIOLATIONS) as (keyof typeof VIOLATIONS)[]) {
    assertEquals(/^(WS_ERR_|Z_)/.test(made(violation).code!), true, violation);
  }
  const shown = ({ name, code, message }: CodedError) => [name, code, message];
  const opcode = "Invalid WebSocket frame: invalid opcode 5";
  assertEquals(shown(made("RESERVED_OPCODE", "0x5")), ["RangeError", "WS_ERR_INVALID_OPCODE", opcode]);
  const code = "Invalid WebSocket frame: invalid status code 1006";
  assertEquals(shown(made("CLOSE_CODE", "1006")), ["RangeError", "WS_ERR_INVALID_CLOSE_CODE", code]);
  const size = ["RangeError", "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH", "Max payload size exceeded"];
  assertEquals(shown(made("MESSAGE_TOO_BIG", "9 bytes, and maxMessageSize is 1")), size);
  assertEquals((made("MASKED").cause as CurlWebSocketError).code, "ERR_PROTOCOL");
});
