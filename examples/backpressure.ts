/**
 * A reader that is slower than its server. The loop takes a message, works, and takes the next; while `highWaterMark`
 * bytes wait, nothing is read, TCP's window closes, and the server has to wait. Memory stays where it is.
 *
 *     deno run -A examples/backpressure.ts wss://example.com/feed 200 5
 *     bun examples/backpressure.ts wss://example.com/feed 200 5
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { CurlWebSocket } from "@curlws/curlws";

const [url = "wss://stream.binance.com:9443/ws/!ticker@arr", count = "200", work = "5"] = process.argv.slice(2);
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

await using socket = new CurlWebSocket(url, { highWaterMark: 256 * 1024 });
socket.binaryType = "arraybuffer";

let messages = 0, bytes = 0, paused = 0;
for await (const data of socket) {
  messages++;
  bytes += typeof data === "string" ? data.length : (data as ArrayBuffer).byteLength;
  // Work that takes its time: a database, a disk, another server.
  await sleep(Number(work));
  if (socket.isPaused) paused++;
  if (messages % 50 === 0) {
    console.log(
      `${messages} messages, ${megabytes(bytes)} MB, reading ${socket.isPaused ? "paused" : "on"}, ` +
        `${megabytes(process.memoryUsage().rss)} MB of memory`,
    );
  }
  // Leaving the loop closes the socket.
  if (messages === Number(count)) break;
}
console.log(`nothing was read during ${paused} of ${messages} messages' work`);
