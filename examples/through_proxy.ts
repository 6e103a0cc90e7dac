/**
 * Connects through a proxy, and tells what the way is like. Without a proxy given, the environment's is used, by curl's
 * rules (wss_proxy, https_proxy, all_proxy, no_proxy).
 *
 *     deno run -A examples/through_proxy.ts wss://example.com/feed socks5h://user:secret@proxy.example:1080
 *     bun examples/through_proxy.ts wss://example.com/feed https://proxy.example:8443
 */
import process from "node:process";
import { CurlWebSocket, CurlWebSocketError } from "@curlws/curlws";

const [url = "wss://echo.websocket.org/", proxy] = process.argv.slice(2);

try {
  await using socket = new CurlWebSocket(url, { proxy });
  for await (const data of socket) {
    const { proxy, remoteAddress, times } = socket.connection!;
    console.log(`first message: ${data}`);
    console.log(
      proxy === null ? `straight to ${remoteAddress}` : `through ${proxy}, which answers at ${remoteAddress}`,
    );
    console.log(
      `TCP ${times.tcp.toFixed(1)}, proxy and TLS ${times.tls.toFixed(1)}, WebSocket ${times.handshake.toFixed(1)} ms`,
    );
    break;
  }
} catch (error) {
  // ERR_PROXY_CONNECT: it cannot be reached. ERR_PROXY_AUTH: it wants a password. ERR_PROXY: it refuses this server.
  if (!(error instanceof CurlWebSocketError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
