import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "../../mod.ts";
import type { ConnectTarget } from "../../src/curl/handle_options.ts";
import type { Curl } from "../../src/curl/library.ts";
import { KEPT, TlsSessions } from "../../src/curl/tls_sessions.ts";
import { allocate, ffi, type Pointer } from "../../src/platform/ffi.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { test } from "../support/testing.ts";

/** A libcurl whose CURLSHs are counted; `fails` may let a call fail. */
function counted(
  fails: { init?: boolean; setopt?: boolean } = {},
  tls = "OpenSSL/3.0",
): { curl: Curl; live: () => number } {
  const live = new Map<Pointer, Uint8Array>();
  const curl = {
    info: { tls },
    cas: { tls, versionNumber: 0x075801, defaults: { file: null, folder: null } },
    curl_share_init: () => {
      if (fails.init) return null;
      const memory = allocate(8), pointer = ffi().pointerTo(memory);
      live.set(pointer, memory);
      return pointer;
    },
    setShare: () => fails.setopt ? 1 : 0,
    curl_share_cleanup: (share: Pointer) => {
      assertEquals(live.delete(share), true);
      return 0;
    },
  } as unknown as Curl;
  return { curl, live: () => live.size };
}

const target = (ca = "ca.pem", url = "https://a.example/") =>
  ({
    url: new URL(url),
    tls: { ca },
    network: { resolve: [] },
    curlOptions: [],
    browser: null,
    fingerprint: null,
  }) as unknown as ConnectTarget;

test("one identity has one CURLSH, which stays when nobody uses it", () => {
  const { curl, live } = counted(), sessions = new TlsSessions(curl);
  const one = sessions.lease(target(), null)!, two = sessions.lease(target(), null)!;
  const other = sessions.lease(target("other.pem"), null)!;
  assertStrictEquals(one.share, two.share);
  assertNotStrictEquals(one.share, other.share);
  for (const lease of [one, two, other]) lease.release();
  assertEquals([live(), sessions.size], [2, 2]);
  assertStrictEquals(sessions.lease(target(), null)!.share, one.share);
});

test("those that were used long ago are freed, and those in use stay", () => {
  const { curl, live } = counted(), sessions = new TlsSessions(curl);
  const used = sessions.lease(target("used.pem"), null)!, first = sessions.lease(target("0.pem"), null)!;
  first.release();
  for (let i = 1; i < KEPT; i++) sessions.lease(target(`${i}.pem`), null)!.release();
  assertEquals(live(), KEPT + 1);
  // Used again, it is no longer the oldest.
  assertStrictEquals(sessions.lease(target("0.pem"), null)!.share, first.share);
  for (let i = 0; i < 100; i++) sessions.lease(target(`new ${i}.pem`), null)!.release();
  assertEquals(live(), KEPT + 2);
  assertStrictEquals(sessions.lease(target("used.pem"), null)!.share, used.share);
});

test("at a thread's end those are freed that nobody uses, and the others when they are released", () => {
  const { curl, live } = counted(), sessions = new TlsSessions(curl);
  const used = sessions.lease(target("used.pem"), null)!;
  sessions.lease(target(), null)!.release();
  sessions.end();
  assertEquals(live(), 1);
  assertEquals(sessions.lease(target(), null), null);
  used.release();
  assertEquals(live(), 0);
});

test("no TLS, GnuTLS, or no memory: no sessions", () => {
  assertEquals(new TlsSessions(counted().curl).lease(target("ca.pem", "http://a.example/"), null), null);
  assertEquals(new TlsSessions(counted({}, "GnuTLS/3.7.9").curl).lease(target(), null), null);
  for (const fails of [{ init: true }, { setopt: true }]) {
    const { curl, live } = counted(fails), sessions = new TlsSessions(curl);
    assertEquals([sessions.lease(target(), null), live(), sessions.size], [null, 0, 0]);
  }
});

test(
  "a file of CAs that changes makes another identity: no session from before is resumed without a look at the CAs",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "curlws-sessions-")), file = join(folder, "ca.pem");
    try {
      writeFileSync(file, "before");
      const { curl } = counted(), sessions = new TlsSessions(curl);
      const before = sessions.lease(target(file), null)!.share;
      assertStrictEquals(sessions.lease(target(file), null)!.share, before);
      writeFileSync(file, "after that");
      // Files are looked at once a second.
      let now = before;
      for (let turn = 0; now === before && turn < 500; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        now = sessions.lease(target(file), null)!.share;
      }
      assertNotStrictEquals(now, before);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  { skip: runtime().os === "linux" ? undefined : "only Linux tells whether a file has changed" },
);
