/**
 * No message arrives at the wrong connection: fifty connections at a time, `ws:` and `wss:`, some of them compressed,
 * with resets, short sends and closes inside handlers at random. Each message names its connection and its number, and
 * all its bytes follow from them; the server checks what it gets, and this program what comes back.
 *
 *   deno run -A tests/torture/crossing.ts [--messages N] [--seed N] [--connections N]
 *   bun tests/torture/crossing.ts …
 */
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CurlWebSocket, type CurlWebSocketInit } from "../../mod.ts";
import { ffi, setFfi, type Symbols, type SymbolTable } from "../../src/platform/ffi.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { certificates } from "../support/certificates.ts";
import { serverCommand } from "../support/servers.ts";
import { makeMessage, randomFrom } from "./crossing_messages.mjs";

/** What has happened so far. */
export interface Crossing {
  readonly messages: number;
  readonly connections: number;
  readonly wrong: readonly string[];
  readonly shortSends: number;
  readonly failedSends: number;
  readonly server: { received: number; resets: number };
}

const CURLE_SEND_ERROR = 55, CURLE_AGAIN = 81;
/** Ms without any message or new connection. */
const STALLED = 8_000;
const sends = { short: 0, failed: 0 };

/**
 * Now and then the kernel takes less than it is given, or nothing, or the connection breaks in the middle of a message.
 */
function troubleSends(random: () => number): void {
  const real = ffi();
  setFfi({
    ...real,
    open<Table extends SymbolTable>(path: string, table: Table): Symbols<Table> {
      const symbols = real.open(path, table);
      if (!("curl_easy_send" in table)) return symbols;
      const send = symbols.curl_easy_send! as (...args: unknown[]) => number;
      /** Broken connections; and what was not taken and has to come again, of which libcurl may have encrypted some. */
      const broken = new Set<bigint>();
      const around = {
        ...symbols,
        curl_easy_init: () => {
          const easy = symbols.curl_easy_init!();
          broken.delete(real.address(easy as never));
          return easy;
        },
        curl_easy_send: (easy: never, bytes: Uint8Array, length: number, count: Uint8Array) => {
          const dice = random();
          // Large ones more often: those are sent in pieces.
          if (dice < (length > 100_000 ? 0.1 : 0.000_5)) broken.add(real.address(easy));
          if (broken.size > 0 && broken.has(real.address(easy))) {
            sends.failed++;
            return CURLE_SEND_ERROR;
          }
          if (dice > 0.1) return send(easy, bytes, length, count);
          sends.short++;
          if (dice > 0.05) return CURLE_AGAIN;
          return send(easy, bytes, Math.max(1, Math.floor(length * random())), count);
        },
      };
      return around as unknown as Symbols<Table>;
    },
  });
}

