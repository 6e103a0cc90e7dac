/** Whom the client trusts on a system whose bundle of certificates is another one: the test's, for one process. */
import { assert, assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { libcurl } from "../../mod.ts";
import { run } from "../cli/support.ts";
import { certificates } from "../support/certificates.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { tlsCertificates } from "../support/tls_certificates.ts";

const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
const mounts = spawnSync("unshare", ["-rm", "true"]).status === 0;
const skip = !existsSync(BUNDLE) ? `there is no ${BUNDLE}` : mounts ? undefined : "no mount namespace may be made here";

/** What comes of connecting to each server with each `tls`, where `ca` is all that the system trusts. */
async function outcomes(ca: string, servers: WsServer[], given: object[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "curlws-trust-"));
  try {
    writeFileSync(join(folder, "bundle.pem"), ca);
    const urls = servers.map((server) => server.url("/echo", "localhost"));
    const module = new URL("../../mod.ts", import.meta.url).href;
    const source = `import { CurlWebSocket } from ${JSON.stringify(module)};
      for (const url of ${JSON.stringify(urls)}) for (const tls of ${JSON.stringify(given)}) {
        await new Promise((resolve) => {
          const socket = new CurlWebSocket(url, { tls });
          socket.onopen = () => { console.log("open"); socket.close(); };
          socket.onerror = ({ error }) => console.log(error.code);
          socket.onclose = resolve;
        });
      }`;
    const args = "Deno" in globalThis ? ["eval", source] : ["-e", source];
    const script = `mount --bind ${join(folder, "bundle.pem")} ${realpathSync(BUNDLE)} && exec "$@"`;
    const { out, err } = await run(["unshare", "-rm", "sh", "-c", script, "sh", process.execPath, ...args], {}, 30_000);
    assert(out !== "", err);
    return out.trim().split("\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("extraCa is trusted in addition to the system's certificates, ca instead of them", async () => {
  const system = certificates(), own = tlsCertificates();
  await using first = await WsServer.start({ tls: { cert: system.cert, key: system.key } });
  await using second = await WsServer.start({ tls: own.server });
  const given = [{}, { extraCa: own.ca }, { ca: own.ca }, { systemStore: true }, {
    systemStore: true,
    extraCa: own.ca,
  }];
  const seen = await outcomes(system.ca, [first, second], given);
  assertEquals(seen.slice(0, 5), ["open", "open", "ERR_TLS", "open", "open"], `${libcurl().version}, the system's CA`);
  assertEquals(seen.slice(5), ["ERR_TLS", "open", "open", "ERR_TLS", "open"], `${libcurl().version}, the other`);
}, { skip, timeout: 40_000 });
