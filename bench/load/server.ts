/**
 * The load server of the benchmarks. It builds frames in advance, so that it uses less CPU than any client. It speaks WebSocket
 * on two ports, plain and TLS, and prints `{"port":...,"tlsPort":...,"ca":...}`. The path of the request determines what a connection
 * does:
 *
 *   /feed?rate=&size=&kind=&deflate=   sends messages of `size` bytes (`kind` text, binary or json), `rate` per second in
 *                                      total over the connections that share `group`; 0 for as fast as TCP takes them;
 *                                      `burst`: so many at once, each in a write of its own
 *   /echo                              returns every message as received
 *   /sink?bytes=                       sends `done` once it has received this many bytes
 *   /idle                              sends nothing
 *   /counted?rate=&size=               sends numbered messages, between the messages `start` and `stop` from any of the
 *                                      connections, and after that to each the number of messages it was sent
 */
import { Buffer } from "node:buffer";
import { type AddressInfo, createServer, type Socket } from "node:net";
import process from "node:process";
import { createServer as createTlsServer } from "node:tls";
import { constants, createDeflateRaw } from "node:zlib";
import { certificates } from "../../tests/support/certificates.ts";
import { frame, Opcode } from "../../tests/support/frames.ts";
import { acceptFor } from "../../tests/support/raw_server.ts";
import { epochNow } from "../demo/clock.ts";
import { jsonMessage } from "./messages.ts";

/** The length of the time stamp in a paced message: epoch milliseconds with three decimals. */
const STAMP = 17;
/** The bytes of a flood that are written at once. */
const BLOCK = 256 * 1024;

interface Feed {
  rate: number;
  size: number;
  kind: string;
  deflate: boolean;
  burst: number;
}

/** Compressed payloads that can be sent in a loop: each refers back only to data of the loop. */
async function deflated(messages: Uint8Array[]): Promise<Uint8Array[]> {
  const stream = createDeflateRaw();
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const payloads: Uint8Array[] = [];
  for (const message of messages) {
    stream.write(message);
    await new Promise<void>((resolve) => stream.flush(constants.Z_SYNC_FLUSH, resolve));
    payloads.push(Buffer.concat(chunks.splice(0)).subarray(0, -4));
  }
  return payloads;
}

function payloads({ kind, size }: Feed): Uint8Array[] {
  if (kind === "json") return Array.from({ length: 500 }, (_, i) => Buffer.from(jsonMessage(i)));
  const text = Buffer.alloc(size, "0123456789 abcdefghijklmnopqrstuvwxyz");
  return Array.from({ length: Math.max(1, Math.ceil(BLOCK / (size + 10))) }, () => text);
}

const blocks = new Map<string, Promise<Buffer[]>>();

/** The frames of a feed, built once. */
function framesOf(feed: Feed): Promise<Buffer[]> {
  const key = JSON.stringify([feed.kind, feed.size, feed.deflate]);
  let made = blocks.get(key);
  if (made === undefined) {
    const messages = payloads(feed);
    const opcode = feed.kind === "binary" ? Opcode.binary : Opcode.text;
    made = (feed.deflate ? deflated(messages) : Promise.resolve(messages)).then((list) =>
      list.map((payload) => frame(opcode, payload, { reserved: feed.deflate ? 4 : 0 }))
    );
    blocks.set(key, made);
  }
  return made;
}

/** Writes as fast as the client takes it. */
async function flood(socket: Socket, feed: Feed): Promise<void> {
  const frames = await framesOf(feed);
  const loop = Buffer.concat(frames);
  const block = Buffer.concat(Array.from({ length: Math.max(1, Math.floor(BLOCK / loop.length)) }, () => loop));
  const push = () => {
    while (!socket.destroyed && socket.writableLength < 4 * BLOCK) {
      if (!socket.write(block)) break;
    }
  };
  socket.on("drain", push);
  push();
}

/** The members of a group share its rate: each message goes to the next one. */
interface Group {
  sockets: Socket[];
  stop: () => void;
}
const groups = new Map<string, Group>();

async function pace(socket: Socket, feed: Feed, name: string): Promise<void> {
  const frames = await framesOf(feed);
  const group = groups.get(name);
  if (group !== undefined) {
    group.sockets.push(socket);
    return;
  }
  const sockets = [socket];
  let sent = 0, next = 0, startedAt = performance.now(), stopped = false;
  const tick = () => {
    if (stopped) return;
    const now = performance.now();
    let due = Math.floor((now - startedAt) / 1000 * feed.rate) - sent;
    if (due > feed.rate / 4 + 10) { // more than 250 ms late: the machine was busy; skip them instead of sending a burst
      startedAt = now;
      sent = 0;
      due = 1;
    }
    if (due > 0) due -= due % feed.burst;
    for (; due > 0 && sockets.length > 0; due--) {
      const bytes = Buffer.from(frames[sent++ % frames.length]!);
      if (feed.kind === "text" && feed.size >= STAMP) {
        bytes.write(epochNow().toFixed(3).padEnd(STAMP, "0").slice(0, STAMP), bytes.length - feed.size, "latin1");
      }
      sockets[next++ % sockets.length]!.write(bytes);
    }
    // A timer is too coarse for a dense feed, in which each message has its own time.
    if (feed.rate >= 500) setImmediate(tick);
    else setTimeout(tick, Math.min(100, 250 / feed.rate));
  };
  groups.set(name, {
    sockets,
    stop: () => {
      stopped = true;
      groups.delete(name);
    },
  });
  tick();
}

