/** More certificates for tests of TLS: bad ones of servers, and those of a client; made with openssl once a process. */
import { createHash, X509Certificate } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate and its key, in PEM. */
export interface Identity {
  cert: string;
  key: string;
}

export interface TlsCertificates {
  /** The CA of all but `selfSigned` and `stranger`. */
  ca: string;
  /** For localhost, 127.0.0.1 and ::1. */
  server: Identity;
  /** For localhost, until the year 2001. */
  expired: Identity;
  /** For other.example. */
  other: Identity;
  /** For localhost, of no CA. */
  selfSigned: Identity;
  /** A client's; `encryptedKey` and `pfx` need the passphrase. */
  client: Identity & { encryptedKey: string; pfx: Uint8Array };
  /** A client's that the CA did not make. */
  stranger: Identity;
}

export const PASSPHRASE = "open, sesame";

let made: TlsCertificates | undefined;

/** The certificates, made on the first call. */
export function tlsCertificates(): TlsCertificates {
  return made ??= make();
}

/** What `pinnedPublicKey` calls the key of a certificate. */
export function pinOf(cert: string): string {
  const der = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
  return `sha256//${createHash("sha256").update(der).digest("base64")}`;
}

const CONFIG = `
[req]
distinguished_name = name
prompt = no
[name]
CN = curlws test
[ca]
default_ca = here
[here]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = policy
email_in_dn = no
[policy]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[localhost]
basicConstraints = CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
[other]
basicConstraints = CA:FALSE
subjectAltName = DNS:other.example
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
`;

function make(): TlsCertificates {
  const folder = mkdtempSync(join(tmpdir(), "curlws-tls-certificates-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const newKey = ["-config", "all.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  const identity = (name: string): Identity => ({ cert: read(`${name}.pem`), key: read(`${name}.key`) });
  const alone = (name: string, extensions: string, subject: string) =>
    openssl(
      ...["req", "-x509", ...newKey, "-extensions", extensions, "-subj", subject, "-days", "2"],
      ...["-keyout", `${name}.key`, "-out", `${name}.pem`],
    );
  const signed = (name: string, extensions: string, end = "21000101000000Z"): Identity => {
    openssl("req", "-new", ...newKey, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
    openssl(
      ...["ca", "-batch", "-notext", "-config", "all.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"],
      ...["-in", `${name}.csr`, "-extensions", extensions, "-startdate", "20000101000000Z", "-enddate", end],
      ...["-out", `${name}.pem`],
    );
    return identity(name);
  };
  try {
    writeFileSync(join(folder, "all.cnf"), CONFIG);
    writeFileSync(join(folder, "index.txt"), "");
    writeFileSync(join(folder, "serial"), "1000\n");
    alone("ca", "authority", "/CN=curlws second test CA");
    alone("self", "localhost", "/CN=localhost");
    alone("stranger", "client", "/CN=stranger");
    const client = signed("client", "client");
    openssl("ec", "-in", "client.key", "-aes256", "-passout", `pass:${PASSPHRASE}`, "-out", "encrypted.key");
    openssl(
      ...["pkcs12", "-export", "-in", "client.pem", "-inkey", "client.key", "-passout", `pass:${PASSPHRASE}`],
      ...["-out", "client.pfx"],
    );
    return {
      ca: read("ca.pem"),
      server: signed("server", "localhost"),
      expired: signed("expired", "localhost", "20010101000000Z"),
      other: signed("other", "other"),
      selfSigned: identity("self"),
      client: { ...client, encryptedKey: read("encrypted.key"), pfx: readFileSync(join(folder, "client.pfx")) },
      stranger: identity("stranger"),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
