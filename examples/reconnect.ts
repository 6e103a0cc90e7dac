/**
 * A connection that comes back: partysocket does the waiting and trying, CurlWebSocket the connecting. Subscriptions are
 * sent on each `open`, since the server has forgotten them.
 *
 *     deno run -A examples/reconnect.ts wss://example.com/feed '{"type":"subscribe"}' 100
 *     bun examples/reconnect.ts wss://example.com/feed '{"type":"subscribe"}' 100
 */
import process from "node:process";
import { CurlWebSocket, type CurlWebSocketError } from "@curlws/curlws";
import ReconnectingWebSocket from "partysocket/ws";

const [url = "wss://api.gemini.com/v2/marketdata", subscription, count = "20"] = process.argv.slice(2);
const hello = subscription ??
  '{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["BTCUSD"]}]}';

const socket = new ReconnectingWebSocket(url, [], {
  // A peer that is gone without a word is found within twice 15 s, and then reconnected to.
  WebSocket: CurlWebSocket.with({ pingInterval: 15_000, connectTimeout: 10_000 }),
  // The first attempt waits a random time, so that a restarted server is not met by all at once; then ever longer.
  minReconnectionDelay: 200 + Math.random() * 300,
  maxReconnectionDelay: 30_000,
  reconnectionDelayGrowFactor: 1.7,
  // partysocket would give up a connection by its own timer otherwise, at 4 s.
  connectionTimeout: 60_000,
  // Messages that are sent while there is no connection are kept: here none, since each open subscribes anew.
  maxEnqueuedMessages: 0,
});

let opened = 0, messages = 0;
socket.onopen = () => {
  console.log(`open, for the ${++opened}. time`);
  socket.send(hello);
};
socket.onmessage = () => {
  if (++messages < Number(count)) return;
  console.log(`${messages} messages over ${opened} connections`);
  socket.close();
};
socket.onerror = (event) => {
  const error = event.error as CurlWebSocketError | undefined;
  console.error(`${error?.code}: ${event.message}`);
};
// partysocket tells of a lost connection by `error`, then by `close` with 1000.
socket.onclose = ({ code }) => console.log(`closed with ${code}`);
process.once("SIGINT", () => socket.close());
