import { assertEquals, assertThrows } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "../../runtimes/mod.ts";
import { pemContent, subjectHash } from "../../src/curl/certificate_names.ts";
import { certificates } from "../support/certificates.ts";
import { test } from "../support/testing.ts";
import { tlsCertificates } from "../support/tls_certificates.ts";

/** The lines of openssl's [name], each of which is a subject; `+` before a type adds to the set before it. */
const SUBJECTS: Readonly<Record<string, readonly string[]>> = {
  "upper case, and more spaces than one": ["O =   Some   COMPANY  Ltd ", "CN = The  Root\\tCA"],
  "characters beyond ASCII": ["C = DE", "O = Größe & Söhne ÄÖÜ", "CN = 日本語 CA"],
  "two values in one set, in the order of DER": ["O = z", "CN = b", "+OU = a", "+CN = a"],
  "a name of 60 characters, 40 times": Array.from({ length: 40 }, (_, i) => `${i}.OU = ${"unit ".repeat(12)}`),
  "an e-mail address, in IA5": ["CN = mail", "emailAddress = CA@Example.COM"],
};
/** How openssl encodes what is beyond its PrintableString. */
const MASKS = ["utf8only", "pkix", "default", "MASK:0x800", "MASK:0x4"];

test("subjectHash is openssl's, for subjects of each type of string", () => {
  const folder = mkdtempSync(join(tmpdir(), "curlws-names-"));
  const openssl = (...args: string[]) =>
    execFileSync("openssl", args, { cwd: folder, encoding: "utf8", stdio: "pipe" });
  try {
    openssl("genpkey", "-algorithm", "ed25519", "-out", "key.pem");
    for (const [what, lines] of Object.entries(SUBJECTS)) {
      for (const mask of MASKS) {
        // BMPString and T61String have no characters beyond theirs.
        if (what.includes("beyond") && mask === "MASK:0x4") continue;
        const config = ["[req]", "prompt = no", "utf8 = yes", `string_mask = ${mask}`, "distinguished_name = name"];
        writeFileSync(join(folder, "all.cnf"), [...config, "[name]", ...lines, ""].join("\n"));
        openssl("req", "-x509", "-config", "all.cnf", "-utf8", "-key", "key.pem", "-days", "2", "-out", "cert.pem");
        const [certificate] = pemContent(readFileSync(join(folder, "cert.pem"), "utf8")).certificates;
        const expected = openssl("x509", "-subject_hash", "-noout", "-in", "cert.pem").trim();
        assertEquals([what, mask, subjectHash(certificate!)], [what, mask, expected]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}, { timeout: 60_000 });

test("subjectHash throws for what is no certificate", () => {
  const [certificate] = pemContent(certificates().ca).certificates;
  for (const base64 of ["", "AAAA", "MAA=", "MIIB", "!", certificate!.slice(0, 100), "MP//////"]) {
    assertThrows(() => subjectHash(base64), Error, "", base64);
  }
});

test("pemContent gives the certificates, whatever stands between them, and tells of all else", () => {
  const [one, two] = [certificates().ca, tlsCertificates().ca];
  const both = pemContent(`# Comments,\nand more\n${one}\nSubject: two\n${two.replaceAll("\n", "\r\n")}`);
  assertEquals([both.certificates.length, both.plain], [2, true]);
  assertEquals(both.certificates, [...pemContent(one).certificates, ...pemContent(two).certificates]);
  assertEquals(pemContent(""), { certificates: [], plain: true });
  const { key } = certificates();
  for (const other of [key, one.replaceAll("CERTIFICATE", "TRUSTED CERTIFICATE"), one.slice(0, 200)]) {
    assertEquals(pemContent(one + other), { certificates: pemContent(one).certificates, plain: false });
  }
});
