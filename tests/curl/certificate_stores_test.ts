import { assert, assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "../../runtimes/mod.ts";
import { certificatesOf, isWithin, readCertificateFolder, shareNames } from "../../src/curl/certificate_stores.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { certificates, makeCertificates } from "../support/certificates.ts";
import { test } from "../support/testing.ts";
import { tlsCertificates } from "../support/tls_certificates.ts";

const skip = runtime().os === "linux" ? undefined : "hashed directories are read on Linux alone";

const first = certificates().ca, second = tlsCertificates().ca;
/** Another CA of the first one's name. */
const namesake = makeCertificates(["DNS:localhost"]).ca;

function hash(pem: string, option = "-subject_hash"): string {
  return execFileSync("openssl", ["x509", option, "-noout"], { input: pem, encoding: "utf8" }).trim();
}

/** Reads a folder with these files. */
function folderOf(files: Readonly<Record<string, string>>, whole = false, links: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "curlws-stores-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(folder, name));
    mkdirSync(join(folder, "java"));
    return readCertificateFolder(folder, whole);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a hashed directory is complete, with links and with CAs of one name; other files in it do not count", () => {
  const read = folderOf(
    { "a.pem": first, [`${hash(first)}.1`]: namesake, [`${hash(second)}.0`]: second, "bundle.crt": "anything" },
    false,
    { [`${hash(first)}.0`]: "a.pem" },
  )!;
  assertEquals([read.isComplete(9), read.hashed.size], [true, 3]);
  assertEquals([...read.byHash.keys()].sort(), [hash(first), hash(second)].sort());
  assert(read.sample!.endsWith(`/${hash(second)}.0`));
}, { skip });

test("a directory of another hash, with a gap, or with a link that leads nowhere is not complete", () => {
  assertEquals(folderOf({ [`${hash(first, "-subject_hash_old")}.0`]: first })!.isComplete(9), false);
  for (const number of [1, "00"]) {
    assertEquals(folderOf({ [`${hash(first)}.${number}`]: first })!.hashed.size, number === 1 ? 1 : 0);
  }
  assertEquals(folderOf({ [`${hash(first)}.1`]: first })!.isComplete(9), false);
  assertEquals(folderOf({ [`${hash(first)}.0`]: first, [`${hash(first)}.2`]: namesake })!.isComplete(9), false);
  const nowhere = folderOf({ [`${hash(first)}.1`]: first }, false, { [`${hash(first)}.0`]: "gone.pem" })!;
  assertEquals([nowhere.isComplete(9), nowhere.hashed.size], [false, 1]);
}, { skip });

test("the names are checked some at a time, and a wrong one is not forgotten", () => {
  const read = folderOf({ [`${hash(first)}.0`]: first, [`${hash(second, "-subject_hash_old")}.0`]: second })!;
  const answers = [1, 1, 1, 9].map((count) => read.isComplete(count));
  assertEquals([answers.slice(1), answers.length], [[false, false, false], 4]);
  const right = folderOf({ [`${hash(first)}.0`]: first, [`${hash(second)}.0`]: second })!;
  assertEquals([1, 1, 1].map((count) => right.isComplete(count)), [true, true, true]);
}, { skip });

test("what says more of a certificate than that it is trusted is not read", () => {
  const trusted = first.replaceAll("CERTIFICATE", "TRUSTED CERTIFICATE");
  assertEquals(folderOf({ [`${hash(first)}.0`]: trusted }), null);
  assertEquals(readCertificateFolder("/no/such", false), null);
  const empty = folderOf({})!;
  assertEquals([empty.hashed.size, empty.sample], [0, null]);
}, { skip });

test("GnuTLS trusts all files of a folder, whatever their names", () => {
  const read = folderOf({ "bundle.crt": first + second, "other.pem": namesake, "notes.txt": "none here" }, true)!;
  assertEquals([read.all.size, read.hashed.size], [3, 0]);
}, { skip });

test("a bundle is read as a set of certificates; one with anything else is not", () => {
  const folder = mkdtempSync(join(tmpdir(), "curlws-stores-"));
  const file = join(folder, "bundle.pem");
  const read = (text: string) => {
    writeFileSync(file, text);
    return certificatesOf(file);
  };
  try {
    assertEquals(read(first + second + first)?.size, 2);
    for (const text of ["", "no PEM", first + certificates().key, first.slice(0, 300)]) assertEquals(read(text), null);
    assertEquals(certificatesOf(join(folder, "none")), null);
    assert(isWithin(read(first)!, read(first + second)!));
    assert(!isWithin(read(first + second)!, read(second)!));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("certificates beside a directory: those of a name that it has, or that cannot be read, share names with it", () => {
  const directory = { byHash: new Map([[hash(first), [first]]]) },
    bytes = (text: string) => new TextEncoder().encode(text);
  assertEquals(shareNames(bytes(second), directory), false);
  for (const text of [namesake, second + first, "", "no PEM", second + certificates().key]) {
    assertEquals(shareNames(bytes(text), directory), true);
  }
  const broken = `-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n`;
  assertEquals(shareNames(bytes(broken), directory), true);
});
