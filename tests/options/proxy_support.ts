/** Sockets through a proxy, for the tests of the option `proxy`. */
import { assert, assertEquals } from "@std/assert";
import { CurlWebSocket, type CurlWebSocketError, type CurlWebSocketInit } from "../../mod.ts";
import { failed, message, opened } from "../support/events.ts";
import { whyNoSocks } from "../support/libcurls.ts";

/** Those of some schemes that the libcurl in use takes. */
export const taken = <Scheme extends string>(schemes: readonly Scheme[]): Scheme[] =>
  schemes.filter((scheme) => !scheme.startsWith("socks") || whyNoSocks() === undefined);
/** Why tests with a SOCKS proxy are skipped, or undefined. */
export const noSocks: string | undefined = whyNoSocks();

/** A password that no error may show, with characters that a URL has to encode. */
export const SECRET = "s3cret:/@?%";

/** Opens a socket and sees one message come back. */
export async function echoes(url: string, options: CurlWebSocketInit): Promise<CurlWebSocket> {
  const socket = new CurlWebSocket(url, options);
  await opened(socket);
  socket.send("there and back");
  assertEquals(await message(socket), "there and back");
  return socket;
}

/** The error of a socket through a proxy; no part of it may hold the password. */
export async function refused(url: string, options: CurlWebSocketInit): Promise<CurlWebSocketError> {
  const { error } = await failed(new CurlWebSocket(url, options));
  const everything = `${error.message} ${error.curlMessage} ${error.stack} ${error.cause} ${
    JSON.stringify(error.headers)
  }`;
  assert(!everything.includes(SECRET) && !everything.includes(encodeURIComponent(SECRET)), everything);
  return error;
}
