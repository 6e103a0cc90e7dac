import { assertEquals, assertNotEquals } from "@std/assert";
import type { ConnectTarget } from "../../src/curl/handle_options.ts";
import { BUNDLES, DIRECTORIES } from "../../src/curl/certificate_stores.ts";
import { identityFiles, sessionIdentity, wantsSessions } from "../../src/curl/session_identity.ts";
import type { Browser } from "../../src/handshake/browsers.ts";
import { type ImpersonateOptions, impersonation } from "../../src/options/fingerprint.ts";
import type { CompleteProxy } from "../../src/options/proxy.ts";
import type { TlsOptions } from "../../src/options/tls.ts";
import { test } from "../support/testing.ts";

const target = (
  { url = "https://a.example/", tls = {}, network = {}, curlOptions = [], browser = null, impersonate }: {
    url?: string;
    tls?: TlsOptions;
    network?: object;
    curlOptions?: readonly [number, unknown][];
    browser?: string | null;
    impersonate?: ImpersonateOptions;
  } = {},
) =>
  ({
    url: new URL(url),
    tls,
    network: { resolve: [], connectTo: [], ...network },
    curlOptions: curlOptions.map(([number, value]) => ({ option: { number }, value })),
    browser: browser === null ? null : { target: browser } as Browser,
    fingerprint: impersonation(impersonate).fingerprint,
  }) as unknown as ConnectTarget;

const PROXY: CompleteProxy = {
  scheme: "http",
  host: "proxy.example",
  port: 8080,
  path: "",
  username: "a",
  password: "b",
  auth: undefined,
  headers: [],
  tls: {},
  noProxy: undefined,
  source: "the proxy option",
};
const proxy = (change: Partial<CompleteProxy> = {}): CompleteProxy => ({ ...PROXY, ...change });
const digest = (data: Uint8Array | string) => `digest of ${data.length}: ${data[0]}`;
const identity = (to: ConnectTarget, through: CompleteProxy | null = null) => sessionIdentity(to, through, digest);
const PEM = `-----BEGIN CERTIFICATE-----\n${"A".repeat(200)}`;

test("the same settings are one identity, in whatever order they were given, whatever the server", () => {
  const tls: TlsOptions = { ca: PEM, verify: true };
  assertEquals(
    identity(target({ tls })),
    identity(target({ url: "https://b.example:8443/x", tls: { verify: true, ca: PEM, cert: undefined } })),
  );
  assertEquals(
    identity(target(), proxy()),
    identity(target(), proxy({ source: "HTTPS_PROXY", noProxy: "c.example" })),
  );
});

