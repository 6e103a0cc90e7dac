/** permessage-deflate on the wire: what is offered, what may be answered, and messages to and from real servers. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import process from "node:process";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { CurlWebSocket, type CurlWebSocketOptions, type PerMessageDeflateOptions } from "../../mod.ts";
import { closed, failed, message, opened } from "../support/events.ts";
import { frame, Opcode, readClose } from "../support/frames.ts";
import { type RawConnection, RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

const { text, binary, continuation, ping, pong } = Opcode;
const RSV1 = { reserved: 4 };

/** A message's compressed payload, by an independent zlib. */
function compress(data: string | Uint8Array): Buffer {
  return deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/**
 * 258 bytes from 2,048 bytes back, as DEFLATE has it (RFC 1951 section 3.2.6): a block with fixed codes, length 285,
 * distance 21 with its 9 extra bits set, the end of the block, and an empty block. Node's zlib takes a dictionary for this,
 * Deno's does not.
 */
const BACK = ["0" + "10", "11000101", "10101", "111111111", "0000000", "000"].join("");
const REFERENCE = Uint8Array.from(
  BACK.match(/.{1,8}/g)!,
  (bits) => parseInt([...bits.padEnd(8, "0")].reverse().join(""), 2),
);

/** A socket and the raw server's side of it, which agreed to `answer`. */
async function connect(
  server: RawServer,
  options: CurlWebSocketOptions = {},
  answer = "permessage-deflate",
): Promise<{ socket: CurlWebSocket; peer: RawConnection; request: string }> {
  const socket = new CurlWebSocket(server.url(), options);
  const open = opened(socket);
  const peer = await server.connection();
  const request = await peer.accept({ headers: [`Sec-WebSocket-Extensions: ${answer}`] });
  await open;
  return { socket, peer, request };
}

const offers: [PerMessageDeflateOptions | boolean | undefined, string | undefined][] = [
  [undefined, "permessage-deflate; client_max_window_bits"],
  [true, "permessage-deflate; client_max_window_bits"],
  [{}, "permessage-deflate; client_max_window_bits"],
  [false, undefined],
  [{ clientMaxWindowBits: false }, "permessage-deflate"],
  [{ clientMaxWindowBits: 10 }, "permessage-deflate; client_max_window_bits=10"],
  [
    { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 9, clientMaxWindowBits: 8 },
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; " +
    "client_max_window_bits=8",
  ],
];

test("a server that omits the requested window limit may use the largest window", async () => {
  await using server = await RawServer.start();
  const perMessageDeflate = { serverMaxWindowBits: 9, serverNoContextTakeover: true };
  const { socket, peer } = await connect(server, { perMessageDeflate });
  assertEquals(socket.extensions, "permessage-deflate");
  // The second message is nothing but a reference into the first, beyond a window of 2^9 bytes.
  const noise = randomBytes(1024).toString("hex");
  for (const [payload, expected] of [[compress(noise), noise], [REFERENCE, noise.slice(0, 258)]] as const) {
    const next = message(socket);
    await peer.send(frame(text, payload, RSV1));
    assertEquals(await next, expected);
  }
  socket.terminate();
});

for (const [option, expected] of offers) {
  test(`perMessageDeflate: ${JSON.stringify(option)} offers ${expected ?? "nothing"}`, async () => {
    await using server = await RawServer.start();
    const socket = new CurlWebSocket(server.url(), option === undefined ? {} : { perMessageDeflate: option });
    const open = opened(socket);
    const peer = await server.connection();
    const request = await peer.accept();
    assertEquals(/^Sec-WebSocket-Extensions: (.*)\r$/m.exec(request)?.[1], expected);
    await open;
    assertEquals(socket.extensions, "");
    socket.terminate();
  });
}

const wrong: [string, PerMessageDeflateOptions | boolean, string][] = [
  ["compression that was not offered", false, "permessage-deflate"],
  ["another extension", true, "permessage-bzip2"],
  ["two extensions", true, "permessage-deflate, permessage-deflate"],
  ["an unknown parameter", true, "permessage-deflate; mode=fast"],
  ["a parameter twice", true, "permessage-deflate; server_no_context_takeover; server_no_context_takeover"],
  ["a value where there is none", true, "permessage-deflate; client_no_context_takeover=1"],
  ["a window without a value", true, "permessage-deflate; server_max_window_bits"],
  ["a window of 7", true, "permessage-deflate; server_max_window_bits=7"],
  ["a window of 16", true, "permessage-deflate; client_max_window_bits=16"],
  ["a window with a leading zero", true, "permessage-deflate; client_max_window_bits=09"],
  [
    "a client window that was not offered",
    { clientMaxWindowBits: false },
    "permessage-deflate; client_max_window_bits=9",
  ],
  ["a larger client window", { clientMaxWindowBits: 9 }, "permessage-deflate; client_max_window_bits=10"],
  ["a larger server window", { serverMaxWindowBits: 9 }, "permessage-deflate; server_max_window_bits=10"],
  ["no name", true, "; server_no_context_takeover"],
  ["an empty field", true, ""],
];

for (const [name, option, answer] of wrong) {
  test(`compression: a response with ${name} is ERR_HANDSHAKE_INVALID`, async () => {
    await using server = await RawServer.start();
    const socket = new CurlWebSocket(server.url(), { perMessageDeflate: option });
    const failure = failed(socket);
    const peer = await server.connection();
    await peer.accept({ headers: [`Sec-WebSocket-Extensions: ${answer}`] });
    assertEquals((await failure).error.code, "ERR_HANDSHAKE_INVALID");
  });
}

const samples: (string | Uint8Array<ArrayBuffer>)[] = [
  "",
  "Hello",
  "x".repeat(65536),
  "ab".repeat(500_000),
  JSON.stringify(Array.from({ length: 4000 }, (_, id) => ({ id, price: Math.sin(id), venue: "simulated" }))),
  crypto.getRandomValues(new Uint8Array(60_000)),
  new Uint8Array(3_000_000),
  new Uint8Array(0),
  ...Array.from({ length: 200 }, (_, id) => `{"type":"trade","id":${id},"price":"${Math.cos(id)}"}`),
];

const agreements: [string, PerMessageDeflateOptions, object, string][] = [
  ["the defaults", { threshold: 0 }, {}, "permessage-deflate"],
  ["the default threshold", {}, {}, "permessage-deflate"],
  [
    "no context takeover on either side",
    { threshold: 0, clientNoContextTakeover: true, serverNoContextTakeover: true },
    {},
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
  ],
  ...[8, 9, 12, 15].map((bits): [string, PerMessageDeflateOptions, object, string] => [
    `a client window of 2^${bits} that the server asks for`,
    { threshold: 0, level: 9 },
    { clientMaxWindowBits: bits },
    `permessage-deflate; client_max_window_bits=${bits}`,
  ]),
  ...[9, 15].map((bits): [string, PerMessageDeflateOptions, object, string] => [
    `a server window of 2^${bits}`,
    { threshold: 0, serverMaxWindowBits: bits },
    {},
    `permessage-deflate; server_max_window_bits=${bits}`,
  ]),
];

for (const [name, option, deflate, expected] of agreements) {
  test(`a real server echoes compressed messages with ${name}`, async () => {
    await using server = await WsServer.start({ deflate: { threshold: 0, ...deflate } });
    const socket = new CurlWebSocket(server.url("/echo"), { perMessageDeflate: option });
    socket.binaryType = "arraybuffer";
    await opened(socket);
    assertEquals(socket.extensions, expected);
    for (const sample of samples) {
      socket.send(sample);
      const answer = await message(socket);
      if (typeof sample === "string") assert(answer === sample, `a text of ${sample.length} came back changed`);
      else assert(Buffer.compare(new Uint8Array(answer as ArrayBuffer), sample) === 0);
    }
    socket.close();
    assertEquals((await closed(socket)).wasClean, true);
  });
}

test("compressed messages over TLS", async () => {
  await using server = await WsServer.start({ tls: true, deflate: { threshold: 0 } });
  const socket = new CurlWebSocket(server.url("/echo", "localhost"), {
    tls: { verify: false },
    perMessageDeflate: { threshold: 0 },
  });
  await opened(socket);
  for (const sample of samples) {
    if (typeof sample !== "string") continue;
    socket.send(sample);
    assert(await message(socket) === sample);
  }
  socket.terminate();
});

test("a message shorter than the threshold is sent as it is, a longer one compressed", async () => {
  await using server = await RawServer.start();
  const { socket, peer } = await connect(server, { perMessageDeflate: { threshold: 100 } });
  socket.send("x".repeat(99));
  socket.send("x".repeat(100));
  const plain = (await peer.frame())!, compressed = (await peer.frame())!;
  assertEquals([plain.reserved, plain.payload.length], [0, 99]);
  assertEquals([compressed.reserved, compressed.opcode], [4, text]);
  assert(compressed.payload.length < 20);
  const inflated = inflateRawSync(compressed.payload, { finishFlush: constants.Z_SYNC_FLUSH });
  assertEquals(inflated.toString(), "x".repeat(100));
  socket.terminate();
});

test("an empty message with threshold 0 is compressed to one zero byte", async () => {
  await using server = await RawServer.start();
  const { socket, peer } = await connect(server, { perMessageDeflate: { threshold: 0 } });
  socket.send("");
  const sent = (await peer.frame())!;
  assertEquals([sent.reserved, ...sent.payload], [4, 0]);
  socket.terminate();
});

test("bufferedAmount counts the uncompressed size of a message", async () => {
  await using server = await RawServer.start();
  const { socket } = await connect(server, { perMessageDeflate: { threshold: 0 } });
  socket.send("x".repeat(100_000));
  assertEquals(socket.bufferedAmount, 100_000);
  socket.terminate();
});

test("a compressed message arrives in fragments, with control frames between them", async () => {
  await using server = await RawServer.start();
  const { socket, peer } = await connect(server);
  const payload = compress("fragments ".repeat(100));
  const messages: unknown[] = [];
  socket.onmessage = ({ data }) => messages.push(data);
  await peer.send(frame(text, payload.subarray(0, 3), { ...RSV1, fin: false }));
  await peer.send(frame(ping, "between"));
  await peer.send(frame(continuation, payload.subarray(3), { fin: false }));
  await peer.send(frame(continuation, ""));
  await peer.send(frame(text, "not compressed"));
  assertEquals((await peer.frame())?.opcode, pong);
  while (messages.length < 2) await message(socket);
  assertEquals(messages, ["fragments ".repeat(100), "not compressed"]);
  socket.terminate();
});

/** Name, frames after an agreement on compression, close code, and the violation. */
const violations: [string, Uint8Array[], number, string][] = [
  [
    "RSV1 on a continuation",
    [
      frame(text, compress("a"), { ...RSV1, fin: false }),
      frame(continuation, "", RSV1),
    ],
    1002,
    "RESERVED_BITS",
  ],
  ["RSV1 on a ping", [frame(ping, "", RSV1)], 1002, "RESERVED_BITS"],
  ["RSV2", [frame(text, "", { reserved: 2 })], 1002, "RESERVED_BITS"],
  ["data that is no DEFLATE", [frame(binary, Uint8Array.of(7, 7, 7, 7), RSV1)], 1007, "DEFLATE_INVALID"],
  [
    "a message that ends inside a block",
    [frame(binary, compress("cut off".repeat(9)).subarray(0, -4), RSV1)],
    1007,
    "DEFLATE_INVALID",
  ],
  [
    "a distance beyond the window",
    [frame(binary, Uint8Array.of(0x4b, 0x44, 0x92, 0x04), RSV1)],
    1007,
    "DEFLATE_INVALID",
  ],
  ["compressed text that is no UTF-8", [frame(text, compress(Uint8Array.of(0x61, 0xff)), RSV1)], 1007, "TEXT_NOT_UTF8"],
  ["a bomb", [frame(binary, compress(new Uint8Array(50_000_000)), RSV1)], 1009, "MESSAGE_TOO_BIG"],
  ["a bomb of text", [frame(text, compress("x".repeat(50_000_000)), RSV1)], 1009, "MESSAGE_TOO_BIG"],
];

for (const [name, frames, code, violation] of violations) {
  test(`${name} closes with ${code}`, async () => {
    await using server = await RawServer.start();
    const { socket, peer } = await connect(server, { maxMessageSize: 1024 * 1024, closeTimeout: 500 });
    let messages = 0;
    socket.onmessage = () => messages++;
    const failure = failed(socket);
    for (const each of frames) await peer.send(each);
    assertEquals(readClose(await peer.closeFrame()).code, code);
    peer.end();
    const { error } = await failure;
    assertEquals([error.code, (error.cause as { violation?: string }).violation], ["ERR_PROTOCOL", violation]);
    assertEquals(messages, 0);
  });
}

test("maxMessageSize limits the inflated size: a message of exactly that size arrives, even if it is longer compressed", async () => {
  await using server = await RawServer.start();
  const { socket, peer } = await connect(server, { maxMessageSize: 100_000 });
  socket.binaryType = "arraybuffer";
  const payload = compress(randomBytes(100_000));
  assert(payload.length > 100_000);
  const first = message(socket);
  await peer.send(frame(binary, payload, RSV1));
  assertEquals((await first as ArrayBuffer).byteLength, 100_000);
  socket.terminate();
});

test("one decompression bomb after another leaves memory use flat", async () => {
  await using server = await RawServer.start();
  const bomb = frame(binary, compress(new Uint8Array(100_000_000)), RSV1);
  const blast = async () => {
    const { socket, peer } = await connect(server, { maxMessageSize: 1_000_000, closeTimeout: 500 });
    const failure = failed(socket);
    await peer.send(bomb);
    assertEquals(readClose(await peer.closeFrame()).code, 1009);
    peer.end();
    await failure;
  };
  for (let round = 0; round < 5; round++) await blast();
  const before = process.memoryUsage().rss;
  for (let round = 0; round < 20; round++) await blast();
  const grown = process.memoryUsage().rss - before;
  assert(grown < 50_000_000, `grown by ${grown} bytes`);
});

test("zlib's streams are freed with their connections", async () => {
  await using server = await WsServer.start({ deflate: { threshold: 0 } });
  const turn = async (end: (socket: CurlWebSocket) => void) => {
    const socket = new CurlWebSocket(server.url("/echo"), { perMessageDeflate: { threshold: 0 } });
    await opened(socket);
    socket.send("compressed both ways");
    await message(socket);
    const over = closed(socket);
    end(socket);
    await over;
  };
  const round = async (count: number) => {
    for (let i = 0; i < count; i++) await turn((socket) => i % 2 ? socket.close() : socket.terminate());
  };
  await round(50);
  const before = process.memoryUsage().rss;
  await round(300);
  const grown = process.memoryUsage().rss - before;
  // A stream of each kind takes some 300 KB.
  assert(grown < 50_000_000, `grown by ${grown} bytes`);
});

test("an option of perMessageDeflate of the wrong type is a TypeError that names it", () => {
  const make = (perMessageDeflate: unknown) => () =>
    new CurlWebSocket("ws://127.0.0.1:1", { perMessageDeflate: perMessageDeflate as boolean });
  const refused = (given: unknown, kind: typeof TypeError | typeof RangeError, name: RegExp) => {
    assertMatch(assertThrows(make(given), kind).message, name);
  };
  refused({ windowBits: 9 }, TypeError, /windowBits.*known are threshold/);
  refused("yes", TypeError, /perMessageDeflate/);
  refused({ threshold: -1 }, RangeError, /perMessageDeflate\.threshold .* -1/);
  refused({ threshold: "1k" }, TypeError, /perMessageDeflate\.threshold/);
  refused({ level: 10 }, RangeError, /perMessageDeflate\.level .* 10/);
  refused({ memLevel: 0 }, RangeError, /perMessageDeflate\.memLevel/);
  refused({ serverMaxWindowBits: 7 }, RangeError, /serverMaxWindowBits .* 8 to 15, and is 7/);
  refused({ clientMaxWindowBits: 16 }, RangeError, /clientMaxWindowBits/);
  refused({ clientMaxWindowBits: 9.5 }, RangeError, /clientMaxWindowBits/);
  refused({ clientNoContextTakeover: 1 }, TypeError, /clientNoContextTakeover/);
});
