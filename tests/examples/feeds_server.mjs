// Servers that speak like the feeds of the examples, for support.ts; a child process, under node where there is one. The
// port goes to standard output, then a line for each thing a test waits for; it ends with its standard input.
//
//   /gemini?rate=&drop=   after a subscription, updates with a socket_sequence; the first connection is dropped after
//                         `drop` messages
//   /dex?rate=            updates; asks "ping" in text, and closes with 4000 who does not answer "pong" in time; with
//                         &shared=1 all connections get the same ones, from now on
//   /forbidden            refuses with 403
//   /numbers?rate=&count=&size=   messages that begin with their number, from 0, then nothing; says "stalled" while the
//                         client takes nothing; &shared=1 as above; &cut=1 drops the first connection after `count`
//   /trades?rate=         trades of three instruments in turn, their number as the price
//   /ids?rate=            messages with an id, the same ones on all connections, from now on
//   /book?skip=&drop=     an order book as Coinbase's level2: after a subscription a snapshot and updates; update `skip` is
//                         left out, and the first connection is dropped after update `drop`
//   /home                 Home Assistant with a lamp, whose token is "secret"; says "auth", and each command with its id. The first connection is
//                         dropped after a change, and the lamp changes meanwhile
//   /big                  as many messages of 16 KiB as the client takes
import { createInterface } from "node:readline";
import process from "node:process";
import { WebSocketServer } from "ws";

const say = (line) => process.stdout.write(`${line}\n`);
const FULL = 256 * 1024;
let dropped = false;

/** Sends what is due `rate` times a second, and nothing while the socket is full; from the `first` one on. */
function pace(socket, rate, count, make, name, first = 0) {
  const begun = performance.now();
  let sent = 0, skipped = 0, fullSince = 0, stalled = false;
  const timer = setInterval(() => {
    const due = Math.min(count, Math.floor((performance.now() - begun) / 1000 * rate) - skipped);
    while (sent < due && socket.bufferedAmount < FULL) socket.send(make(first + sent++));
    if (socket.bufferedAmount < FULL) {
      if (stalled) say(`flowing ${name}`);
      stalled = false;
      fullSince = 0;
    } else {
      fullSince ||= performance.now();
      skipped += Math.max(0, due - sent);
      if (!stalled && performance.now() - fullSince > 200) {
        stalled = true;
        say(`stalled ${name} ${sent}`);
      }
    }
  }, 5);
  socket.on("close", (code) => {
    clearInterval(timer);
    say(`closed ${name} ${code} ${sent}`);
  });
}

function gemini(socket, number) {
  socket.once("message", (data) => {
    const { type, subscriptions } = JSON.parse(data);
    if (type !== "subscribe") return socket.close(4400, "not a subscription");
    say(`subscribed ${subscriptions[0].symbols}`);
    pace(socket, number("rate", 5), Infinity, (sequence) => {
      if (sequence === number("drop", -1) && !dropped) {
        dropped = true;
        setImmediate(() => socket.terminate());
      }
      const changes = [["buy", (60000 + Math.random()).toFixed(2), Math.random().toFixed(8)]];
      return JSON.stringify({ type: "l2_updates", symbol: "BTCUSD", changes, socket_sequence: sequence });
    }, "gemini");
  });
}

/** The number that all connections are at. */
function firstOf(rate, number) {
  return number("shared", 0) === 0 ? 0 : Math.floor(performance.now() / 1000 * rate);
}

function dex(socket, number) {
  let answered = true;
  const asking = setInterval(() => {
    if (!answered) socket.close(4000, "no pong");
    answered = false;
    socket.send("ping");
  }, 500);
  socket.on("message", (data) => answered ||= String(data) === "pong");
  socket.on("close", () => clearInterval(asking));
  const pair = () => ({ chainId: "solana", pairAddress: crypto.randomUUID(), priceUsd: Math.random().toFixed(10) });
  const rate = number("rate", 2000);
  pace(
    socket,
    rate,
    Infinity,
    (sequence) => JSON.stringify({ type: "pairs", sequence, pairs: [pair(), pair(), pair()] }),
    "dex",
    firstOf(rate, number),
  );
}

/**
 * The bid moves down by one with each update, and the offer stands one above it; the level before is taken away. So a book that
 * lacks an update keeps a bid that is too high.
 */