test("each of these is an identity of its own", () => {
  const all: [what: string, key: string][] = [
    ["nothing", identity(target())],
    ["a CA", identity(target({ tls: { ca: PEM } }))],
    ["the same as bytes", identity(target({ tls: { ca: new TextEncoder().encode(PEM) } }))],
    ["another CA", identity(target({ tls: { ca: PEM + "B" } }))],
    ["one more CA", identity(target({ tls: { extraCa: PEM } }))],
    ["unverified", identity(target({ tls: { verify: false } }))],
    ["a client certificate", identity(target({ tls: { cert: "client.pem" } }))],
    ["another one", identity(target({ tls: { cert: "other.pem" } }))],
    ["its passphrase", identity(target({ tls: { cert: "client.pem", passphrase: "x" } }))],
    ["a version", identity(target({ tls: { maxVersion: "TLSv1.2" } }))],
    ["ciphers", identity(target({ tls: { ciphers: "A" } }))],
    ["a pinned key", identity(target({ tls: { pinnedPublicKey: ["x"] } }))],
    ["another name", identity(target({ tls: { serverName: "c.example" } }))],
    ["a browser", identity(target({ browser: "chrome150" }))],
    ["another browser", identity(target({ browser: "firefox147" }))],
    ["a JA3", identity(target({ impersonate: { ja3: "771,4865-47,0-10-13-43-51,29," } }))],
    ["another order", identity(target({ impersonate: { ja3: "771,4865-47,10-0-13-43-51,29," } }))],
    ["GREASE", identity(target({ impersonate: { grease: true } }))],
    ["none", identity(target({ impersonate: { grease: false } }))],
    ["key shares", identity(target({ impersonate: { keyShares: 1 } }))],
    ["signatures", identity(target({ impersonate: { signatureAlgorithms: ["ed25519"] } }))],
    ["as delegated ones", identity(target({ impersonate: { delegatedCredentials: ["ed25519"] } }))],
    ["a browser with it", identity(target({ browser: "chrome150", impersonate: { keyShares: 1 } }))],
    ["a proxy", identity(target(), proxy())],
    ["another proxy", identity(target(), proxy({ host: "other.example" }))],
    ["another port", identity(target(), proxy({ port: 8081 }))],
    ["another username", identity(target(), proxy({ username: "c" }))],
    ["another password", identity(target(), proxy({ password: "c" }))],
    ["no credentials", identity(target(), proxy({ username: undefined, password: undefined }))],
    ["a header for it", identity(target(), proxy({ headers: [["X-Session", "1"]] }))],
    ["TLS to it", identity(target(), proxy({ scheme: "https", tls: { verify: false } }))],
    ["an interface", identity(target({ network: { interface: "eth1" } }))],
    ["a local address", identity(target({ network: { localAddress: "10.0.0.2" } }))],
    ["a Unix socket", identity(target({ network: { unixSocket: "/s" } }))],
    ["another way to a host", identity(target({ network: { connectTo: ["a.example:443:b.example:443"] } }))],
    ["an option of libcurl", identity(target({ curlOptions: [[10_318, "X25519"]] }))],
    ["another value for it", identity(target({ curlOptions: [[10_318, "P-256"]] }))],
    ["ws to an https proxy", identity(target({ url: "http://a.example/" }), proxy({ scheme: "https" }))],
  ];
  for (const [i, [what, key]] of all.entries()) {
    for (const [other, otherKey] of all.slice(i + 1)) assertNotEquals(key, otherKey, `${what} and ${other}`);
  }
});

test("who wants sessions", () => {
  const wants = (to: ConnectTarget, through: CompleteProxy | null = null) => wantsSessions(to, through);
  const plain = target({ url: "http://a.example/" }), off: TlsOptions = { sessions: false };
  assertEquals([wants(target()), wants(plain), wants(target({ tls: off }))], [true, false, false]);
  assertEquals([wants(target({ browser: "firefox147" })), wants(target({ browser: "tor145" }))], [true, false]);
  const secure = proxy({ scheme: "https" }), secureOff = proxy({ scheme: "https", tls: off });
  assertEquals([wants(plain, proxy()), wants(plain, secure), wants(plain, secureOff)], [false, true, false]);
  assertEquals([wants(target(), secureOff), wants(target({ tls: off }), secure)], [false, false]);
});

test("the files of an identity: certificates, keys, and the system's CAs unless others are trusted instead", () => {
  const defaults = { file: "/own/bundle.pem", folder: null };
  const files = (to: ConnectTarget, through: CompleteProxy | null = null) => identityFiles(defaults, to, through);
  const system = ["/own/bundle.pem", ...BUNDLES.filter((path) => path !== "/own/bundle.pem"), ...DIRECTORIES];
  assertEquals(files(target()), system);
  assertEquals(files(target({ tls: { extraCa: "extra.pem", cert: "c.pem", key: "k.pem" } })), [
    "extra.pem",
    "c.pem",
    "k.pem",
    ...system,
  ]);
  assertEquals(files(target({ tls: { ca: "ca.pem", pfx: "client.p12" } })), ["ca.pem", "client.p12"]);
  assertEquals(files(target({ tls: { ca: PEM } })), []);
  assertEquals(files(target({ tls: { verify: false, cert: new Uint8Array(1) } })), []);
  const plain = target({ url: "http://a.example/", tls: { ca: "unused.pem" } });
  assertEquals(files(plain, proxy({ tls: { ca: "unused.pem" } })), []);
  assertEquals(files(plain, proxy({ scheme: "https", tls: { ca: "proxy.pem" } })), ["proxy.pem"]);
  const raw = ["PROXY_CAINFO", "SSLCERT", "URL"].map((name) => ({ option: { name, number: 1 }, value: name }));
  const own = { ...target({ tls: { ca: PEM } }), curlOptions: raw } as unknown as ConnectTarget;
  assertEquals(files(own), ["PROXY_CAINFO", "SSLCERT"]);
});
