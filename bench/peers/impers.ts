/**
 * The peer `impers`, only on Node: koffi over libcurl's own WebSocket functions, which it polls every 10 ms while no message is
 * there. `impers.ts --probe` prints which libcurl it found, or fails with the reason why it cannot use it.
 *
 * `recv` resolves with what one call of `curl_ws_recv` returned, which may be a part of a message, without saying so. So
 * messages are counted by their size, and it takes part in no feed with several sizes. It cannot send more than the socket
 * takes at once, nor accept the test server's certificate.
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import { epochNow } from "../demo/clock.ts";
import type { Command, Measured } from "../protocol.ts";
import { answer, measure, quantiles } from "./measure.ts";

interface Socket {
  recv(): Promise<{ data: Buffer }>;
  sendStr(text: string): Promise<void>;
  close(): Promise<void>;
}

interface Impers {
  wsConnect(url: string): Promise<Socket>;
  Curl: { version(): string };
  resolveLibcurlPath(): Promise<string>;
}

const specifier: string = "impers";
const impers = await import(specifier) as Impers;

/** The error of libcurl for a scheme that it was built without. */
const UNSUPPORTED_PROTOCOL = "code 1";

async function probe(): Promise<void> {
  const version = impers.Curl.version().split(" ")[0];
  const reason = await impers.wsConnect("ws://127.0.0.1:1/").then(() => "", (error: Error) => error.message);
  if (!reason.endsWith(UNSUPPORTED_PROTOCOL)) return console.log(version);
  console.error(`${version} (${await impers.resolveLibcurlPath()}) was built without WebSocket`);
  process.exit(1);
}

async function receive(command: Command): Promise<Measured> {
  const { batch, url, size, kind, connections = 1, stamped = 0 } = command;
  let left = 0, bytes = 0, count = 0, open = true;
  let resume: () => void = () => {};
  const latencies: number[] = [];
  const pump = async (socket: Socket) => {
    let held = 0;
    while (open) {
      const { data } = await socket.recv();
      const text = kind === "binary" ? "" : data.toString("utf8");
      bytes += data.length;
      if (held === 0 && stamped > 0 && count % stamped === 0) latencies.push(epochNow() - Number(text.slice(0, 17)));
      held += data.length;
      if (held < size) continue;
      held -= size;
      count++;
      if (--left === 0) resume();
    }
  };
  const sockets: Socket[] = [];
  let failed: (error: Error) => void = () => {};
  const failure = new Promise<never>((_, reject) => failed = reject);
  while (sockets.length < connections) {
    const lot = Array.from({ length: Math.min(50, connections - sockets.length) }, () => impers.wsConnect(url));
    sockets.push(...await Promise.all(lot));
  }
  for (const socket of sockets) pump(socket).catch(failed);
  // Messages that arrived while many connections were opened have to be read first.
  const measured = measure({ ...command, warmUp: command.warmUp + connections }, () => {
    left += batch;
    return left <= 0 ? Promise.resolve() : new Promise((resolve) => resume = resolve);
  }, {
    start: () =>
      left =
        bytes =
        count =
        latencies.length =
          0,
    count: () => count,
  });
  const result = await Promise.race([measured, failure]);
  open = false;
  failure.catch(() => {}); // closing rejects pending promises
  await Promise.all(sockets.map((socket) => socket.close()));
  return { ...result, bytes, ...(stamped > 0 ? quantiles(latencies) : {}) };
}

async function roundTrip(command: Command): Promise<Measured> {
  const socket = await impers.wsConnect(command.url);
  const text = "x".repeat(command.size);
  const times: number[] = [];
  const result = await measure(command, async () => {
    for (let i = 0; i < command.batch; i++) {
      const at = performance.now();
      await socket.sendStr(text);
      (await socket.recv()).data.toString("utf8");
      times.push(performance.now() - at);
    }
  }, { start: () => times.length = 0 });
  await socket.close();
  return { ...result, ...quantiles(times) };
}

if (process.argv[2] === "--probe") {
  await probe();
  process.exit(0);
}
await answer({ receive, roundTrip });
