/** Connects to a URL with `CurlWebSocket`, shows the messages as they arrive, and the CPU time of receiving them. */
import process from "node:process";
import pc from "picocolors";
import { printable, shownUrl } from "../../src/observe/redact.ts";
import { startUsage } from "./usage.ts";

const STATUS_EVERY_MS = 3000;
const LINES_PER_SECOND = 20;

interface Socket {
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: ((event: { message?: string }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

function describe(data: unknown): string {
  const text = typeof data === "string" ? data : `[binary, ${(data as ArrayBuffer).byteLength} bytes]`;
  const width = (process.stdout.columns || 100) - 1;
  const line = printable(text.slice(0, width + 1).replace(/\s+/g, " "));
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}

function costs(messages: number, usage: ReturnType<ReturnType<typeof startUsage>>): string {
  const wakeups = usage.wakeupsPerSecond === null ? "" : `, ${usage.wakeupsPerSecond.toFixed(0)} wake-ups/s`;
  return `${(messages / usage.seconds).toFixed(1)} messages/s, ${usage.cpuPercent.toFixed(2)} % CPU${wakeups}`;
}

/** Sends `subscriptions` once open. Resolves with the exit code once the connection is closed. */
export async function runLive(url: string, subscriptions: string[]): Promise<number> {
  const { CurlWebSocket } = await import("../../mod.ts");
  const socket = new CurlWebSocket(url.replace(/^http/, "ws")) as unknown as Socket;
  socket.binaryType = "arraybuffer";
  const total = startUsage();
  let usage = total;
  let messages = 0;
  let since = 0;
  let shown = 0;
  let opened = false;
  let stopping = false;

  const showLimit = () => LINES_PER_SECOND * STATUS_EVERY_MS / 1000;
  const showStatus = () => {
    const hidden = since > shown ? `, ${since - shown} not shown` : "";
    console.log(pc.cyan(`-- ${costs(since, usage())}${hidden}`));
    usage = startUsage();
    since = 0;
    shown = 0;
  };

  const stop = () => {
    if (stopping) process.exit(130);
    stopping = true;
    console.log(pc.dim("\nclosing (Ctrl-C again to leave at once)"));
    socket.close(1000);
  };
  process.on("SIGINT", stop);
  const timer = setInterval(showStatus, STATUS_EVERY_MS);

  return await new Promise<number>((resolve) => {
    socket.onopen = () => {
      opened = true;
      console.log(pc.green(`connected to ${shownUrl(url)}`));
      for (const text of subscriptions) socket.send(text);
    };
    socket.onmessage = ({ data }) => {
      messages++;
      since++;
      if (shown >= showLimit()) return;
      shown++;
      console.log(describe(data));
    };
    socket.onerror = (event) => {
      console.error(pc.red(`error${event.message ? `: ${event.message}` : ""}`));
    };
    socket.onclose = ({ code, reason }) => {
      clearInterval(timer);
      process.off("SIGINT", stop);
      console.log(`${opened ? "closed" : "could not connect"}, code ${code}${reason ? ` (${printable(reason)})` : ""}`);
      if (opened) {
        console.log(pc.bold(`${messages} messages in ${total().seconds.toFixed(1)} s: `) + costs(messages, total()));
      }
      resolve(opened && (stopping || code === 1000) ? 0 : 1);
    };
  });
}
