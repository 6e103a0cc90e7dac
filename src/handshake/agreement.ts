/** What client and server agree on in the opening handshake, and the check of the server's part. Pure. */
import { CurlWebSocketError } from "../errors.ts";
import { shownSubprotocols, shownText } from "../observe/redact.ts";
import { acceptDeflate, type DeflateOffer, type DeflateParameters, type ExtensionError } from "./extensions.ts";
import { fieldValues, type HeaderList } from "./fields.ts";
import type { ResponseHead } from "./response_head.ts";

/** What the request offers. */
export interface HandshakeOffer {
  readonly protocols: readonly string[];
  /** Null if compression is not offered. */
  readonly deflate: DeflateOffer | null;
}

/** What the server agreed to in its response. */
export interface Agreement {
  /** The subprotocol, or `""`. */
  readonly protocol: string;
  /** The server's `Sec-WebSocket-Extensions`, or `""`. */
  readonly extensions: string;
  /** Null if messages are not compressed. */
  readonly deflate: DeflateParameters | null;
  /** The header of the response as text: who keeps that, keeps none of its parts. */
  readonly head: string;
  /** All fields of the response. */
  readonly headers: HeaderList;
}

/**
 * Checks the fields of a 101 response, RFC 6455 section 4.1, and returns what the server agreed to. `accept` is the
 * `Sec-WebSocket-Accept` that belongs to the request's key.
 *
 * @throws {CurlWebSocketError} `ERR_HANDSHAKE_INVALID` for what no WebSocket server may respond to this offer
 */
export function checkAgreement(response: ResponseHead, accept: string, offer: HandshakeOffer): Agreement {
  const { status, statusText, headers, text: head } = response;
  const values = (name: string) => fieldValues(headers, name);
  const fail = (message: string) =>
    new CurlWebSocketError("ERR_HANDSHAKE_INVALID", message, { status, statusText, headers });
  const upgrade = values("upgrade"), connection = values("connection");
  if (upgrade.length !== 1 || upgrade[0]!.toLowerCase() !== "websocket") {
    throw fail(`the response's Upgrade must be websocket, and is ${shownText(upgrade.join(", ")) || "absent"}`);
  }
  if (!connection.join(",").split(",").some((token) => token.trim().toLowerCase() === "upgrade")) {
    throw fail(`the response's Connection must be Upgrade, and is ${shownText(connection.join(", ")) || "absent"}`);
  }
  const accepted = values("sec-websocket-accept");
  if (accepted.length !== 1 || accepted[0] !== accept) {
    throw fail(
      `the response's Sec-WebSocket-Accept must be ${accept}, and is ${shownText(accepted.join(", ")) || "absent"}; ` +
        "the server, or something between, does not speak WebSocket",
    );
  }
  const fields = values("sec-websocket-extensions");
  const extensions = fields.join(", ");
  let deflate: DeflateParameters | null = null;
  try {
    if (fields.length > 0) deflate = acceptDeflate(offer.deflate, extensions);
  } catch (error) {
    throw fail((error as ExtensionError).message);
  }
  const protocol = values("sec-websocket-protocol");
  if (protocol.length > 1) throw fail(`the server chose more than one subprotocol: ${shownSubprotocols(protocol)}`);
  if (protocol.length === 1 && !offer.protocols.includes(protocol[0]!)) {
    throw fail(
      `the server chose the subprotocol ${shownSubprotocols(protocol)}, and offered were ${
        shownSubprotocols(offer.protocols) || "none"
      }`,
    );
  }
  if (protocol.length === 0 && offer.protocols.length > 0) {
    throw fail(`the server chose none of the subprotocols offered: ${shownSubprotocols(offer.protocols)}`);
  }
  return { protocol: protocol[0] ?? "", extensions, deflate, head, headers };
}
