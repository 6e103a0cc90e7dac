/** The Worker of worker.ts: owns the socket, and tells once a second what came. */
import { CurlWebSocket } from "@curlws/curlws";

/** What a dedicated Worker's global scope has, which no set of types for both runtimes knows. */
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent) => void;
  postMessage(message: unknown): void;
};

let socket: CurlWebSocket | undefined;

scope.onmessage = ({ data }) => {
  if (data.stop) return socket?.close();
  let messages = 0, bytes = 0, last: unknown;
  const tell = setInterval(() => {
    if (messages > 0) scope.postMessage({ messages, bytes, last });
    messages = bytes = 0;
  }, 1000);

  socket = new CurlWebSocket(data.url);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    messages++;
    bytes += data.length ?? data.byteLength;
    last = data;
  };
  let error: string | undefined;
  socket.onerror = (event) => {
    const { code, message } = event.error;
    error = `${code}: ${message}`;
  };
  socket.onclose = () => {
    clearInterval(tell);
    scope.postMessage({ closed: true, error });
  };
};
