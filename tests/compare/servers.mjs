// Two servers of the comparison that tests/docs/support/server.mjs has no use for, under Node. One JSON line comes on
// standard input, { cert, key }; the ports go to standard output, and the process ends with its standard input.
//
// h2: WebSockets over HTTP/2 alone (RFC 8441); it greets with "over HTTP/2". session: a GET of /login sets a cookie, and a
// WebSocket is greeted with the cookies that its request has.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createSecureServer } from "node:http2";
import process from "node:process";
import { createInterface } from "node:readline";
import { WebSocketServer } from "ws";

const port = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

const lines = createInterface({ input: process.stdin });
lines.once("line", async (line) => {
  const h2 = createSecureServer({ ...JSON.parse(line), settings: { enableConnectProtocol: true } });
  h2.on("sessionError", () => {});
  h2.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    if (headers[":protocol"] !== "websocket") return stream.respond({ ":status": 400 }, { endStream: true });
    const text = Buffer.from("over HTTP/2");
    // RFC 8441 section 5.1 has no key and no Accept; undici sends the one and wants the other.
    const key = headers["sec-websocket-key"];
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    stream.respond({ ":status": 200, ...key === undefined ? {} : { "sec-websocket-accept": accept } });
    stream.write(Buffer.concat([Buffer.from([0x81, text.length]), text]));
  });
  const session = createServer((request, response) => {
    response.setHeader("Connection", "close");
    if (request.url === "/login") response.setHeader("Set-Cookie", "login=38afes7a8; Path=/");
    response.end("welcome");
  });
  new WebSocketServer({ server: session }).on("connection", (socket, { headers }) => {
    socket.on("error", () => {});
    socket.send(`cookies: ${headers.cookie ?? "none"}`);
  });
  console.log(JSON.stringify({ h2: await port(h2), session: await port(session) }));
});
lines.once("close", () => process.exit(0));
