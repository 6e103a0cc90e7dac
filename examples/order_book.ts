/**
 * An order book that is right or says that it is not. Each update changes the book that the one before has left, so a book
 * that has missed one is wrong from there on: it is thrown away, and begins anew with the next snapshot.
 *
 *     deno run -A examples/order_book.ts wss://advanced-trade-ws.coinbase.com BTC-USD 100
 *     bun examples/order_book.ts wss://advanced-trade-ws.coinbase.com BTC-USD 100
 *
 * The messages are those of Coinbase's channel level2. Each has a number that counts within its connection, which shows
 * what a server left out; what was lost between two connections the feed's `gap` event tells.
 */
import process from "node:process";
import { ReconnectingCurlWebSocket } from "@curlws/curlws";

const [url = "wss://advanced-trade-ws.coinbase.com", product = "BTC-USD", count = "100"] = process.argv.slice(2);

interface Message {
  channel: string;
  sequence_num: number;
  events: {
    type: "snapshot" | "update";
    updates?: { side: "bid" | "offer"; price_level: string; new_quantity: string }[];
  }[];
}

/** One side or both: the quantity at each price. */
class Book {
  readonly #sides = { bid: new Map<number, number>(), offer: new Map<number, number>() };

  set(side: "bid" | "offer", price: number, quantity: number): void {
    if (quantity === 0) this.#sides[side].delete(price);
    else this.#sides[side].set(price, quantity);
  }

  // Of a thousand prices; a book of more wants a sorted structure.
  toString(): string {
    const bid = Math.max(...this.#sides.bid.keys()), offer = Math.min(...this.#sides.offer.keys());
    return `${this.#sides.bid.get(bid)} at ${bid}, ${this.#sides.offer.get(offer)} at ${offer}`;
  }
}

/** Null while there is none that is right. */
let book: Book | null = null;
/** The number that the next message has, or null for any. */
let expected: number | null = null;

const order = (type: "subscribe" | "unsubscribe") =>
  JSON.stringify({ type, product_ids: [product], channel: "level2" });
const feed = new ReconnectingCurlWebSocket(url, {
  connected: (socket) => socket.send(order("subscribe")), // the server begins each subscription with a snapshot
  pingInterval: 10_000,
  maxMessageSize: 256 * 1024 * 1024, // snapshots are large
});
// In order with the messages: all before the gap have been handled, none behind it.
feed.ongap = ({ from, to }) => {
  console.error(`${to - from} ms are missing: the book begins anew`);
  book = null;
  expected = null;
};
process.once("SIGINT", () => feed.close());

let shown = 0, snapshots = 0;
for await (const data of feed) {
  const { channel, sequence_num, events }: Message = JSON.parse(String(data));
  if (expected !== null && sequence_num !== expected) {
    console.error(`${expected} was expected, and ${sequence_num} came: the book begins anew`);
    book = null;
    feed.send(order("unsubscribe"));
    feed.send(order("subscribe"));
  }
  expected = sequence_num + 1;
  if (channel !== "l2_data") continue;
  for (const { type, updates = [] } of events) {
    if (type === "snapshot") {
      book = new Book();
      snapshots++;
    }
    // Updates that come before the snapshot belong to the book that was thrown away.
    for (const { side, price_level, new_quantity } of updates) {
      book?.set(side, Number(price_level), Number(new_quantity));
    }
  }
  if (book === null) continue;
  console.log(`${book}`);
  if (++shown === Number(count)) break;
}
console.log(`${shown} states of the book, from ${snapshots} snapshots over ${feed.stats.connections} connections`);
