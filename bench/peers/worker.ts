/**
 * A client that is measured: `worker.ts PEER` reads one JSON command per line, replies to each with one line of JSON, and ends
 * with its standard input. It runs on Deno, Bun and Node, and measures itself with tinybench. CPU time is that of all threads
 * of the process.
 */
import process from "node:process";
import { cpuNow } from "../cpu_clock.ts";
import { epochNow } from "../demo/clock.ts";
import { frameSize } from "../../src/protocol/frame_writer.ts";
import type { Command, Measured } from "../protocol.ts";
import { answer, measure, quantiles } from "./measure.ts";

/** The interface that the peers share. */
interface Socket {
  binaryType: string;
  onopen: ((event: unknown) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  onclose: ((event: unknown) => void) | null;
  send(data: string | Uint8Array): void;
  close(): void;
  terminate?(): void;
}

type Make = (url: string, command: Command) => Socket;

async function peer(name: string): Promise<Make> {
  switch (name) {
    case "curlws": {
      const { CurlWebSocket } = await import("../../mod.ts");
      return (url, { deflate, options }) => {
        const all = { tls: { verify: false }, perMessageDeflate: deflate === true, ...options };
        return new CurlWebSocket(url, all) as unknown as Socket;
      };
    }
    case "native":
      return (url) => new WebSocket(url) as unknown as Socket;
    case "ws": {
      const { WebSocket: Ws } = await import("ws") as unknown as {
        WebSocket: new (url: string, protocols: string[], options: object) => Socket;
      };
      return (url, { deflate }) => new Ws(url, [], { rejectUnauthorized: false, perMessageDeflate: deflate === true });
    }
    default:
      throw new Error(`unknown peer ${name}`);
  }
}

async function open(make: Make, command: Command): Promise<Socket> {
  const socket = make(command.url, command);
  socket.binaryType = "arraybuffer";
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = (event) => reject((event as { error?: unknown }).error ?? new Error("the connection failed"));
  });
  return socket;
}

function drop(socket: Socket): void {
  socket.onmessage = socket.onerror = socket.onclose = null;
  if (socket.terminate) socket.terminate();
  else socket.close();
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

/** Opens many connections at once: measures the longest block of the event loop, and the memory of each. */
async function openMany(make: Make, command: Command): Promise<Measured> {
  const { connections = 1 } = command;
  const before = process.memoryUsage().rss;
  let last = performance.now(), stallMs = 0, opening = true;
  const turn = () => {
    const now = performance.now();
    stallMs = Math.max(stallMs, now - last);
    last = now;
    if (opening) setImmediate(turn);
  };
  const cpu = cpuNow(), wall = performance.now();
  turn();
  const opened = Promise.all(Array.from({ length: connections }, () => open(make, command)));
  const sockets = await opened;
  opening = false;
  const cpuMs = cpuNow() - cpu, wallMs = performance.now() - wall;
  await new Promise((resolve) => setTimeout(resolve, 200));
  const memory = process.memoryUsage().rss;
  for (const socket of sockets) drop(socket);
  await new Promise((resolve) => setTimeout(resolve, 300));
  return {
    messages: connections,
    wallMs,
    cpuMs,
    cpuUs: cpuMs * 1000 / connections,
    perSecond: connections / wallMs * 1000,
    stallMs,
    memory,
    memoryEach: Math.max(0, memory - before) / connections,
  };
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
});
