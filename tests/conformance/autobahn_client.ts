/**
 * The echo client that the Autobahn fuzzing server tests. Started by autobahn.ts, once per runtime.
 *
 * Usage: autobahn_client.ts <server URL> <agent name> [--native]
 */
import process from "node:process";

/** Longer than any case of the suite takes by itself: those of section 9 may take 100 seconds. */
const CASE_TIMEOUT_MS = 150_000;

const native = process.argv.includes("--native");
const [server, agent] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
if (server === undefined || agent === undefined) {
  throw new Error("usage: autobahn_client.ts <server URL> <agent name> [--native]");
}

const Socket = native ? WebSocket : (await import("../../mod.ts")).CurlWebSocket as unknown as typeof WebSocket;

/** Opens `path`, hands each message to `receive`, and resolves when the connection has closed. */
function connect(path: string, receive?: (socket: WebSocket, data: string | ArrayBuffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new Socket(`${server}${path}`);
    socket.binaryType = "arraybuffer";
    const timer = setTimeout(() => reject(new Error(`${path}: no close event`)), CASE_TIMEOUT_MS);
    socket.onmessage = (event: MessageEvent) => receive?.(socket, event.data);
    socket.onclose = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

let count = 0;
let failures = 0;
await connect("/getCaseCount", (_, data) => count = Number(data));
if (!(count > 0)) throw new Error("the server did not tell its number of cases");

for (let index = 1; index <= count; index++) {
  try {
    await connect(`/runCase?case=${index}&agent=${encodeURIComponent(agent)}`, (socket, data) => socket.send(data));
  } catch (error) {
    failures++;
    console.error(error instanceof Error ? error.message : error);
  }
}

await connect(`/updateReports?agent=${encodeURIComponent(agent)}`);
// A connection that never closed would keep the process alive.
process.exit(failures === 0 ? 0 : 1);
