/** What many connections cost: opened at once, one after another, and with a feed over them. */
import process from "node:process";
import { cpuNow } from "../cpu_clock.ts";
import { epochNow } from "../demo/clock.ts";
import type { Command, Measured } from "../protocol.ts";
import { quantiles } from "./measure.ts";
import { openFiles, StallProbe } from "./probe.ts";
import { drop, type Make, open, type Socket } from "./socket.ts";

/** How long a process may take for what follows an opening, such as collecting garbage, before its memory is read, ms. */
const SETTLING = 1000;

/** How many connections are opened at once where the feed over them is measured: no peer and no server drops one of so few. */
const LOT = 500;

function rest(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** What `connections` of them, made by `work`, took. */
async function costs(connections: number, work: () => Promise<unknown>): Promise<Measured> {
  const files = openFiles(), memory = process.memoryUsage().rss;
  const probe = new StallProbe();
  const cpu = cpuNow(), wall = performance.now();
  await work();
  const wallMs = performance.now() - wall, cpuMs = cpuNow() - cpu, stall = probe.end();
  await rest(SETTLING);
  return {
    messages: connections,
    wallMs,
    cpuMs,
    cpuUs: cpuMs * 1000 / connections,
    perSecond: connections / wallMs * 1000,
    ...stall,
    openMs: wallMs,
    cpuEach: cpuMs / connections,
    filesEach: (openFiles() - files) / connections,
    memory: process.memoryUsage().rss,
    memoryEach: Math.max(0, process.memoryUsage().rss - memory) / connections,
  };
}

/** Opens connections at once. Many of them come after a first one, which loads what all of them share. */
export async function openMany(make: Make, command: Command): Promise<Measured> {
  const { connections = 1 } = command;
  const sockets: Socket[] = [];
  if (connections > 1) sockets.push(await open(make, command));
  const measured = await costs(connections, async () => {
    sockets.push(...await Promise.all(Array.from({ length: connections }, () => open(make, command))));
  });
  for (const socket of sockets) drop(socket);
  return measured;
}

/** Opens and closes one connection after another, all to one host. */
export async function reconnect(make: Make, command: Command): Promise<Measured> {
  const { connections = 1 } = command;
  const times: number[] = [];
  const once = async () => {
    const at = performance.now();
    const socket = await open(make, command);
    times.push(performance.now() - at);
    await new Promise((resolve) => {
      socket.onclose = resolve;
      socket.close();
    });
  };
  await once();
  times.length = 0;
  const measured = await costs(connections, async () => {
    for (let i = 0; i < connections; i++) await once();
  });
  return { ...measured, ...quantiles(times) };
}

/** Receives a feed over many connections, and counts: each message has its number, and the server says how many it sent. */
export async function countFeed(make: Make, command: Command): Promise<Measured> {
  const { connections = 1, stamped = 1 } = command;
  const sockets: Socket[] = [];
  const ended = Promise.withResolvers<void>();
  const latencies: number[] = [];
  let count = 0, lost = 0, left = connections;
  const take = (socket: Socket) => {
    let next = 0;
    socket.onmessage = ({ data }) => {
      const text = data as string;
      if (text.startsWith("end")) {
        lost += Math.abs(Number(text.slice(3)) - next);
        if (--left === 0) ended.resolve();
        return;
      }
      if (count++ % stamped === 0) latencies.push(epochNow() - Number(text.slice(0, 17)));
      if (Number(text.slice(17)) !== next) lost++;
      next++;
    };
    socket.onclose = () => ended.reject(new Error("the server closed"));
  };
  const opened = await costs(connections, async () => {
    while (sockets.length < connections) {
      const lot = Math.min(LOT, connections - sockets.length);
      sockets.push(...await Promise.all(Array.from({ length: lot }, () => open(make, command))));
    }
  });
  for (const socket of sockets) take(socket);
  sockets[0]!.send("start");
  await rest(command.warmUp);
  const before = count, cpu = cpuNow(), wall = performance.now(), probe = new StallProbe();
  latencies.length = 0;
  await rest(command.seconds * 1000);
  const wallMs = performance.now() - wall, cpuMs = cpuNow() - cpu, messages = count - before, stall = probe.end();
  const { p50, p99 } = quantiles(latencies);
  sockets[0]!.send("stop");
  const late = setTimeout(() => ended.reject(new Error(`${left} connections have not had all their messages`)), 15_000);
  await ended.promise;
  clearTimeout(late);
  for (const socket of sockets) drop(socket);
  const perSecond = messages / wallMs * 1000;
  return { ...opened, messages, wallMs, cpuMs, cpuUs: cpuMs * 1000 / messages, perSecond, ...stall, lost, p50, p99 };
}
