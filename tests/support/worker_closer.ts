/** A Worker that opens a CurlWebSocket, closes it, and reports when it is closed. */
import { CurlWebSocket } from "../../mod.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: { data: string }) => void) | null;
  postMessage(data: unknown): void;
};

scope.onmessage = ({ data: url }) => {
  const socket = new CurlWebSocket(url);
  socket.onopen = () => socket.close();
  socket.onclose = ({ code }) => scope.postMessage(code);
};
