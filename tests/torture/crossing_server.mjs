// The peer of the crossing test, in a process of its own. One JSON line comes on standard input ({ key, cert, seed }); the
// ports go to standard output ({ ws, wss }), then { wrong } for each message that arrived at the wrong connection, and at the
// end of standard input { received, resets }.
//
// A connection's path is its name: /NAME. A message is "NAME:number:" and then bytes that follow from the name and the
// number. Each is echoed as the server's own make of it, never as what came. At random the server resets a connection, also
// in the middle of a message, or closes it, or does not read for a while.
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import process from "node:process";
import { createInterface } from "node:readline";
import { WebSocketServer } from "ws";
import { makeMessage, randomFrom } from "./crossing_messages.mjs";

let received = 0, resets = 0, random = Math.random;

function tell(report) {
  process.stdout.write(JSON.stringify(report) + "\n");
}

function wrong(name, next, data) {
  tell({
    wrong: `the server's ${name} waited for its message ${next}, and got ${data.length} bytes: ${
      JSON.stringify(data.subarray(0, 60).toString("latin1"))
    }`,
  });
}

/** What each connection that is open would say of itself. */
const states = new Map();

function serve(socket, request, raw) {
  const name = request.url.slice(1);
  let next = 0;
  states.set(
    name,
    () =>
      `${name} received ${next} messages, ${raw.bytesRead} bytes, paused ${socket.isPaused}, buffered ` +
      `${socket.bufferedAmount}, wrote ${raw.bytesWritten} bytes, state ${socket.readyState}`,
  );
  socket.on("close", () => states.delete(name));
  // Bytes that are no frames are another's.
  socket.on("error", (error) => error.code?.startsWith("WS_ERR") && tell({ wrong: `the server's ${name}: ${error}` }));
  const reset = () => {
    resets++;
    // libuv resets a socket that is set to linger for no time.
    raw.resetAndDestroy();
  };
  // Within a message that is not whole yet.
  const budget = random() < 0.5 ? Infinity : Math.floor(random() ** 2 * 3e6);
  let bytes = 0;
  request.socket.on("data", (data) => {
    bytes += data.length;
    if (bytes > budget && !raw.destroyed) reset();
  });
  socket.on("message", (data, binary) => {
    const [, number, size] = /^[^:]*:(\d+):(\d+):/.exec(data.subarray(0, 80).toString("latin1")) ?? [];
    const expected = size === undefined ? null : makeMessage(name, next, Number(size));
    if (Number(number) !== next || expected === null || !expected.equals(data)) {
      wrong(name, next, data);
      return raw.destroy();
    }
    next++;
    received++;
    // Made anew: what is sent back wrong was not received so.
    socket.send(expected, { binary });
    const dice = random();
    if (dice < 0.002) reset();
    else if (dice < 0.003) socket.close(4000, name);
    else if (dice < 0.004) {
      socket.pause();
      setTimeout(() => socket.resume(), 5);
    }
  });
}

function attach(server) {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 << 20, perMessageDeflate: { threshold: 500 } });
  // The TCP sockets, by the port that they come from: those of TLS have no way to reset.
  const raws = new Map();
  server.on("connection", (raw) => {
    const { remotePort } = raw;
    raws.set(remotePort, raw);
    raw.on("close", () => raws.delete(remotePort)).on("error", () => {});
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {});
    const raw = raws.get(socket.remotePort);
    if (random() < 0.02) return raw.resetAndDestroy();
    sockets.handleUpgrade(request, socket, head, (client) => serve(client, request, raw));
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  server.on("tlsClientError", () => {});
}

function listen(server) {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

process.on("uncaughtException", (error) => tell({ wrong: `the server: ${error.stack}` }));
const lines = createInterface({ input: process.stdin });
lines.once("line", async (line) => {
  const { key, cert, seed } = JSON.parse(line);
  random = randomFrom(seed ^ 0x5eed);
  const plain = createServer(), secure = createSecureServer({ key, cert });
  attach(plain);
  attach(secure);
  const [ws, wss] = await Promise.all([plain, secure].map(listen));
  tell({ ws, wss });
});
// Any further line asks who waits.
lines.on(
  "line",
  (line) =>
    line === "states" && tell({ wrong: `the server: ${[...states.values()].map((state) => state()).join("; ")}` }),
);
lines.on("close", () => {
  tell({ received, resets });
  process.exit(0);
});
