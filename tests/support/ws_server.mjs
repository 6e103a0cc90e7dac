// The `ws` server that servers.ts runs in a child process. One JSON line comes on standard input ({ tls?: { key, cert },
// deflate?: options of ws }), the port goes to standard output, and the process ends with its standard input. The path of
// a connection says what it does; see servers.ts.
import { createHash } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createInterface } from "node:readline";
import process from "node:process";
import { WebSocketServer } from "ws";

/** @type {Set<import("ws").WebSocket>} */
const paused = new Set();

/** Answers plain HTTP: /resume lets every /slow-reader read. */
function respond(request, response) {
  if (request.url === "/resume") {
    for (const socket of paused) socket.resume();
    paused.clear();
  }
  response.end("ok");
}

function serve(socket, request) {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const number = (name, otherwise) => Number(searchParams.get(name) ?? otherwise);
  socket.on("error", () => {});
  switch (pathname) {
    case "/echo":
    case "/subprotocol":
      socket.on("message", (data, binary) => socket.send(data, { binary }));
      break;
    case "/close":
      if (searchParams.has("code")) socket.close(number("code", 1000), searchParams.get("reason") ?? "");
      else socket.close();
      break;
    case "/closed": // sends the test what the client closed with
      socket.on("close", (code, reason) => process.stdout.write(`closed ${code} ${reason}\n`));
      break;
    case "/push":
      for (let index = 0; index < number("count", 1); index++) {
        const size = number("size", 0);
        socket.send(size === 0 ? String(index) : Buffer.alloc(size, index & 0xff));
      }
      break;
    case "/ping": // the payload of the pong comes back as a message
      socket.on("pong", (data) => socket.send(data.toString()));
      socket.ping(searchParams.get("data") ?? "");
      break;
    case "/tls": // what the server sees of TLS
      socket.send(JSON.stringify({
        version: request.socket.getProtocol(),
        cipher: request.socket.getCipher().standardName,
        servername: request.socket.servername || null,
        client: request.socket.getPeerCertificate().subject?.CN ?? null,
      }));
      break;
    case "/session": // whether the client resumed a TLS session
      socket.send(String(request.socket.isSessionReused()));
      socket.on("message", (data, binary) => socket.send(data, { binary }));
      break;
    case "/headers":
      socket.send(JSON.stringify(request.rawHeaders));
      break;
    case "/fragments": // echoes in up to four fragments, cut at random
      socket.on("message", (data, binary) => {
        const cuts = Array.from(
          { length: Math.floor(Math.random() * 4) },
          () => Math.floor(Math.random() * data.length),
        );
        let at = 0;
        for (const cut of cuts.sort((a, b) => a - b)) {
          socket.send(data.subarray(at, cut), { binary, fin: false });
          at = cut;
        }
        socket.send(data.subarray(at), { binary, fin: true });
      });
      break;
    case "/flow": { // 1,000 messages a second until it is closed
      const timer = setInterval(() => socket.send("x".repeat(1000)), 1);
      socket.on("close", () => clearInterval(timer));
      break;
    }
    case "/slow-hash": // reads 1 MiB about every 5 ms, sends the SHA-256 of each message
      request.socket.on("data", () => {
        request.socket.pause();
        setTimeout(() => request.socket.resume(), 1);
      });
      socket.on("message", (data) => socket.send(createHash("sha256").update(data).digest("hex")));
      break;
    case "/drop":
      socket.on("message", () => socket.terminate());
      break;
    case "/slow-reader": // echoes the length of each message, after /resume
      socket.pause();
      paused.add(socket);
      socket.on("message", (data) => socket.send(String(data.length)));
      break;
    default:
      socket.close(4404, "no such path");
  }
}

const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => {
  const { tls, deflate } = JSON.parse(line);
  const server = tls ? createHttpsServer(tls, respond) : createHttpServer(respond);
  // Sessions of TLS 1.2 by their numbers: libcurl's OpenSSL takes no tickets there. Those of 1.3 are tickets.
  const sessions = new Map();
  server.on("newSession", (id, data, done) => (sessions.set(id.toString("hex"), data), done()));
  server.on("resumeSession", (id, done) => done(null, sessions.get(id.toString("hex")) ?? null));
  const sockets = new WebSocketServer({
    server,
    perMessageDeflate: deflate ?? false,
    maxPayload: 256 * 1024 * 1024,
    // ?choose= names the subprotocol; the first one offered without it.
    handleProtocols: (offered, request) =>
      new URL(request.url, "http://localhost").searchParams.get("choose") ?? [...offered][0],
  });
  sockets.on("connection", serve);
  server.listen(0, "127.0.0.1", () => process.stdout.write(`port ${server.address().port}\n`));
});
lines.once("close", () => process.exit(0));
