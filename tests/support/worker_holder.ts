/** A Worker that opens a CurlWebSocket, reports the first message, and keeps it open. */
import { CurlWebSocket } from "../../mod.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: { data: string }) => void) | null;
  postMessage(data: unknown): void;
};

scope.onmessage = ({ data: url }) => {
  new CurlWebSocket(url).addEventListener("message", () => scope.postMessage("open"), { once: true });
};
