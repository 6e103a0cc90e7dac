/**
 * The newest trade of each instrument, for a screen that is slower than the exchange: what is superseded while it draws
 * is skipped and counted, so what it shows is never old, however many trades come.
 *
 *     deno run -A examples/ticker.ts wss://stream.binance.com:9443/ws/btcusdt@trade/ethusdt@trade/solusdt@trade 30 200
 *     bun examples/ticker.ts wss://stream.binance.com:9443/ws/btcusdt@trade/ethusdt@trade/solusdt@trade 30 200
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { CurlWebSocket } from "@curlws/curlws";

const [url = "wss://stream.binance.com:9443/ws/btcusdt@trade/ethusdt@trade/solusdt@trade", lines = "30", work = "200"] =
  process.argv.slice(2);

// A trade is {"e":"trade","s":"BTCUSDT","p":"64120.10",…}. This is called for each, so it parses no JSON.
const symbolOf = (data: unknown) => /"s":"(\w+)"/.exec(String(data))?.[1];

await using socket = new CurlWebSocket(url);
let shown = 0, skipped = 0;
for await (const { key, data, dropped, receivedAt } of socket.latest(symbolOf)) {
  if (key === undefined) continue; // no trade
  const { p } = JSON.parse(String(data)) as { p: string };
  skipped += dropped;
  console.log(`${key} ${p}, ${dropped} skipped, ${(performance.now() - receivedAt).toFixed(1)} ms old`);
  if (++shown === Number(lines)) break;
  await sleep(Number(work)); // a screen, a browser, a chat
}
console.log(`${shown} shown, ${skipped} skipped`);
