/** The reader of the server's response: the same result however it is cut, few kinds of error, bounded memory. */
import { CurlWebSocketError } from "../../../src/errors.ts";
import type { HandshakeOffer } from "../../../src/handshake/agreement.ts";
import { MAX_BODY_SIZE } from "../../../src/handshake/body.ts";
import { ResponseReader } from "../../../src/handshake/response.ts";
import {
  allocatedBy,
  check,
  checkSame,
  concat,
  cut,
  Input,
  latin1,
  makeRandom,
  type Target,
  toHex,
} from "../target.ts";

const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const DEFLATE = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: null,
  clientMaxWindowBits: true,
} as const;
const OFFERS: readonly HandshakeOffer[] = [
  { protocols: [], deflate: null },
  { protocols: [], deflate: DEFLATE },
  { protocols: ["chat", "soap"], deflate: null },
  { protocols: ["chat"], deflate: DEFLATE },
];

/** From here on the first byte says that what follows is the body of a refusal. */
const BODY = 0xf0;

/** The offer, how to cut, a seed for it; then the server's bytes. */
function fuzz(data: Uint8Array): void {
  const input = new Input(data);
  const choice = input.byte(), mode = input.byte(), seed = input.short();
  const bytes = input.rest();
  if (choice >= BODY) readsBody(bytes, choice % 3, mode, seed);
  else readsAnswer(bytes, OFFERS[choice % OFFERS.length]!, mode, seed);
}

/** A body that is sent in each of the ways there are comes back. */
function readsBody(body: Uint8Array, way: number, mode: number, seed: number): void {
  const random = makeRandom(seed);
  const field = ["X: y", `Content-Length: ${body.length}`, "Transfer-Encoding: chunked"][way]!;
  const chunks = cut(body, 1 + random(300), random).filter(({ length }) => length > 0);
  const size = (length: number) => latin1(`${length.toString(16)}${random(4) === 0 ? ";a=b" : ""}\r\n`);
  const sent = way < 2
    ? body
    : concat(...chunks.flatMap((chunk) => [size(chunk.length), chunk, latin1("\r\n")]), latin1("0\r\n\r\n"));
  const bytes = concat(latin1(`HTTP/1.1 503 No\r\n${field}\r\n\r\n`), sent);
  const [code, status, , hex] = read(cut(bytes, mode, random), OFFERS[0]!);
  checkSame([code!, status!, hex!], ["ERR_HANDSHAKE_STATUS", "503", toHex(body)], `a body with ${field}`);
}

function readsAnswer(bytes: Uint8Array, offer: HandshakeOffer, mode: number, seed: number): void {
  let whole: string[] = [];
  const allocated = allocatedBy(() => {
    whole = read([bytes], offer);
  });
  check(
    allocated <= 8 * bytes.length + 4 * MAX_BODY_SIZE,
    () => `${allocated} bytes were allocated for ${bytes.length} bytes of input`,
  );
  checkSame(read(cut(bytes, mode, makeRandom(seed)), offer), whole, "the input in parts and whole");
}

/** What comes of the chunks, line by line. */
function read(chunks: readonly Uint8Array[], offer: HandshakeOffer): string[] {
  const reader = new ResponseReader(ACCEPT, offer);
  let taken = 0;
  try {
    for (const chunk of chunks) {
      const own = chunk.slice();
      taken++;
      const result = reader.push(own);
      if (result === null) {
        // The reader may not refer to what it was given.
        own.fill(0xaa);
        continue;
      }
      const { protocol, extensions, deflate, headers } = result.agreement;
      checkAgreement(headers, protocol, offer);
      check(deflate === null || offer.deflate !== null, () => "compression was agreed to, and not offered");
      const rest = concat(result.rest, ...chunks.slice(taken));
      return ["accepted", protocol, extensions, JSON.stringify(deflate), JSON.stringify(headers), toHex(rest)];
    }
  } catch (error) {
    return describe(error);
  }
  const error = reader.end();
  return error === null ? ["nothing yet"] : describe(error);
}