function leave(socket: Socket, name: string): void {
  const group = groups.get(name);
  if (group === undefined) return;
  const at = group.sockets.indexOf(socket);
  if (at >= 0) group.sockets.splice(at, 1);
  if (group.sockets.length === 0) group.stop();
}

/** The connections of the counted feed, with how many messages each was sent. */
const counted: Map<Socket, number> = new Map();
let countedRuns = false;

/** Sends numbered messages, each to the next connection. A late one is sent late: none is skipped. */
function startCounted({ rate, size }: Feed): void {
  countedRuns = true;
  const sockets = [...counted.keys()], startedAt = performance.now();
  let sent = 0;
  const tick = () => {
    if (!countedRuns || counted.size === 0) return;
    const due = Math.floor((performance.now() - startedAt) / 1000 * rate);
    for (; sent < due; sent++) {
      const socket = sockets[sent % sockets.length]!, number = counted.get(socket);
      if (number === undefined) continue;
      const stamp = epochNow().toFixed(3).padEnd(STAMP, "0").slice(0, STAMP);
      socket.write(frame(Opcode.text, stamp + String(number).padStart(size - STAMP)));
      counted.set(socket, number + 1);
    }
    setImmediate(tick);
  };
  tick();
}

/** `start` and `stop` differ in length. */
function countedCommand(data: Buffer, feed: Feed): void {
  if ((data[1]! & 0x7f) === "start".length) return startCounted(feed);
  countedRuns = false;
  for (const [socket, number] of counted) socket.write(frame(Opcode.text, `end${number}`));
}

/** Returns each frame unmasked. The benchmarks send whole messages in frames of less than 64 KiB. */
function echo(socket: Socket): (data: Buffer) => void {
  let held: Buffer = Buffer.alloc(0);
  return (data) => {
    held = held.length === 0 ? data : Buffer.concat([held, data]);
    for (;;) {
      if (held.length < 6) return;
      const short = held[1]! & 0x7f;
      const header = short < 126 ? 2 : 4;
      const length = short < 126 ? short : held.readUInt16BE(2);
      if (held.length < header + 4 + length) return;
      const key = held.subarray(header, header + 4);
      const payload = Buffer.from(held.subarray(header + 4, header + 4 + length));
      for (let i = 0; i < payload.length; i++) payload[i]! ^= key[i & 3]!;
      if ((held[0]! & 15) < 8) socket.write(frame(held[0]! & 15, payload));
      held = held.subarray(header + 4 + length);
    }
  };
}

/** Counts received bytes, and replies once all are there. The benchmark passes their number on the wire. */
function sink(socket: Socket, expected: number): (data: Buffer) => void {
  let received = 0;
  return (data) => {
    received += data.length;
    if (received < expected) return;
    received -= expected;
    socket.write(frame(Opcode.text, "done"));
  };
}

async function serve(socket: Socket, request: string, rest: Buffer): Promise<void> {
  const url = new URL(/^GET (\S+)/.exec(request)![1]!, "http://localhost");
  const get = (name: string, otherwise: string) => url.searchParams.get(name) ?? otherwise;
  const feed: Feed = {
    rate: Number(get("rate", "0")),
    size: Number(get("size", "100")),
    kind: get("kind", "text"),
    burst: Number(get("burst", "1")),
    deflate: get("deflate", "") === "1" && /permessage-deflate/.test(request),
  };
  const head = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${acceptFor(request)}`,
    ...(feed.deflate ? ["Sec-WebSocket-Extensions: permessage-deflate"] : []),
  ];
  socket.write(head.join("\r\n") + "\r\n\r\n");
  let take = (data: Buffer): void => {
    if ((data[0]! & 15) === Opcode.close) socket.end(frame(Opcode.close));
  };
  if (url.pathname === "/echo") take = echo(socket);
  else if (url.pathname === "/sink") take = sink(socket, Number(get("bytes", "0")));
  else if (url.pathname === "/feed") {
    const group = get("group", String(Math.random()));
    socket.on("close", () => leave(socket, group));
    if (feed.rate > 0) await pace(socket, feed, group);
    else await flood(socket, feed);
  } else if (url.pathname === "/counted") {
    counted.set(socket, 0);
    socket.on("close", () => counted.delete(socket));
    const close = take;
    take = (data) => (data[0]! & 15) === Opcode.text ? countedCommand(data, feed) : close(data);
  }
  socket.on("data", take);
  if (rest.length > 0) take(rest);
}

function accept(socket: Socket): void {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("end", () => socket.destroy());
  let head = Buffer.alloc(0);
  const read = (data: Buffer) => {
    head = Buffer.concat([head, data]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    socket.off("data", read);
    void serve(socket, head.toString("latin1", 0, end + 4), head.subarray(end + 4));
  };
  socket.on("data", read);
}

// Thousands of clients connect at once; the system may allow fewer (net.core.somaxconn).
const BACKLOG = 8192;
const { ca, cert, key } = certificates();
const plain = createServer(accept);
const secure = createTlsServer({ cert, key }, accept);
secure.on("tlsClientError", () => {});
await Promise.all(
  [plain, secure].map((server) =>
    new Promise<void>((done) => server.listen({ port: 0, host: "127.0.0.1", backlog: BACKLOG }, done))
  ),
);
const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;
console.log(JSON.stringify({ port: portOf(plain), tlsPort: portOf(secure), ca }));
process.on("SIGTERM", () => process.exit(0));
