/**
 * Loopback WebSocket server with market-data feeds. Prints its port as one JSON line.
 * `/slow`: about 5 messages a second at irregular gaps, like an exchange's ticker (Gemini market data).
 * `/fast`: about 2,000 messages a second of 200-400 bytes in bursts of 4 or 5, like a screener's pair updates (Dexscreener).
 * `/even`: the same messages, one at a time, each half a millisecond after the one before.
 * Every message carries `sentAt`, the server's clock in epoch milliseconds.
 */
import process from "node:process";
import { setImmediate } from "node:timers";
import { WebSocketServer } from "ws";
import { makeRandom } from "../load/messages.ts";
import { epochNow } from "./clock.ts";

interface Peer {
  send(text: string): void;
  on(event: "close" | "error", listener: () => void): void;
}

interface Request {
  url?: string;
}

function tickerMessage(sequence: number, random: () => number): string {
  const sentAt = epochNow();
  return JSON.stringify({
    type: "update",
    eventId: 36902233362 + sequence,
    timestampms: Math.floor(sentAt),
    socket_sequence: sequence,
    events: [{
      type: "trade",
      tid: 36902233362 + sequence,
      price: (61000 + random() * 500).toFixed(2),
      amount: (random() * 0.5).toFixed(8),
      makerSide: random() < 0.5 ? "bid" : "ask",
    }],
    sentAt,
  });
}

function pairMessage(sequence: number, random: () => number): string {
  const price = 0.01 + random();
  const message = {
    type: "pair",
    chainId: "solana",
    pairAddress: `pair-${(sequence % 400).toString().padStart(4, "0")}`,
    baseToken: { symbol: `TKN${sequence % 400}` },
    priceUsd: price.toFixed(8),
    txns: { m5: { buys: Math.floor(random() * 90), sells: Math.floor(random() * 90) } },
    volume: { m5: Math.round(random() * 1e6) / 100, h1: Math.round(random() * 1e7) / 100 },
    priceChange: { m5: Math.round(random() * 1000 - 500) / 100 },
    liquidity: random() < 0.5 ? undefined : { usd: Math.round(random() * 1e8) / 100, base: random() * 1e6 },
    sequence,
    sentAt: epochNow(),
  };
  return JSON.stringify(message);
}

function runSlow(peer: Peer): () => void {
  const random = makeRandom(5);
  let sequence = 0;
  let timer: ReturnType<typeof setTimeout>;
  const next = () => {
    timer = setTimeout(() => {
      peer.send(tickerMessage(sequence++, random));
      next();
    }, Math.min(700, 20 - 180 * Math.log(1 - random())));
  };
  next();
  return () => clearTimeout(timer);
}

const PER_MILLISECOND = 2;

/** Returns a function that sends what is due by now. */
function pairSender(peer: Peer): () => void {
  const random = makeRandom(2000);
  let sequence = 0;
  let startedAt = performance.now();
  return () => {
    const elapsed = performance.now() - startedAt;
    let due = Math.floor(elapsed * PER_MILLISECOND) - sequence;
    if (due > 100) { // fell behind (the machine was busy): skip rather than burst
      startedAt += (due - 2) / PER_MILLISECOND;
      due = 2;
    }
    for (let i = 0; i < due; i++) peer.send(pairMessage(sequence++, random));
  };
}

function runFast(peer: Peer): () => void {
  const timer = setInterval(pairSender(peer), 1);
  return () => clearInterval(timer);
}

/** Timers are too coarse for it: it keeps a core of its own busy. */
function runEven(peer: Peer): () => void {
  const sendDue = pairSender(peer);
  let stopped = false;
  const tick = () => {
    if (stopped) return;
    sendDue();
    setImmediate(tick);
  };
  tick();
  return () => stopped = true;
}

const FEEDS: Record<string, (peer: Peer) => () => void> = { "/slow": runSlow, "/fast": runFast, "/even": runEven };

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
server.on("connection", (peer: Peer, request: Request) => {
  const stop = (FEEDS[request.url ?? ""] ?? runSlow)(peer);
  peer.on("close", stop);
  peer.on("error", stop);
});
server.on("listening", () => {
  const address = server.address() as { port: number };
  console.log(JSON.stringify({ port: address.port }));
});
process.on("SIGTERM", () => process.exit(0));