/** Checks what the client must require: RFC 6455 section 4.1. */
function checkAgreement(
  headers: readonly (readonly [string, string])[],
  protocol: string,
  offer: HandshakeOffer,
): void {
  const lower = headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`);
  const has = (line: string) => lower.includes(line);
  check(lower.some((line) => line.toLowerCase() === "upgrade: websocket"), () => "accepted without Upgrade");
  check(
    lower.some((line) => line.startsWith("connection:") && /\bupgrade\b/i.test(line)),
    () => "accepted without Connection",
  );
  check(has(`sec-websocket-accept: ${ACCEPT}`), () => "accepted without Sec-WebSocket-Accept");
  check(
    protocol === "" ? offer.protocols.length === 0 : offer.protocols.includes(protocol),
    () => `the subprotocol ${JSON.stringify(protocol)} was not offered`,
  );
}

function describe(error: unknown): string[] {
  if (!(error instanceof CurlWebSocketError)) throw error;
  const { code, status, headers, body } = error;
  check(/^ERR_HANDSHAKE_(?:INVALID|REDIRECT|STATUS)$/.test(code), () => `the error's code is ${code}`);
  check((body?.length ?? 0) <= MAX_BODY_SIZE, () => `${body!.length} bytes of the body are kept`);
  // The message about a response that is not HTTP/1.1 quotes what has come, so it may differ. Nothing else may.
  const message = code === "ERR_HANDSHAKE_INVALID" ? "" : error.message;
  return [code, String(status), JSON.stringify(headers), body === undefined ? "" : toHex(body), message];
}

function seeds(): Uint8Array[] {
  const lines = (...all: string[]) => all.map((line) => `${line}\r\n`).join("");
  const upgrade = lines("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade");
  const accept = `Sec-WebSocket-Accept: ${ACCEPT}\r\n`;
  const responses: [offer: number, text: string][] = [
    [0, `${upgrade}${accept}\r\n`],
    [0, `${upgrade}${accept}\r\n\x81\x05Hello`],
    [0, `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${upgrade}${accept}\r\n\x81\x00`],
    [1, `${upgrade}${accept}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n`],
    [
      1,
      `${upgrade}${accept}Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; ` +
      `client_max_window_bits=10\r\n\r\n\xc1\x00`,
    ],
    [2, `${upgrade}${accept}Sec-WebSocket-Protocol: chat\r\n\r\n`],
    [3, `${upgrade}${accept}Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: x, y; z="1"\r\n\r\n`],
    [0, `HTTP/1.1 101\r\nupgrade:WebSocket\r\nCONNECTION: keep-alive, Upgrade \r\n${accept}\r\n`],
    [0, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found and more"],
    [0, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n"],
    [0, "HTTP/1.1 302 Found\r\nLocation: wss://example.com/\r\nContent-Length: 0\r\n\r\n"],
    [0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n6;x=y\r\n world\r\n0\r\n\r\n"],
    [0, "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc"],
    [0, "HTTP/1.1 500 Oops\r\nContent-Length: 99999999999999999999\r\n\r\nabc"],
    [0, "HTTP/1.0 200 OK\r\n\r\n"],
    [0, "SSH-2.0-OpenSSH_9.2\r\n"],
    [0, "HTTP/1.1 101 X\r\nbad header\r\n\r\n"],
    [0, `HTTP/1.1 500 Oops\r\nX: a${" ".repeat(300)}b\r\n\r\n${"body ".repeat(60)}`],
  ];
  const bodies = Array.from({ length: 12 }, (_, i) => concat([BODY + i % 3, i, i, i], latin1("body".repeat(i * i))));
  return bodies.concat(responses.flatMap(([offer, text], i) => [
    concat([offer, 0, 0, i], latin1(text)),
    concat([offer, 1 + i * 7, i, 3], latin1(text)),
  ]));
}

const dictionary = [
  "HTTP/1.1 101 ",
  "HTTP/1.1 200 ",
  "\r\n\r\n",
  "\r\n",
  "Upgrade: websocket\r\n",
  "Connection: Upgrade\r\n",
  `Sec-WebSocket-Accept: ${ACCEPT}\r\n`,
  "Sec-WebSocket-Extensions: permessage-deflate\r\n",
  "Sec-WebSocket-Protocol: chat\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Content-Length: ",
  "Location: ",
];

export const handshake: Target = { name: "handshake", fuzz, seeds, dictionary };
