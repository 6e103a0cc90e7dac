/**
 * Makes the bench's CA one of the system's, for the peers alone: they run in a mount namespace of their own, in which
 * `/etc/ssl/certs` is a copy that has this CA too. The machine is left as it is.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FOLDER = "/etc/ssl/certs", BUNDLE = "ca-certificates.crt";

/** A system that trusts one more CA. */
export interface SystemCas {
  /** The command that runs `command` there. */
  inside(command: string[]): string[];
  /** What makes the runtimes' own WebSocket trust it: they have a list of CAs of their own, to which this adds the one. */
  readonly env: Record<string, string | undefined>;
  remove(): void;
}

/** Why there can be none here; undefined if there can. */
export function whyNoSystemCas(): string | undefined {
  if (!existsSync(join(FOLDER, BUNDLE))) return `there is no ${join(FOLDER, BUNDLE)}`;
  if (spawnSync("unshare", ["-rm", "true"]).status !== 0) return "no mount namespace may be made here";
  return undefined;
}

/** Makes it, for a CA in PEM: the bundle and the hashed directory have it. */
export function addToSystemCas(ca: string): SystemCas {
  const folder = mkdtempSync(join(tmpdir(), "curlws-bench-cas-"));
  const certs = join(folder, "certs"), own = join(folder, "own.pem");
  cpSync(FOLDER, certs, { recursive: true, verbatimSymlinks: true });
  writeFileSync(own, ca);
  appendFileSync(join(certs, BUNDLE), ca);
  const hash = execFileSync("openssl", ["x509", "-hash", "-noout", "-in", own], { encoding: "utf8" }).trim();
  writeFileSync(join(certs, `${hash}.0`), ca);
  const script = `mount --bind "$1" ${FOLDER} && shift && exec "$@"`;
  return {
    inside: (command) => ["unshare", "-rm", "sh", "-c", script, "sh", certs, ...command],
    env: { NODE_TLS_REJECT_UNAUTHORIZED: undefined, DENO_CERT: own, NODE_EXTRA_CA_CERTS: own },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
