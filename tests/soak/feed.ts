/** Two redundant connections at 1,000 messages a second, of which one dies again and again: nothing may be left of it. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Curl, loadCurl } from "../../src/curl/library.ts";
import { type CurlWebSocket, reactorStats, ReconnectingCurlWebSocket } from "../../mod.ts";

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
const collect = globalThis as { Bun?: { gc(force: boolean): void }; gc?(): void };

/** What there is when all that is garbage has gone. */
interface Mark {
  /** Sockets of the feed that are still there, of all that there ever were. */
  readonly sockets: number;
  readonly connections: number;
  /** Of libcurl: those of connections, and of attempts. */
  readonly handles: number;
  readonly descriptors: number;
  /** KiB. */
  readonly heap: number;
  readonly memory: number;
}

/** How many of libcurl's easy handles there are, from now on. */
function countHandles(): () => number {
  const curl: { -readonly [Name in keyof Curl]: Curl[Name] } = loadCurl();
  const { curl_easy_init: init, curl_easy_cleanup: cleanup } = curl;
  let handles = 0;
  curl.curl_easy_init = () => {
    handles++;
    return init();
  };
  curl.curl_easy_cleanup = (handle) => {
    handles--;
    return cleanup(handle);
  };
  return () => handles;
}

async function markOf(all: readonly WeakRef<CurlWebSocket>[], handles: () => number): Promise<Mark> {
  // A weak reference holds its target until the end of the task, and finalizers run in one of their own.
  for (let i = 0; i < 3; i++) {
    await sleep(100);
    if (collect.Bun !== undefined) collect.Bun.gc(true);
    else if (collect.gc !== undefined) collect.gc();
    else throw new Error("run Deno with --v8-flags=--expose-gc: what is garbage cannot be told from a leak");
  }
  const { heapUsed, rss } = process.memoryUsage();
  return {
    sockets: all.filter((socket) => socket.deref() !== undefined).length,
    connections: reactorStats().connections,
    handles: handles(),
    descriptors: readdirSync("/proc/self/fd").length,
    heap: Math.round(heapUsed / 1024),
    memory: Math.round(rss / 1024),
  };
}

export async function soakFeed(tls: boolean, kills: number): Promise<void> {
  const script = fileURLToPath(new URL("./feed_server.ts", import.meta.url));
  const args = [...collect.Bun === undefined ? ["run", "-A", script] : [script], ...tls ? ["--tls"] : []];
  const server = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const ask = async (line: "ready" | "kill" | "calm") => {
    server.stdin.write(`${line}\n`);
    await lines.next();
  };
  const { url, ca }: { url: string; ca: string | null } = JSON.parse(`${(await lines.next()).value}`);
  const all: WeakRef<CurlWebSocket>[] = [], handles = countHandles();
  const feed = new ReconnectingCurlWebSocket(url, {
    ...ca === null ? {} : { tls: { ca } },
    // A silent peer is found by it. A machine that is busy for as long would end the other connection too.
    pingInterval: 500,
    handshakeTimeout: 200,
    closeTimeout: 100,
    reconnect: { firstDelay: 5, maxDelay: 10 },
    // Two seconds of messages, so that the keys take all of their memory within the first tenth.
    redundancy: { connections: 2, key: Number, window: 2000 },
    connected: (socket) => void all.push(new WeakRef(socket)),
  });
  feed.ongap = ({ reason }) => console.error(`a gap: ${reason.error?.message ?? reason.code}`);
  // All up to `last` came, and beyond it those of `early`, of which `highest` is one.
  let last = -1, highest = -1, received = 0, twice = 0;
  const early = new Set<number>();
  feed.onmessage = ({ data }) => {
    const number = Number(data);
    received++;
    highest = Math.max(highest, number);
    if (last < 0) last = number - 1;
    if (number <= last || early.has(number)) twice++;
    early.add(number);
    while (early.delete(last + 1)) last++;
  };
  /** Two connections stand, on both sides: one that died without a word is no longer among the feed's. */
  const ready = async () => {
    await ask("ready");
    while (feed.sockets.length < 2) await sleep(2);
  };
  const marks: Mark[] = [];
  for (let i = 0; i <= kills; i++) {
    await ready();
    if (i % (kills / 10) === 0) {
      await ask("calm");
      marks.push(await markOf(all, handles));
      await ready();
    }
    await ask("kill");
  }
  await ready();
  const { gaps, duplicates, attempts, failures, connections } = feed.stats;
  feed.close();
  await new Promise((resolve) => feed.addEventListener("close", resolve));
  server.stdin.end();
  const missing = highest - last - early.size;
  const runtime = collect.Bun === undefined ? "deno" : "bun";
  console.log(
    `${runtime} feed: ${kills} deaths, ${received} messages, ${missing} missing, ${twice} twice, ${gaps} gaps, ` +
      `${duplicates} duplicates, ${failures} of ${attempts} attempts failed`,
  );
  console.table(marks);
  // The engines compile for most of the first half, and keep what they have compiled.
  const from = marks[5]!, to = marks.at(-1)!, half = kills / 2;
  const wrong = [
    (missing > 0 || twice > 0 || gaps > 0) && "a number is missing, or came twice",
    to.sockets > 4 && `${to.sockets} of ${connections} sockets are left`,
    (to.connections !== 2 || to.handles !== 2) && `${to.connections} connections, ${to.handles} handles are left`,
    to.descriptors > from.descriptors + 4 && "descriptors are left",
    // Beside what varies by itself, half a KiB a death, which a connection's objects are together many times over. The rest of
    // the memory grows by steps of MiB.
    to.heap > from.heap + 512 + half / 2 && `the heap grew by ${to.heap - from.heap} KiB in ${half} deaths`,
    to.memory > from.memory + 16_384 + 64 * half && `memory grew by ${to.memory - from.memory} KiB in ${half} deaths`,
  ].filter((what) => what !== false);
  if (wrong.length > 0) throw new Error(wrong.join("; "));
}
