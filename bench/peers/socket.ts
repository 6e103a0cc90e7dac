/** What the WebSocket clients of the JavaScript runtimes have in common. */
import type { Command } from "../protocol.ts";

/** The interface that the peers share. */
export interface Socket {
  binaryType: string;
  onopen: ((event: unknown) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  onclose: ((event: unknown) => void) | null;
  send(data: string | Uint8Array): void;
  close(): void;
  terminate?(): void;
}

export type Make = (url: string, command: Command) => Socket;

export async function open(make: Make, command: Command): Promise<Socket> {
  const socket = make(command.url, command);
  socket.binaryType = "arraybuffer";
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = (event) => reject((event as { error?: unknown }).error ?? new Error("the connection failed"));
  });
  return socket;
}

export function drop(socket: Socket): void {
  socket.onmessage = socket.onerror = socket.onclose = null;
  if (socket.terminate) socket.terminate();
  else socket.close();
}
