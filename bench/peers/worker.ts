/**
 * A client that is measured: `worker.ts PEER` reads one JSON command per line, replies to each with one line of JSON, and ends
 * with its standard input. It runs on Deno, Bun and Node, and measures itself with tinybench. CPU time is that of all threads
 * of the process.
 */
import process from "node:process";
import type { CurlWebSocketInit } from "../../mod.ts";
import { cpuNow } from "../cpu_clock.ts";
import { epochNow } from "../demo/clock.ts";
import { frameSize } from "../../src/protocol/frame_writer.ts";
import type { Command, Measured } from "../protocol.ts";
import { countFeed, openMany, reconnect } from "./many.ts";
import { answer, measure, quantiles } from "./measure.ts";
import { drop, type Make, open, type Socket } from "./socket.ts";

function optionsOf({ deflate, options, verify = false }: Command): CurlWebSocketInit {
  return { ...(verify ? {} : { tls: { verify } }), perMessageDeflate: deflate === true, ...options };
}

async function peer(name: string): Promise<Make> {
  switch (name) {
    case "curlws": {
      const { CurlWebSocket } = await import("../../mod.ts");
      return (url, command) => new CurlWebSocket(url, optionsOf(command)) as unknown as Socket;
    }
    case "iterator": {
      const { IteratedSocket } = await import("./taken.ts");
      return (url, command) => new IteratedSocket(url, optionsOf(command));
    }
    case "batches": {
      const { BatchedSocket } = await import("./taken.ts");
      return (url, command) => new BatchedSocket(url, optionsOf(command));
    }
    case "latest": {
      const { LatestSocket } = await import("./taken.ts");
      return (url, command) => new LatestSocket(url, optionsOf(command));
    }
    case "stream": {
      const { StreamedSocket } = await import("./taken.ts");
      return (url, command) => new StreamedSocket(url, optionsOf(command));
    }
    case "native":
      return (url) => new WebSocket(url) as unknown as Socket;
    case "ws": {
      const { WebSocket: Ws } = await import("ws") as unknown as {
        WebSocket: new (url: string, protocols: string[], options: object) => Socket;
      };
      return (url, { deflate, verify = false }) =>
        new Ws(url, [], { rejectUnauthorized: verify, perMessageDeflate: deflate === true });
    }
    default:
      throw new Error(`unknown peer ${name}`);
  }
}

/** Receives messages of a feed, over one or many connections. */
async function receive(make: Make, command: Command): Promise<Measured> {
  const { batch, connections = 1, stamped = 0 } = command;
  let left = 0, bytes = 0, count = 0;
  let resume: () => void = () => {};
  const latencies: number[] = [];
  const onmessage = ({ data }: { data: unknown }) => {
    bytes += typeof data === "string" ? data.length : (data as ArrayBuffer).byteLength;
    count++;
    if (stamped > 0 && count % stamped === 0) {
      latencies.push(epochNow() - Number((data as string).slice(0, 17)));
    }
    if (--left === 0) resume();
  };
  const sockets: Socket[] = [];
  for (let i = 0; i < connections; i++) {
    const socket = await open(make, command);
    socket.onmessage = onmessage;
    socket.onclose = () => {
      throw new Error("the server closed");
    };
    sockets.push(socket);
  }
  const result = await measure(command, () => {
    left += batch; // messages since the end of the last batch count
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
  for (const socket of sockets) drop(socket);
  return { ...result, bytes, ...(stamped > 0 ? quantiles(latencies) : {}) };
}

/** Sends one small message at a time, and waits for its echo. */
async function roundTrip(make: Make, command: Command): Promise<Measured> {
  const socket = await open(make, command);
  const text = "x".repeat(command.size);
  const times: number[] = [];
  const result = await measure(command, async () => {
    for (let i = 0; i < command.batch; i++) {
      const at = performance.now();
      await new Promise<void>((resolve) => {
        socket.onmessage = () => resolve();
        socket.send(text);
      });
      times.push(performance.now() - at);
    }
  }, { start: () => times.length = 0 });
  drop(socket);
  return { ...result, ...quantiles(times) };
}

/** Sends messages. A batch is over once the server has all of them. */
async function send(make: Make, command: Command): Promise<Measured> {
  const { batch, size } = command;
  const socket = await open(make, { ...command, url: `${command.url}?bytes=${frameSize(size) * batch}` });
  const payload = command.kind === "binary" ? new Uint8Array(size) : "x".repeat(size);
  const result = await measure(command, () =>
    new Promise<void>((resolve) => {
      socket.onmessage = () => resolve();
      for (let i = 0; i < batch; i++) socket.send(payload);
    }));
  drop(socket);
  return result;
}

/** Keeps connections on which nothing arrives. */
async function idle(make: Make, command: Command): Promise<Measured> {
  const sockets: Socket[] = [];
  for (let i = 0; i < (command.connections ?? 1); i++) sockets.push(await open(make, command));
  await new Promise((resolve) => setTimeout(resolve, command.warmUp));
  const cpu = cpuNow(), wall = performance.now();
  await new Promise((resolve) => setTimeout(resolve, command.seconds * 1000));
  const cpuMs = cpuNow() - cpu, wallMs = performance.now() - wall;
  for (const socket of sockets) drop(socket);
  return { messages: 0, wallMs, cpuMs, cpuUs: 0, perSecond: 0, memory: process.memoryUsage().rss };
}

const make = await peer(process.argv[2] ?? "");
const bind = (action: (make: Make, command: Command) => Promise<Measured>) => (command: Command) =>
  action(make, command);
await answer({
  receive: bind(receive),
  roundTrip: bind(roundTrip),
  send: bind(send),
  idle: bind(idle),
  open: bind(openMany),
  reconnect: bind(reconnect),
  count: bind(countFeed),
});
