import { assertEquals, assertThrows } from "@std/assert";
import { type ImpersonateOptions, impersonation } from "../../src/options/fingerprint.ts";
import { test } from "../support/testing.ts";

const JA3 = "771,4865-4866-4867-47,0-11-10-13-43-51,29,0";
const NOTHING = {
  ja3: null,
  signatureAlgorithms: null,
  certificateCompression: null,
  delegatedCredentials: null,
  recordSizeLimit: null,
  keyShares: null,
  grease: null,
  permuteExtensions: null,
};

test("a name, an object with a base alone, and nothing", () => {
  assertEquals(impersonation(undefined), { impersonate: null, fingerprint: null });
  assertEquals(impersonation("chrome_android"), { impersonate: "chrome_android", fingerprint: null });
  assertEquals(impersonation({ base: "tor" }), { impersonate: "tor", fingerprint: null });
});

test("what is not given is the base's", () => {
  assertEquals(impersonation({ base: "chrome", keyShares: 2 }), {
    impersonate: "chrome",
    fingerprint: { ...NOTHING, keyShares: 2 },
  });
  const given = { certificateCompression: ["brotli"], grease: false, recordSizeLimit: 0 } as const;
  assertEquals(impersonation(given), { impersonate: null, fingerprint: { ...NOTHING, ...given } });
});

test("a part that cannot be is an error that names it", () => {
  const fails = (given: object | string, words: string, type: typeof TypeError | typeof RangeError = TypeError) =>
    assertThrows(() => impersonation(given as ImpersonateOptions), type, words);
  fails({}, "impersonate must have a base or a part of a ClientHello: ja3, signatureAlgorithms, ");
  fails({ ja3: undefined }, "impersonate must have a base");
  fails({ bases: "chrome" }, "unknown impersonate option bases; known are base, ja3, ");
  fails({ base: "netscape" }, 'impersonate.base: "netscape" is unknown; known are chrome, edge, ');
  fails({ base: "" }, "impersonate.base must be the name of a browser, and is empty");
  fails({ akamai: "1:65536" }, "impersonate.akamai describes HTTP/2, and a WebSocket begins with HTTP/1.1");
  fails({ ja4: "t13d" }, "impersonate.ja4 has digests");
  fails({ ja3: 771 }, "impersonate.ja3 must be the text of JA3, not number");
  fails({ signatureAlgorithms: "ed25519" }, "impersonate.signatureAlgorithms must be a list of names, not string");
  fails(
    { signatureAlgorithms: ["ed448"] },
    'impersonate.signatureAlgorithms: "ed448" is unknown; known are rsa_pkcs1_',
  );
  fails({ signatureAlgorithms: [] }, "impersonate.signatureAlgorithms must not be empty");
  fails({ certificateCompression: ["gzip"] }, '"gzip" is unknown; known are zlib, brotli, zstd');
  fails({ delegatedCredentials: [1] }, "impersonate.delegatedCredentials: 1 is unknown");
  fails({ recordSizeLimit: 63 }, "impersonate.recordSizeLimit must be an integer from 64 to 16385", RangeError);
  fails({ keyShares: 4 }, "impersonate.keyShares must be an integer from 1 to 3, and is 4", RangeError);
  fails({ keyShares: 1.5 }, "impersonate.keyShares must be an integer", RangeError);
  fails({ grease: 1 }, "impersonate.grease must be true or false, not 1");
});

test("JA3 and the values of its extensions say the same", () => {
  const fails = (given: ImpersonateOptions, words: string) =>
    assertThrows(() => impersonation(given), TypeError, words);
  const listed = (id: number) => JA3.replace("-43-", `-${id}-43-`);
  fails(
    { ja3: listed(27) },
    'ja3 has the extension 27 (compress_certificate), whose value it does not tell: give impersonate.certificateCompression (Chrome has ["brotli"])',
  );
  fails({ ja3: listed(28) }, "give impersonate.recordSizeLimit (Firefox has 16385)");
  fails({ ja3: listed(34) }, "give impersonate.delegatedCredentials (Firefox has ");
  // The base may have it.
  impersonation({ base: "firefox", ja3: listed(28) });
  impersonation({ ja3: listed(28), recordSizeLimit: 100 });
  fails(
    { ja3: listed(28), recordSizeLimit: 0 },
    "has the extension 28 (record_size_limit), and recordSizeLimit is to send none",
  );
  fails(
    { ja3: JA3, recordSizeLimit: 100 },
    "impersonate.recordSizeLimit needs the extension 28 (record_size_limit) in ja3",
  );
  fails({ ja3: JA3, certificateCompression: ["zlib"] }, "impersonate.certificateCompression needs the extension 27");
  impersonation({ ja3: JA3, certificateCompression: [] });
});
