/** Test certificates: one CA and one server certificate for localhost, made with the openssl command once a process. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** All in PEM. */
export interface Certificates {
  ca: string;
  cert: string;
  key: string;
}

let made: Certificates | undefined;

/** The certificates, made on the first call. */
export function certificates(): Certificates {
  return made ??= makeCertificates(["DNS:localhost", "IP:127.0.0.1", "IP:::1"]);
}

/** A CA of its own, and a certificate for some names, as openssl writes them. */
export function makeCertificates(names: readonly string[]): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "curlws-certificates-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  try {
    writeFileSync(
      join(folder, "ca.cnf"),
      [
        "[req]",
        "distinguished_name = name",
        "x509_extensions = authority",
        "prompt = no",
        "[name]",
        "CN = curlws test CA",
        "[authority]",
        "basicConstraints = critical, CA:TRUE",
        "keyUsage = critical, keyCertSign, cRLSign",
        "subjectKeyIdentifier = hash",
        "",
      ].join("\n"),
    );
    writeFileSync(
      join(folder, "server.cnf"),
      [
        "basicConstraints = CA:FALSE",
        "keyUsage = digitalSignature",
        "extendedKeyUsage = serverAuth",
        `subjectAltName = ${names.join(", ")}`,
        "authorityKeyIdentifier = keyid",
        "subjectKeyIdentifier = hash",
        "",
      ].join("\n"),
    );
    openssl("req", "-x509", "-config", "ca.cnf", ...key, "-days", "2", "-keyout", "ca.key", "-out", "ca.pem");
    openssl("req", "-new", ...key, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr");
    openssl(
      ...["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-days", "2", "-extfile", "server.cnf", "-out", "server.pem"],
    );
    return { ca: read("ca.pem"), cert: read("server.pem"), key: read("server.key") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
