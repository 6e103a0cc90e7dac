/**
 * Mutual TLS: a client certificate, and a CA of one's own. Each is a file of PEM; a PKCS#12 file goes into `pfx`.
 *
 *     deno run -A examples/mtls.ts wss://example.com/feed client.pem client.key company-ca.pem
 *     bun examples/mtls.ts wss://example.com/feed client.pem client.key company-ca.pem
 */
import process from "node:process";
import { CurlWebSocket, CurlWebSocketError } from "@curlws/curlws";

const [url = "wss://localhost:8443/", cert = "client.pem", key = "client.key", ca = "ca.pem"] = process.argv.slice(2);
const passphrase = process.env.KEY_PASSPHRASE;

try {
  // `ca` trusts this CA alone; `extraCa` trusts it beside the system's.
  await using socket = new CurlWebSocket(url, { tls: { cert, key, passphrase, ca, minVersion: "TLSv1.2" } });
  for await (const data of socket) {
    const { version, cipher } = socket.connection!.tls!;
    console.log(`${version}, ${cipher}: ${data}`);
    break;
  }
} catch (error) {
  // The message says which of them the trouble is with: the server's certificate, the client's, or its key.
  if (!(error instanceof CurlWebSocketError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
