/**
 * No client: it counts the bytes of a flood without looking at them, so it measures what the load server can send. Its figures
 * show that the server does not limit the other peers.
 */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { frameSize } from "../../src/protocol/frame_writer.ts";
import type { Command, Measured } from "../protocol.ts";
import { answer, measure } from "./measure.ts";

/** The size of a server's frame, which has no masking key, in bytes. */
function serverFrameSize(size: number): number {
  return frameSize(size) - 4;
}

async function receive(command: Command): Promise<Measured> {
  const url = new URL(command.url);
  const socket = await new Promise<Socket>((resolve, reject) => {
    const secure = url.protocol === "wss:";
    const made: Socket = secure
      ? connectTls({ host: url.hostname, port: Number(url.port), rejectUnauthorized: false }, () => resolve(made))
      : connect(Number(url.port), url.hostname, () => resolve(made));
    made.on("error", reject);
  });
  let bytes = 0, wanted = Infinity, resume: () => void = () => {};
  socket.on("data", (data) => {
    bytes += data.length;
    if (bytes >= wanted) resume();
  });
  socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nSec-WebSocket-Key: eA==\r\n\r\n`);
  const batch = command.batch * serverFrameSize(command.size);
  let started = 0;
  const result = await measure(command, () => {
    wanted = bytes + batch;
    return new Promise((resolve) => resume = resolve);
  }, { start: () => started = bytes, count: () => (bytes - started) / serverFrameSize(command.size) });
  socket.destroy();
  return { ...result, bytes: bytes - started };
}

await answer({ receive });
