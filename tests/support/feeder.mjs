// The server that feeder.ts runs. It speaks WebSocket by hand, for it has to know what the kernel took: /?size=&count=&text
// sends `count` messages of `size` bytes as fast as TCP takes them, numbered in their first four bytes (text: all "x");
// ?read=no reads nothing of what comes before "read" is a line of standard input. In reply to "state" it prints a line of JSON.
import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import process from "node:process";

let socket, sent = 0, received = 0, blocked = false;

function frame(text, size) {
  const header = size < 126
    ? [size]
    : size < 65536
    ? [126, size >> 8, size & 255]
    : [127, 0, 0, 0, 0, size >>> 24, size >> 16 & 255, size >> 8 & 255, size & 255];
  return [Buffer.from([text ? 0x81 : 0x82, ...header]), Buffer.alloc(size, text ? "x" : 0)];
}

async function feed(count, size, text) {
  const [header, payload] = frame(text, size);
  // Many small ones in each write.
  const each = Math.max(1, Math.min(count, Math.floor(65536 / (header.length + size))));
  const one = Buffer.concat([header, payload]);
  for (let at = 0; at < count && !socket.destroyed;) {
    const many = Math.min(each, count - at);
    const chunk = Buffer.alloc(one.length * many);
    for (let i = 0; i < many; i++, at++) {
      one.copy(chunk, i * one.length);
      if (!text && size >= 4) chunk.writeUInt32BE(at, i * one.length + header.length);
    }
    sent += chunk.length;
    blocked = !socket.write(chunk);
    if (blocked) await new Promise((resolve) => socket.once("drain", resolve).once("close", resolve));
    blocked = false;
  }
}

const server = createServer((connection) => {
  socket = connection;
  socket.on("error", () => {});
  let request = "";
  socket.on("data", function handshake(data) {
    request += data.toString("latin1");
    if (!request.includes("\r\n\r\n")) return;
    socket.off("data", handshake);
    const key = /^sec-websocket-key: *(\S+)/im.exec(request)[1];
    const accept = createHash("sha1").update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    const { searchParams } = new URL(request.split(" ")[1], "http://localhost");
    socket.on("data", (bytes) => received += bytes.length);
    if (searchParams.get("read") === "no") socket.pause();
    const number = (name) => Number(searchParams.get(name) ?? 0);
    if (number("count") > 0) void feed(number("count"), number("size"), searchParams.has("text"));
  });
});

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  if (line === "read") socket.resume();
  console.log(JSON.stringify({ sent, waiting: socket?.writableLength ?? 0, received, blocked }));
});
lines.on("close", () => process.exit(0));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
