/** What becomes of the options of `ws`. */
import { assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { Agent } from "node:http";
import { type ClientOptions, settingsOf } from "../../ws/client_options.ts";
import WebSocket from "../../ws/mod.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { PASSPHRASE, tlsCertificates } from "../support/tls_certificates.ts";
import { closed, DIRECT, messages, opened } from "./support.ts";

test("options that libcurl has another way for are errors that name it", () => {
  const bad: [options: object, words: string][] = [
    [{ agent: new Agent() }, "use proxy"],
    [{ createConnection: () => {} }, "use unixSocket"],
    [{ lookup: () => {} }, "resolve"],
    [{ generateMask: () => {} }, "section 10.3"],
    [{ checkServerIdentity: () => undefined }, "pinnedPublicKey"],
    [{ ALPNProtocols: ["h2"] }, "http/1.1"],
    [{ secureProtocol: "TLSv1_2_method" }, "minVersion"],
    [{ maxMessageSize: 1 }, "maxPayload"],
    [{ ca: "/etc/ssl/ca.pem" }, "tls: { ca }"],
    [{ servername: "" }, "SNI"],
    [{ pfx: [Buffer.from("a"), Buffer.from("b")] }, "one archive"],
    [{ perMessageDeflate: { zlibDeflateOptions: { dictionary: Buffer.from("a") } } }, "dictionary"],
  ];
  for (const [options, words] of bad) assertThrows(() => settingsOf(options as ClientOptions), TypeError, words);
  assertThrows(() => settingsOf({ protocolVersion: 1000 }), RangeError, "supported versions: 8, 13");
  assertThrows(() => settingsOf({ protocolVersion: 8 }), RangeError, "must be 13");
  for (const option of [{ proxi: "http://localhost" }, { finishRequest() {}, proxi: "" }]) {
    assertThrows(() => new WebSocket("ws://localhost", option as ClientOptions), TypeError, "unknown option proxi");
  }
});

test("options that only tune ws, and those that ws ignores, are taken", () => {
  const { curl } = settingsOf({
    ...{ agent: undefined, createConnection: null, allowSynchronousEvents: false, skipUTF8Validation: true },
    ...{ maxBufferedChunks: 1, maxFragments: 2, maxPendingAutoPongs: 3, host: "x", port: 1, path: "/", timeout: 5 },
    ...{ perMessageDeflate: { concurrencyLimit: 1, zlibInflateOptions: {}, zlibDeflateOptions: { chunkSize: 1024 } } },
  } as ClientOptions);
  assertEquals(curl, { closeTimeout: 30_000, maxMessageSize: 100 * 1024 * 1024, perMessageDeflate: {} });
});

test("the others become those of a CurlWebSocket", () => {
  const settings = settingsOf({
    ...{ handshakeTimeout: 5_000, maxPayload: 0, auth: "joe:secret", family: 6, closeTimeout: 1, autoPong: false },
    ...{ followRedirects: true, maxRedirects: 3, origin: "https://example.com", proxy: "http://localhost:8080" },
    ...{
      rejectUnauthorized: false,
      servername: "example.com",
      minVersion: "TLSv1.2",
      key: [{ pem: PEM, passphrase: "p" }],
    },
    ...{ ca: [PEM, Buffer.from(PEM)], cert: PEM, ciphers: "TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256" },
    perMessageDeflate: { threshold: 10, clientMaxWindowBits: 10, zlibDeflateOptions: { level: 1, memLevel: 2 } },
  } as ClientOptions);
  assertEquals(settings.curl, {
    ...{
      autoPong: false,
      closeTimeout: 1,
      connectTimeout: 5_000,
      handshakeTimeout: 5_000,
      maxMessageSize: Number.MAX_SAFE_INTEGER,
    },
    ...{ ipVersion: 6, proxy: "http://localhost:8080" },
    perMessageDeflate: { threshold: 10, level: 1, memLevel: 2, clientMaxWindowBits: 10 },
    tls: {
      ...{ ca: `${PEM}\n${PEM}`, cert: PEM, key: PEM, passphrase: "p", verify: false, serverName: "example.com" },
      ...{ ciphers: "ECDHE-RSA-AES128-GCM-SHA256", cipherSuites: "TLS_AES_128_GCM_SHA256", minVersion: "TLSv1.2" },
    },
  });
  const { auth, followRedirects, maxRedirects, origin } = settings;
  assertEquals([auth, followRedirects, maxRedirects], ["joe:secret", true, 3]);
  assertEquals(origin, "https://example.com");
});

const PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";

test("wss: trusts what ca says, and shows a client's certificate", async () => {
  const { ca, client: identity, server: { cert, key } } = tlsCertificates();
  const tls = { cert, key, ca, requestCert: true, rejectUnauthorized: false };
  await using server = await WsServer.start({ tls });
  const unknown = await closed(new WebSocket(server.url("/tls", "localhost"), DIRECT));
  assertEquals((unknown.error as Error & { code: string }).code, "ERR_TLS");
  const options = {
    ...DIRECT,
    ca: Buffer.from(ca),
    cert: [identity.cert],
    key: identity.encryptedKey,
    passphrase: PASSPHRASE,
    servername: "localhost",
  };
  const socket = new WebSocket(server.url("/tls", "localhost"), options);
  const { client } = JSON.parse((await messages(socket, 1))[0]!);
  assertEquals(typeof client, "string");
  socket.terminate();
  const careless = await opened(new WebSocket(server.url("/tls"), { ...DIRECT, rejectUnauthorized: false }));
  careless.terminate();
});
