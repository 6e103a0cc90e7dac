/** A root, a CA below it, and a server's certificate from that one: made with openssl once a process. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** All in PEM. */
export interface ChainCertificates {
  root: string;
  intermediate: string;
  /** For localhost. */
  cert: string;
  key: string;
}

let made: ChainCertificates | undefined;

/** The certificates, made on the first call. */
export function chainCertificates(): ChainCertificates {
  return made ??= make();
}

const AUTHORITY = "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\n";

function make(): ChainCertificates {
  const folder = mkdtempSync(join(tmpdir(), "curlws-chain-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  const sign = (name: string, issuer: string | null, extensions: string, subject: string) => {
    writeFileSync(join(folder, `${name}.cnf`), `${extensions}subjectKeyIdentifier = hash\n`);
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", `${name}.key`];
    openssl("req", "-new", ...key, "-subj", subject, "-out", `${name}.csr`);
    const by = issuer === null
      ? ["-signkey", `${name}.key`]
      : ["-CA", `${issuer}.pem`, "-CAkey", `${issuer}.key`, "-CAcreateserial"];
    const request = ["x509", "-req", "-in", `${name}.csr`, "-days", "2", "-extfile", `${name}.cnf`];
    openssl(...request, ...by, "-out", `${name}.pem`);
  };
  try {
    sign("root", null, AUTHORITY, "/O=curlws test/CN=A root");
    sign("intermediate", "root", AUTHORITY, "/O=curlws test/CN=A CA below it");
    const server = "basicConstraints = CA:FALSE\nsubjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1\n";
    sign("server", "intermediate", server, "/CN=localhost");
    const [root, intermediate] = [read("root.pem"), read("intermediate.pem")];
    return { root, intermediate, cert: read("server.pem"), key: read("server.key") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
