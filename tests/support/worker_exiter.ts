/** A Worker that opens a CurlWebSocket, reports the first message, and ends itself with the connection open. */
import process from "node:process";
import { CurlWebSocket } from "../../mod.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: { data: string }) => void) | null;
  postMessage(data: unknown): void;
};

scope.onmessage = ({ data: url }) => {
  new CurlWebSocket(url).addEventListener("message", () => {
    scope.postMessage("open");
    // In a later task, when the thread that waits has been sent to sleep again.
    setTimeout(() => process.exit(), 0);
  }, { once: true });
};