/** Runs until this many messages have come back. */
export async function cross(
  { messages, seed, connections = 50 }: { messages: number; seed: number; connections?: number },
): Promise<Crossing> {
  const random: () => number = randomFrom(seed);
  troubleSends(random);
  const [file, args] = serverCommand(fileURLToPath(new URL("./crossing_server.mjs", import.meta.url)));
  const child: ChildProcess = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
  const { ca, cert, key } = certificates();
  child.stdin!.write(JSON.stringify({ cert, key, seed }) + "\n");
  const lines = createInterface({ input: child.stdout! });
  const [first] = await once(lines, "line");
  const ports = JSON.parse(String(first)) as { ws: number; wss: number };
  const wrong: string[] = [];
  let server = { received: 0, resets: 0 };
  lines.on("line", (line: string) => {
    const report = JSON.parse(line);
    if (report.wrong !== undefined) wrong.push(report.wrong);
    else server = report;
  });

  let came = 0, made = 0, open = 0;
  const sockets: Map<string, () => string> = new Map();
  let seen = -1;
  const watchdog = setInterval(() => {
    if (came + made === seen) {
      child.stdin!.write("states\n");
      finish();
      wrong.push(`nothing came for ${STALLED / 1000} s; ${[...sockets.values()].map((state) => state()).join("; ")}`);
    }
    seen = came + made;
  }, STALLED);
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  const connect = (): void => {
    if (came >= messages || wrong.length > 20) {
      if (open === 0) finish();
      return;
    }
    open++;
    const name = `c${made++}`, secure = random() < 0.5;
    const options: CurlWebSocketInit = {
      perMessageDeflate: random() < 0.2,
      ...secure ? { tls: { ca } } : {},
    };
    const socket = new CurlWebSocket(
      `${secure ? "wss" : "ws"}://127.0.0.1:${secure ? ports.wss : ports.ws}/${name}`,
      options,
    );
    socket.binaryType = "arraybuffer";
    /** The sizes of what was sent, and is to come back; the number of the next of each. */
    const sizes: number[] = [];
    let sent = 0, next = 0;
    sockets.set(
      name,
      () =>
        `${name} (${secure ? "wss" : "ws"}, ${
          socket.extensions || "plain"
        }) state ${socket.readyState}, sent ${sent}, ` +
        `came ${next}, buffered ${socket.bufferedAmount}, ${JSON.stringify(socket.stats)}`,
    );
    const problem = (text: string) => void wrong.push(`${name}: ${text}`);
    const send = () => {
      const dice = random();
      const size = Math.floor(
        dice < 0.97 ? 30 + random() * 400 : dice < 0.995 ? random() * 20_000 : random() * 1_500_000,
      );
      const message: Buffer = makeMessage(name, sent++, size);
      sizes.push(size);
      if (random() < 0.5) socket.send(message.toString("latin1"));
      else socket.send(message);
    };
    const fill = () => {
      while (socket.readyState === 1 && sizes.length < 40 && socket.bufferedAmount < 4e6) send();
    };
    socket.onopen = () => {
      const dice = random();
      if (dice < 0.02) socket.close();
      else if (dice < 0.04) socket.terminate();
      else fill();
    };
    socket.onmessage = ({ data }) => {
      came++;
      const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : Buffer.from(data as ArrayBuffer);
      const size = sizes.shift();
      const expected: Buffer | null = size === undefined ? null : makeMessage(name, next++, size);
      if (expected === null || !expected.equals(bytes)) {
        problem(
          `waited for its message ${next - 1} of ${size} bytes, and got ${bytes.length}: ${
            JSON.stringify(bytes.subarray(0, 60).toString("latin1"))
          }`,
        );
        return socket.terminate();
      }
      if (came >= messages) return socket.close();
      const dice = random();
      if (dice < 0.001) socket.close(4001, name);
      else if (dice < 0.002) socket.terminate();
      else if (dice < 0.003) {
        // More than the kernel takes at once, and then the end.
        for (let i = 0; i < 3; i++) send();
        socket.terminate();
      } else fill();
    };
    let errors = 0;
    socket.onerror = (event) => {
      const { error } = event as ErrorEvent;
      if (++errors > 1) problem("a second error");
      if (error?.code !== "ERR_CONNECTION_LOST" && error?.code !== "ERR_ABORTED") {
        problem(`${error?.code}: ${error?.message}`);
      }
    };
    let closes = 0;
    socket.onclose = ({ code, reason }) => {
      if (++closes > 1) return problem("a second close");
      if (code === 4000 && reason !== name) problem(`closed with the reason of ${reason}`);
      sockets.delete(name);
      open--;
      connect();
    };
  };
  for (let i = 0; i < connections; i++) connect();
  child.once("close", finish);
  await done;
  clearInterval(watchdog);
  child.stdin!.end();
  if (child.exitCode === null) await once(child, "close");
  return { messages: came, connections: made, wrong, shortSends: sends.short, failedSends: sends.failed, server };
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      messages: { type: "string", default: "1000000" },
      seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
      connections: { type: "string", default: "50" },
    },
  });
  const name = runtime().name, seed = Number(values.seed);
  console.log(`${name}: seed ${seed}`);
  const started = performance.now();
  const { messages, connections, wrong, shortSends, failedSends, server } = await cross({
    seed,
    messages: Number(values.messages),
    connections: Number(values.connections),
  });
  for (const line of wrong) console.log(`WRONG ${line}`);
  console.log(
    `${name}: ${messages} messages came back of ${server.received} that arrived, over ${connections} connections with ` +
      `${server.resets} resets, ${shortSends} short sends and ${failedSends} failed ones, in ` +
      `${((performance.now() - started) / 1000).toFixed(1)} s: ${wrong.length} wrong`,
  );
  process.exit(wrong.length === 0 ? 0 : 1);
}
