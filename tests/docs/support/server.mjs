// The server of the snippets in the documentation, under Node: an independent `ws`, at several ports. One JSON line comes
// on standard input, { open, company, socket }: TLS options of two servers and the path of a Unix socket. The ports go to
// standard output as JSON, and the process ends with its standard input.
//
// Every path greets a socket at once and echoes; /account wants to know who asks and greets by name, /old leads to /feed,
// /headers greets with the request's header, /peer, /tls and /extensions with what it sees of the client, /large with 2 MB,
// /echo and /ping do not greet, /flood is for a reader that stops, /silent greets and then reads nothing any more, as a
// host that lost its power. /trades sends numbered trades of three symbols, the same ones to all; /private does so to who has logged in and
// subscribed. /restarts ends every other connection with 1012 when it has greeted, /refuses refuses every other one with
// 429, /expired refuses all with 401; they count by the whole path.
import { createHash, randomBytes } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import process from "node:process";
import { createInterface } from "node:readline";
import { WebSocketServer } from "ws";

const USERNAME = "joe", PASSWORD = "secret", TOKEN = "mF_9.B5f-4.1JqM", NONCE = "5ccc069c403ebaf9f0171e9517f40e41";

/** Who a request's Authorization says that it is, or null. */
function who({ method, url, headers: { authorization = "" } }) {
  if (authorization === `Bearer ${TOKEN}`) return "bearer";
  if (authorization === `Basic ${btoa(`${USERNAME}:${PASSWORD}`)}`) return USERNAME;
  if (!authorization.startsWith("Digest ")) return null;
  const given = Object.fromEntries(
    [...authorization.matchAll(/(\w+)=(?:"([^"]*)"|([^,\s]+))/g)].map((
      [, name, quoted, bare],
    ) => [name, quoted ?? bare]),
  );
  // RFC 7616 section 3.4.1.
  const hash = (text) => createHash("sha256").update(text).digest("hex");
  const secret = hash(`${USERNAME}:account:${PASSWORD}`);
  const response = hash(`${secret}:${NONCE}:${given.nc}:${given.cnonce}:auth:${hash(`${method}:${url}`)}`);
  return given.username === USERNAME && given.nonce === NONCE && given.response === response ? USERNAME : null;
}

function serve(socket, request) {
  const { pathname } = new URL(request.url, "http://localhost");
  socket.on("error", () => {});
  socket.on("message", (data, binary) => socket.send(data, { binary }));
  const { remoteAddress, remotePort, servername } = request.socket;
  if (pathname === "/echo") return;
  if (pathname === "/ping") socket.on("ping", (data) => socket.send(`pinged ${data}`));
  else if (pathname === "/peer") socket.send(`${remoteAddress} ${remotePort}`);
  else if (pathname === "/extensions") socket.send(`extensions: ${socket.extensions}`);
  else if (pathname === "/tls") socket.send(`server name: ${servername}`);
  else if (pathname === "/large") socket.send(Buffer.alloc(2_000_000, 97).toString());
  else if (pathname === "/flood") flood(socket);
  else if (pathname === "/trades") trade(socket);
  else if (pathname === "/private") {
    socket.removeAllListeners("message");
    socket.on("message", (data) => {
      const { login, subscribe } = JSON.parse(data);
      if (login !== undefined) socket.send('{"type":"welcome"}');
      if (subscribe !== undefined) trade(socket);
    });
  } else if (pathname === "/account") socket.send(`hello, ${who(request)}`);
  else if (pathname === "/headers") socket.send(JSON.stringify(request.rawHeaders));
  else socket.send("hello");
  if (pathname === "/restarts" && isOdd(request.url)) socket.close(1012, "restart");
  if (pathname === "/silent") request.socket.pause();
}

const counts = new Map();

/** Whether this is the first, third, fifth … time that a URL is asked for. */
function isOdd(url) {
  counts.set(url, (counts.get(url) ?? 0) + 1);
  return counts.get(url) % 2 === 1;
}

const SYMBOLS = ["BTC", "ETH", "SOL"];

/** Sends 100 trades a second, each with the same id on all connections. */
function trade(socket) {
  const now = () => Math.floor(performance.now() / 10);
  let id = now();
  const timer = setInterval(() => {
    while (id < now()) socket.send(JSON.stringify({ id, symbol: SYMBOLS[id % 3], price: 64_000 + id++ % 7 }));
  }, 10);
  socket.on("close", () => clearInterval(timer));
}

/** Sends 64 MiB, and says on standard output whether they were taken within a second and a half. */
function flood(socket) {
  // Compression makes nothing smaller of it.
  const piece = randomBytes(128 * 1024);
  let left = 512;
  const more = () => left-- > 0 && socket.send(piece, more);
  more();
  setTimeout(() => console.log(left > 0 ? "waits" : "taken"), 1_500);
}

function admit({ req }, answer) {
  const { pathname } = new URL(req.url, "http://localhost");
  if (pathname === "/old") answer(false, 302, "", { Location: "/feed", "Set-Cookie": "seen=old; Path=/" });
  else if (pathname === "/account" && who(req) === null) {
    const challenge = `Digest realm="account", nonce="${NONCE}", algorithm=SHA-256, qop="auth"`;
    answer(false, 401, "", { "WWW-Authenticate": challenge });
  } else if (pathname === "/expired") answer(false, 401);
  else if (pathname === "/refuses" && isOdd(req.url)) answer(false, 429, "", { "Retry-After": "0" });
  else answer(true);
}

/** DNS over HTTPS (RFC 1035, RFC 8484): 127.0.0.1 to every question for A, nothing to any other. */
function answerDns(request, response) {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const query = Buffer.concat(chunks);
    // Behind the question may stand an additional record of 11 octets.
    const end = query.length - (query[11] === 0 ? 0 : 11), isA = query[end - 3] === 1;
    const head = Buffer.from(query.subarray(0, end));
    head.set([0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0], 2);
    const record = isA ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1] : [];
    response.writeHead(200, { "content-type": "application/dns-message" }).end(Buffer.from([...head, ...record]));
  });
}

async function listen(server, ...at) {
  const sockets = new WebSocketServer({ server, verifyClient: admit, perMessageDeflate: true });
  sockets.on("connection", serve);
  sockets.on("headers", (headers) => headers.push("Set-Cookie: session=38afes7a8; Path=/"));
  await new Promise((resolve) => server.listen(...at, resolve));
  return server.address().port;
}

const lines = createInterface({ input: process.stdin });
lines.once("line", async (line) => {
  const { open, company, socket } = JSON.parse(line);
  const ports = {
    plain: await listen(createHttpServer(), 0, "127.0.0.1"),
    open: await listen(createHttpsServer(open), 0, "127.0.0.1"),
    company: await listen(createHttpsServer(company), 0, "127.0.0.1"),
    dns: await new Promise((resolve) => {
      const dns = createHttpsServer(open, answerDns).listen(0, "127.0.0.1", () => resolve(dns.address().port));
    }),
  };
  if (socket !== undefined) await listen(createHttpServer(), socket);
  console.log(JSON.stringify(ports));
});
lines.once("close", () => process.exit(0));
