/** A Worker that echoes one message over a CurlWebSocket of its own, reports it, and ends itself. */
import { CurlWebSocket } from "../../mod.ts";
import { message, opened } from "./events.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: { data: string }) => void) | null;
  postMessage(data: unknown): void;
};

scope.onmessage = async ({ data: url }) => {
  const socket = new CurlWebSocket(url);
  await opened(socket);
  socket.send("from a Worker");
  scope.postMessage(await message(socket));
  socket.close();
};
