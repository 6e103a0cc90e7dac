/**
 * A feed in a Worker: what it takes to read and decode it does not stop this thread, which gets a summary a second.
 * Each thread has a reactor of its own; a socket stays with the thread that made it.
 *
 *     deno run -A examples/worker.ts wss://example.com/feed 3
 *     bun examples/worker.ts wss://example.com/feed 3
 */
import process from "node:process";

const [url = "wss://stream.binance.com:9443/ws/btcusdt@trade", summaries = "5"] = process.argv.slice(2);

const worker = new Worker(new URL("./worker_feed.ts", import.meta.url), { type: "module" });
worker.postMessage({ url });

let left = Number(summaries);
worker.onmessage = ({ data }) => {
  if (data.error !== undefined) {
    console.error(data.error);
    process.exitCode = 1;
  }
  // It has closed its socket by now. One that is terminated with a socket open keeps it until the process ends.
  if (data.closed) return worker.terminate();
  if (data.messages === undefined) return;
  console.log(`${data.messages} messages, ${data.bytes} bytes, the last one ${String(data.last).slice(0, 60)}`);
  if (--left === 0) worker.postMessage({ stop: true });
};
