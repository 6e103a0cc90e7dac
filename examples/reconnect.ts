/**
 * A feed that comes back: one loop over as many connections as it takes. Each is subscribed anew, since the server knows a
 * connection and not a client; what may be missing between two is printed.
 *
 *     deno run -A examples/reconnect.ts wss://example.com/feed '{"type":"subscribe"}' 100
 *     bun examples/reconnect.ts wss://example.com/feed '{"type":"subscribe"}' 100
 */
import process from "node:process";
import { ReconnectingCurlWebSocket } from "@curlws/curlws";

const [url = "wss://api.gemini.com/v2/marketdata", subscription, count = "20"] = process.argv.slice(2);
const hello = subscription ??
  '{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["BTCUSD"]}]}';

const feed = new ReconnectingCurlWebSocket(url, {
  connected: (socket) => socket.send(hello),
  // A peer that is gone without a word is found within twice 15 s, and then reconnected to.
  pingInterval: 15_000,
  connectTimeout: 10_000,
  reconnect: { firstDelay: 500, factor: 1.7, maxDelay: 30_000 },
});
feed.onopen = () => console.log(`open, for the ${feed.stats.connections}. time`);
feed.onreconnecting = ({ attempt, delay, reason: { error, code } }) => {
  console.error(`${error?.code ?? `closed with ${code}`}: attempt ${attempt} in ${delay.toFixed(0)} ms`);
};
feed.ongap = ({ from, to }) => console.error(`messages of ${to - from} ms may be missing`);
feed.onclose = ({ code }) => console.log(`closed with ${code}`);
process.once("SIGINT", () => feed.close());

let messages = 0;
for await (const _data of feed) {
  // Leaving the loop closes the feed.
  if (++messages === Number(count)) break;
}
const { connections, gaps, downTime } = feed.stats;
console.log(
  `${messages} messages over ${connections} connections, ${gaps} gaps, ${downTime.toFixed(0)} ms without one`,
);
