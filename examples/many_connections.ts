/**
 * Opens many connections from one thread, and tells what they cost while they receive for some seconds.
 *
 *     deno run -A examples/many_connections.ts wss://example.com/feed 500 5
 *     bun examples/many_connections.ts wss://example.com/feed 500 5
 *
 * Each takes a file descriptor: `ulimit -n` must allow them.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { CurlWebSocket } from "@curlws/curlws";

const [url = "wss://echo.websocket.org/", count = "20", seconds = "5"] = process.argv.slice(2);

const cpu = () => Object.values(process.cpuUsage()).reduce((a, b) => a + b) / 1000;
const memory = () => process.memoryUsage().rss / 1e6;

let messages = 0, lost = 0;
function open(): Promise<CurlWebSocket> {
  const socket = new CurlWebSocket(url);
  socket.onmessage = () => messages++;
  socket.onclose = () => lost++;
  return socket.opened;
}

// One first: the library is loaded by it, which is no part of what a connection costs.
const sockets = [await open()];
const before = { memory: memory(), cpu: cpu(), time: performance.now() };
sockets.push(...await Promise.all(Array.from({ length: Number(count) - 1 }, open)));
console.log(
  `${sockets.length} open after ${(performance.now() - before.time).toFixed(0)} ms, ` +
    `${(cpu() - before.cpu).toFixed(0)} ms of CPU, ${(memory() - before.memory).toFixed(1)} MB of memory`,
);

const start = { messages, cpu: cpu(), time: performance.now() };
await sleep(Number(seconds) * 1000);
const took = performance.now() - start.time;
console.log(
  `${((messages - start.messages) / took * 1000).toFixed(0)} messages/s for ` +
    `${((cpu() - start.cpu) / took * 100).toFixed(2)} % of a core; ${lost} connections lost`,
);

await Promise.all(sockets.map((socket) => socket[Symbol.asyncDispose]()));
console.log("all closed");
