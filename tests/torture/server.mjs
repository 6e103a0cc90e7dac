// The peers of the torture tests, in a process of their own. One JSON line comes on standard input ({ key, cert }); the
// ports go to standard output ({ ws, wss, proxy, secureProxy }), and the process ends with its standard input.
//
// Paths: /echo, /close?code=&reason= (closes at the first message), /burst, /refuse (403 with a body), /redirect (302 to
// /echo with a cookie), /cookie (/echo with a cookie). The proxies speak CONNECT.
import { Buffer } from "node:buffer";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { WebSocketServer } from "ws";

/** What /burst sends: of each way that a length is written. */
const SIZES = [0, 1, 125, 126, 5_000, 65_535, 65_536, 200_000];

function serve(socket, request) {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  socket.on("error", () => {});
  if (pathname === "/close") {
    socket.on("message", () => socket.close(Number(searchParams.get("code")), searchParams.get("reason") ?? ""));
    return;
  }
  if (pathname === "/burst") {
    for (const size of SIZES) socket.send(Buffer.alloc(size, size & 0xff));
    socket.send("the end");
  }
  socket.on("message", (data, binary) => {
    if (!binary && data.length < 20 && data.toString() === "ping me") socket.ping("a ping");
    socket.send(data, { binary });
  });
}

function attach(server) {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: 64 << 20,
    perMessageDeflate: { threshold: 100 },
  });
  sockets.on("headers", (headers, { url }) => {
    if (url.startsWith("/cookie")) headers.push("Set-Cookie: a=1", "Set-Cookie: b=2");
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {});
    if (request.url === "/refuse") {
      return socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\nConnection: close\r\n\r\nno no");
    }
    if (request.url === "/redirect") {
      const fields = "Location: /cookie\r\nSet-Cookie: c=3\r\nContent-Length: 0\r\nConnection: close";
      return socket.end(`HTTP/1.1 302 Found\r\n${fields}\r\n\r\n`);
    }
    sockets.handleUpgrade(request, socket, head, (client) => serve(client, request));
  });
}

function proxy(request, client, head) {
  const [, port] = /:(\d+)$/.exec(request.url) ?? [];
  const other = connect(Number(port), "127.0.0.1", () => {
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    other.write(head);
    client.pipe(other).pipe(client);
  });
  const end = () => {
    other.destroy();
    client.destroy();
  };
  for (const socket of [client, other]) socket.on("error", end).on("close", end);
}

function listen(server) {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

const lines = createInterface({ input: process.stdin });
lines.once("line", async (line) => {
  const plain = createServer(), secure = createSecureServer(JSON.parse(line));
  const through = createServer(), secureThrough = createSecureServer(JSON.parse(line));
  attach(plain);
  attach(secure);
  for (const server of [through, secureThrough]) server.on("connect", proxy);
  for (const server of [plain, secure, through, secureThrough]) {
    server.on("clientError", (_error, socket) => socket.destroy());
  }
  const [ws, wss, http, https] = await Promise.all([plain, secure, through, secureThrough].map(listen));
  console.log(JSON.stringify({ ws, wss, proxy: http, secureProxy: https }));
});
lines.on("close", () => process.exit(0));