function book(socket, number) {
  let sequence = 0, timer;
  const send = (channel, events) => socket.send(JSON.stringify({ channel, sequence_num: sequence++, events }));
  const level = (side, price, quantity) => ({ side, price_level: `${price}`, new_quantity: `${quantity}` });
  let price = 10_000;
  const update = () => {
    const old = price--;
    const updates = [level("bid", old, 0), level("bid", price, 1), level("offer", price + 1, 2)];
    if (sequence === number("skip", -1) && !dropped) sequence++;
    else send("l2_data", [{ type: "update", updates }]);
    if (sequence === number("drop", -1) && !dropped) {
      dropped = true;
      clearInterval(timer);
      setImmediate(() => socket.terminate());
    }
  };
  socket.on("message", (data) => {
    const { type } = JSON.parse(data);
    say(type);
    clearInterval(timer);
    send("subscriptions", [{ type: "update" }]);
    if (type !== "subscribe") return;
    send("l2_data", [{ type: "snapshot", updates: [level("bid", price, 1), level("offer", price + 1, 2)] }]);
    timer = setInterval(update, 5);
  });
  socket.on("close", () => clearInterval(timer));
}

let lamp = "off";

function home(socket) {
  const send = (message) => socket.send(JSON.stringify(message));
  send({ type: "auth_required", ha_version: "2026.11.0" });
  socket.once("message", (data) => {
    const { type, access_token } = JSON.parse(data);
    say(`${type}`);
    if (access_token !== "secret") {
      send({ type: "auth_invalid", message: "Invalid access token or password" });
      return socket.close();
    }
    send({ type: "auth_ok", ha_version: "2026.11.0" });
    socket.on("message", (data) => {
      const { id, type } = JSON.parse(data);
      say(`${id} ${type}`);
      const change = (state) => {
        lamp = state;
        const data = { entity_id: "light.lamp", new_state: { entity_id: "light.lamp", state } };
        send({ id: 1, type: "event", event: { event_type: "state_changed", data } });
      };
      if (type === "subscribe_events") return send({ id, type: "result", success: true, result: null });
      const result = [{ entity_id: "light.lamp", state: lamp }, { entity_id: "sun.sun", state: "below_horizon" }];
      send({ id, type: "result", success: true, result });
      change(dropped ? "off" : "on");
      if (dropped) return;
      dropped = true;
      lamp = "dimmed";
      setImmediate(() => socket.terminate());
    });
  });
}

const server = new WebSocketServer({
  ...{ port: 0, host: "127.0.0.1", perMessageDeflate: false },
  verifyClient: ({ req }, answer) => answer(req.url !== "/forbidden", 403),
});
server.on("listening", () => say(`port ${server.address().port}`));
server.on("connection", (socket, request) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const number = (name, otherwise) => Number(searchParams.get(name) ?? otherwise);
  socket.on("error", () => {});
  if (pathname === "/gemini") return gemini(socket, number);
  if (pathname === "/dex") return dex(socket, number);
  if (pathname === "/numbers") {
    const rest = "x".repeat(number("size", 0));
    const rate = number("rate", 1000), count = number("count", Infinity);
    const make = (n) => {
      if (n + 1 === count && number("cut", 0) === 1 && !dropped) {
        dropped = true;
        setImmediate(() => socket.terminate());
      }
      return `${n} ${rest}`;
    };
    return pace(socket, rate, count, make, "numbers", firstOf(rate, number));
  }
  if (pathname === "/trades") {
    const make = (n) => JSON.stringify({ e: "trade", s: ["BTCUSDT", "ETHUSDT", "SOLUSDT"][n % 3], p: String(n) });
    return pace(socket, number("rate", 1000), Infinity, make, "trades");
  }
  if (pathname === "/book") return book(socket, number);
  if (pathname === "/home") return home(socket);
  if (pathname === "/ids") {
    const make = (id) => JSON.stringify({ id });
    return pace(socket, number("rate", 1000), Infinity, make, "ids", firstOf(number("rate", 1000), () => 1));
  }
  if (pathname === "/big") return pace(socket, 20_000, Infinity, () => Buffer.alloc(16 * 1024), "big");
  socket.close(4404, "no such path");
});
createInterface({ input: process.stdin }).once("close", () => process.exit(0));
