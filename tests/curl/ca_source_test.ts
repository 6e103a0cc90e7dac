import { assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "../../runtimes/mod.ts";
import {
  type CaLibrary,
  CaSources,
  fileBeside,
  isCaSourcePrepared,
  noFolder,
  prepareCaSource,
  trustedPlaces,
} from "../../src/curl/ca_source.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { certificates, makeCertificates } from "../support/certificates.ts";
import { test } from "../support/testing.ts";
import { tlsCertificates } from "../support/tls_certificates.ts";

const skip = runtime().os === "linux" ? undefined : "hashed directories are read on Linux alone";

const first = certificates().ca, second = tlsCertificates().ca;

function hash(pem: string): string {
  return execFileSync("openssl", ["x509", "-subject_hash", "-noout"], { input: pem, encoding: "utf8" }).trim();
}

/** A system with these certificates in its bundle, and these in its hashed directory; `using` removes it. */
class System {
  readonly root: string = mkdtempSync(join(tmpdir(), "curlws-source-"));
  readonly file: string = join(this.root, "certs", "bundle.crt");
  readonly folder: string = join(this.root, "certs");
  now = 0;
  readonly sources: CaSources = new CaSources(() => this.now);

  constructor(bundle: readonly string[], hashed: readonly string[]) {
    mkdirSync(this.folder);
    this.bundle(bundle);
    for (const pem of hashed) this.add(pem);
  }

  bundle(certificates: readonly string[]): void {
    writeFileSync(`${this.file}.new`, certificates.join(""));
    renameSync(`${this.file}.new`, this.file);
  }

  add(pem: string): void {
    writeFileSync(join(this.folder, `${hash(pem)}.pem`), pem);
    symlinkSync(`${hash(pem)}.pem`, join(this.folder, `${hash(pem)}.0`));
  }

  remove(pem: string): void {
    rmSync(join(this.folder, `${hash(pem)}.0`));
    rmSync(join(this.folder, `${hash(pem)}.pem`));
  }

  /** Which way a library takes that was built with the bundle and, unless `bundleOnly`, the directory. */
  way(tls = "OpenSSL/3.0.19", version = 0x075801, { bundleOnly = false } = {}): string {
    const places = { file: this.file, folder: bundleOnly ? null : this.folder };
    const { way, file, folder } = this.sources.find({ tls, versionNumber: version, defaults: places }, places);
    const name = (path: string | null) => path === null ? "-" : path.slice(this.root.length + 1);
    return `${way} ${name(file)} ${name(folder)}`;
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}

const DIRECTORY = "directory - certs", CACHE = "cache certs/bundle.crt -", BOTH = "file certs/bundle.crt certs";
const FILE = "file certs/bundle.crt -";

test("a hashed directory that has all of the bundle is used alone, by all TLS libraries that look up by hash", () => {
  using system = new System([first, second], [first, second]);
  for (const tls of ["OpenSSL/1.1.1f", "(Schannel) LibreSSL/3.3.6", "BoringSSL", "AWS-LC/1.50.0", "quictls/3.1.4"]) {
    for (const version of [0x074600, 0x075400, 0x081000, 0x081700]) assertEquals(system.way(tls, version), DIRECTORY);
  }
  for (const tls of ["mbedTLS/3.6.0", "wolfSSL/5.7.0", "rustls-ffi/0.14"]) assertEquals(system.way(tls), BOTH, tls);
}, { skip });

test(
  "a directory that lacks one of the bundle, or all, is not used: the bundle is, which a newer libcurl keeps",
  () => {
    for (const hashed of [[first], []]) {
      using system = new System([first, second], hashed);
      assertEquals([system.way(), system.way("OpenSSL/3.0.2", 0x075100)], [CACHE, FILE]);
    }
  },
  { skip },
);

test("a single name that is wrong among many is found by one of the next connections", () => {
  const many = Array.from({ length: 18 }, () => makeCertificates(["DNS:localhost"]).ca);
  using system = new System([first, ...many], [first]);
  // All have the same name, so they are numbered; the wrong one, the last, is of another.
  many.forEach((pem, i) => writeFileSync(join(system.folder, `${hash(pem)}.${i + 1}`), pem));
  assertEquals(system.way(), DIRECTORY);
  writeFileSync(join(system.folder, "00000000.0"), second);
  system.bundle([first, ...many, second]);
  system.now = 2_000;
  const ways = Array.from({ length: 4 }, () => system.way());
  assertEquals([ways.at(-1), new Set(ways).size <= 2], [CACHE, true]);
}, { skip, timeout: 60_000 });

test("what only the directory of libcurl's own has is trusted too; another library does not get it", () => {
  using more = new System([first], [first, second]);
  assertEquals(more.way(), DIRECTORY);
  assertEquals(more.way(undefined, undefined, { bundleOnly: true }), CACHE);
  using other = new System([first], [second]);
  assertEquals(other.way(), BOTH);
}, { skip });

test("GnuTLS, which reads both in whole, gets the bundle alone if it has all that lies in the folder", () => {
  using same = new System([first, second], [first, second]);
  assertEquals([same.way("GnuTLS/3.7.9"), same.way("GnuTLS/3.8.9", 0x080900)], [FILE, CACHE]);
  using more = new System([first], [first]);
  writeFileSync(join(more.folder, "local.pem"), second);
  assertEquals(more.way("GnuTLS/3.7.9"), BOTH);
}, { skip });

test("what changes is noticed: the way is decided again, and no store of the old bundle is used", () => {
  using system = new System([first, second], [first, second]);
  assertEquals([system.way(), system.sources.cacheSeconds(system.file)], [DIRECTORY, 86_400]);
  // As update-ca-certificates does: the links come last.
  system.bundle([first]);
  system.now = 1_500;
  assertEquals([system.way(), system.sources.cacheSeconds(system.file)], [DIRECTORY, 1]);
  system.bundle([first, second]);
  system.remove(second);
  system.now = 3_000;
  assertEquals(system.way(), CACHE);
  system.now = 13_500;
  assertEquals([system.way(), system.sources.cacheSeconds(system.file)], [CACHE, 10]);
  system.add(second);
  system.now = 15_000;
  assertEquals(system.way(), DIRECTORY);
  system.now = 200_000_000;
  assertEquals(system.sources.cacheSeconds(system.file), 86_400);
  assertEquals(system.sources.cacheSeconds("/no/such/file"), 60);
}, { skip });

test(
  "libcurl 8.21 and 8.22, where NULL is the default again: the directory with one file of its own, else the bundle",
  () => {
    using system = new System([first, second], [first, second]);
    for (const version of [0x081500, 0x081601]) {
      assertEquals(
        system.way("BoringSSL", version).split("/")[0],
        "directory certs",
      );
    }
    using incomplete = new System([first, second], [first]);
    assertEquals(incomplete.way("OpenSSL/3.6.0", 0x081500), FILE);
    const library = (versionNumber: number, folder: string | null = "/some"): CaLibrary => {
      return { tls: "OpenSSL/3.6.0", versionNumber, defaults: { file: "/some/file", folder } };
    };
    assertEquals([noFolder(library(0x081500)), noFolder(library(0x081500, null))], ["/dev/null", null]);
    assertEquals([noFolder(library(0x081400)), noFolder(library(0x081700))], [null, null]);
    assertEquals(fileBeside(library(0x081500), { sample: null }), undefined);
    assertEquals(fileBeside(library(0x081700), { sample: "/some/sample" }), null);
  },
  { skip },
);

test("a library that does not tell what it trusts is left alone", () => {
  using system = new System([first], [first]);
  const library = (file: string | null, folder: string | null): CaLibrary => {
    return { tls: "OpenSSL/1.1.1f", versionNumber: 0x074400, defaults: { file, folder } };
  };
  const none = library(null, null);
  assertEquals(trustedPlaces(none), { file: null, folder: null });
  assertEquals(system.sources.find(none, none.defaults).way, "library");
  const folderOnly = library(null, system.folder);
  assertEquals(system.sources.find(folderOnly, trustedPlaces(folderOnly)).way, "directory");
}, { skip });

test("what a libcurl trusts is read ahead once, for each libcurl", () => {
  const library = (): CaLibrary => ({
    tls: "OpenSSL/3.0.19",
    versionNumber: 0x075801,
    defaults: { file: null, folder: null },
  });
  const one = library(), other = library();
  prepareCaSource(one);
  assertEquals([one, other].map(isCaSourcePrepared), [true, false]);
});
