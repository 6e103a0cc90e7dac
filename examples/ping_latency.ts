/**
 * How far away a server is, by WebSocket pings: least, median, 99th percentile and greatest round trip.
 *
 *     deno run -A examples/ping_latency.ts wss://example.com/feed 20
 *     bun examples/ping_latency.ts wss://example.com/feed 20
 */
import process from "node:process";
import { CurlWebSocket } from "@curlws/curlws";

const [url = "wss://echo.websocket.org/", count = "10"] = process.argv.slice(2);

await using socket = new CurlWebSocket(url);
await socket.opened;
const { remoteAddress, times } = socket.connection!;
console.log(
  `connected to ${remoteAddress}: TCP ${times.tcp.toFixed(1)} ms, handshake ${times.handshake.toFixed(1)} ms`,
);

const samples: number[] = [];
for (let i = 0; i < Number(count); i++) samples.push(await socket.ping());

samples.sort((a, b) => a - b);
const at = (part: number) => samples[Math.min(samples.length - 1, Math.floor(samples.length * part))]!.toFixed(3);
console.log(`${samples.length} pings: least ${at(0)}, median ${at(0.5)}, p99 ${at(0.99)}, greatest ${at(1)} ms`);
