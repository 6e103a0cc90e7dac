/**
 * Connects as a browser does: its TLS ClientHello, and its fields in its order. It takes libcurl-impersonate, which
 * `curlws install-impersonate` fetches.
 *
 *     deno run -A examples/impersonate.ts wss://example.com/feed chrome https://example.com
 *     bun examples/impersonate.ts wss://example.com/feed firefox
 */
import process from "node:process";
import { CurlWebSocket, CurlWebSocketError } from "@curlws/curlws";

const [url = "wss://echo.websocket.org/", impersonate = "chrome", origin] = process.argv.slice(2);

try {
  await using socket = new CurlWebSocket(url, { impersonate, origin });
  for await (const data of socket) {
    console.log(data);
    break;
  }
} catch (error) {
  if (!(error instanceof CurlWebSocketError)) throw error;
  // ERR_IMPERSONATE: no libcurl that can. ERR_HANDSHAKE_STATUS: the server said no all the same; its answer tells more.
  console.error(`${error.code}: ${error.message}`);
  if (error.body !== undefined) console.error(new TextDecoder().decode(error.body));
  process.exitCode = 1;
}
