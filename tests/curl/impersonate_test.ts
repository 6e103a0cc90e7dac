import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { CurlWebSocket, type CurlWebSocketError, type CurlWebSocketOptions } from "../../mod.ts";
import { loadCurl } from "../../src/curl/library.ts";
import { resolveBrowser } from "../../src/curl/impersonate.ts";
import { BROWSERS } from "../../src/handshake/browsers.ts";
import { certificates } from "../support/certificates.ts";
import { type ClientHello, Extension, HelloServer } from "../support/client_hello.ts";
import { message, opened } from "../support/events.ts";
import { RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { IMPERSONATING as NAMES, testsWith } from "../support/with_libcurls.ts";

const testWith = testsWith(60_000);

interface Handshake {
  readonly hello: ClientHello;
  readonly request: string;
}

/** What a server sees of a socket. */
async function handshake(options: CurlWebSocketOptions): Promise<Handshake> {
  await using server = await HelloServer.start();
  return await handshakeWith(server, options);
}

async function handshakeWith(server: HelloServer, options: CurlWebSocketOptions): Promise<Handshake> {
  const socket = new CurlWebSocket(server.url("/feed"), { tls: { ca: certificates().ca }, proxy: false, ...options });
  const open = opened(socket);
  const hello = await server.hello();
  const peer = await server.raw.connection();
  const request = await peer.accept();
  await open;
  socket.terminate();
  return { hello, request };
}

const lines = (request: string) => request.slice(0, -4).split("\r\n");
const names = (request: string) => lines(request).slice(1).map((line) => line.slice(0, line.indexOf(":")));
const value = (request: string, name: string) =>
  lines(request).find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);

const CHROMIUM = [
  ...["Host", "Connection", "Pragma", "Cache-Control", "User-Agent", "Upgrade", "Origin", "Sec-WebSocket-Version"],
  ...["Accept-Encoding", "Accept-Language", "Sec-WebSocket-Key", "Sec-WebSocket-Extensions"],
];
const FIREFOX = [
  ...["Host", "User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Sec-WebSocket-Version", "Origin"],
  ...["Sec-WebSocket-Extensions", "Sec-WebSocket-Key", "Connection", "Sec-Fetch-Dest", "Sec-Fetch-Mode"],
  ...["Sec-Fetch-Site", "Pragma", "Cache-Control", "Upgrade"],
];

/** JA4 by target: of 8.21 and 8.23 what libcurl-impersonate itself sends to a wss: URL; 7.84 knows no wss:. */
const JA4: Readonly<Record<string, readonly (readonly [target: string, ja4: string])[]>> = {
  "impersonate-7.84": [
    ["chrome99", "t13d1515h1_8daaf6152771_de4a06bb82e3"],
    ["chrome99_android", "t13d1515h1_8daaf6152771_de4a06bb82e3"],
    ["edge101", "t13d1515h1_8daaf6152771_de4a06bb82e3"],
    ["safari15_5", "t13d2014h1_a09f3c656075_14788d8d241b"],
  ],
  "impersonate-8.21": [
    ["chrome99", "t13d1515h1_8daaf6152771_de4a06bb82e3"],
    ["chrome150", "t13d1515h1_8daaf6152771_e4c2b8c727f2"],
    ["edge101", "t13d1515h1_8daaf6152771_de4a06bb82e3"],
    ["firefox133", "t13d1714h1_5b57614c22b0_d390cef08237"],
    ["firefox147", "t13d1715h1_5b57614c22b0_8460c7ec26ba"],
    ["tor145", "t13d1513h1_8daaf6152771_748f4c70de1c"],
    ["safari180", "t13d2014h1_a09f3c656075_e42f34c56612"],
    ["safari2601", "t13d2013h1_a09f3c656075_7f0f34a4126d"],
  ],
  "impersonate-8.23": [
    ["chrome150", "t13d1515h1_8daaf6152771_e4c2b8c727f2"],
    ["chrome152", "t13d1516h1_8daaf6152771_5b37b36a67c0"],
    ["firefox147", "t13d1715h1_5b57614c22b0_8460c7ec26ba"],
    ["firefox153", "t13d1617h1_86a278354501_3cbfd9057e0d"],
    ["firefox155", "t13d1517h1_8daaf6152771_3cbfd9057e0d"],
    ["safari270", "t13d2013h1_a09f3c656075_7f0f34a4126d"],
  ],
};

testWith(NAMES, "the ClientHello for wss is the browser's", async (library, name) => {
  for (const [impersonate, ja4] of JA4[name]!) {
    const { hello } = await handshake({ library, impersonate });
    assertEquals(hello.ja4, ja4, impersonate);
    assertEquals(hello.alpn, ["http/1.1"], impersonate);
    assertEquals(hello.serverName, "localhost");
    assert(!hello.extensions.includes(Extension.alps) && !hello.extensions.includes(Extension.newAlps), impersonate);
  }
});

/** Extensions of TLS 1.3 for a session: `early_data`, and `pre_shared_key`, which is the last one. */
const EARLY_DATA = 42, PRE_SHARED_KEY = 41;

testWith(
  NAMES,
  "with a session to resume, the ClientHello is the same and the session behind it",
  async (library, name) => {
    for (const [impersonate, ja4] of JA4[name]!) {
      await using server = await HelloServer.start();
      const { hello: first } = await handshakeWith(server, { library, impersonate });
      const { hello: second } = await handshakeWith(server, { library, impersonate });
      assertEquals(first.ja4, ja4, impersonate);
      if (impersonate.startsWith("tor")) {
        assertEquals(second.ja4, ja4);
        continue;
      }
      assertEquals(second.extensions.at(-1), PRE_SHARED_KEY, impersonate);
      assert(!second.extensions.includes(EARLY_DATA), impersonate);
      const sorted = (extensions: readonly number[]) => extensions.toSorted((a, b) => a - b);
      // Padding depends on the size.
      const PADDING = 21;
      const others = sorted(second.extensions.slice(0, -1)).filter((id) => id !== PADDING);
      assertEquals(others, sorted(first.extensions).filter((id) => id !== PADDING), impersonate);
      // JA4: version, server name and ciphers are the same; and one extension is counted more, if there is no padding.
      assertEquals(second.ja4.slice(0, 6), ja4.slice(0, 6), impersonate);
      assertEquals(second.ja4.split("_")[1], ja4.split("_")[1], impersonate);
      // Without sessions it is the first one again.
      const off = { ca: certificates().ca, sessions: false };
      assertEquals((await handshakeWith(server, { library, impersonate, tls: off })).hello.ja4, ja4, impersonate);
    }
  },
);

testWith(
  NAMES,
  "chrome is its newest version, with that version's handshake and compression offer",
  async (library, name) => {
    const { hello, request } = await handshake({ library, impersonate: "chrome" });
    const version = { "impersonate-7.84": 110, "impersonate-8.21": 150, "impersonate-8.23": 152 }[name as string];
    assertMatch(
      value(request, "User-Agent")!,
      new RegExp(`^Mozilla/5.0 .* Chrome/${version}\\.0\\.0\\.0 Safari/537.36$`),
    );
    assertEquals(names(request), CHROMIUM);
    assertEquals(value(request, "Sec-WebSocket-Extensions"), "permessage-deflate; client_max_window_bits");
    assertEquals(value(request, "Accept-Encoding"), `gzip, deflate, br${version! >= 123 ? ", zstd" : ""}`);
    assertMatch(value(request, "Origin")!, /^https:\/\/localhost:\d+$/);
    assert(
      hello.extensions.includes(Extension.compressCertificate) && hello.extensions.includes(Extension.sessionTicket),
    );
  },
);

testWith(NAMES, "edge has the header fields of Edge 101", async (library) => {
  const { request } = await handshake({ library, impersonate: "edge" });
  assertEquals(names(request), CHROMIUM);
  assertMatch(value(request, "User-Agent")!, / Edg\/101\.0\.1210\.47$/);
});

testWith(NAMES, "safari is its newest version, with that version's header fields", async (library, name) => {
  const { hello, request } = await handshake({ library, impersonate: "safari" });
  const version =
    { "impersonate-7.84": "15.5", "impersonate-8.21": "26.0.1", "impersonate-8.23": "27.0" }[name as string];
  assertMatch(value(request, "User-Agent")!, / Version\/[\d.]+ Safari\/605\.1\.15$/);
  assert(value(request, "User-Agent")!.includes(` Version/${version} `));
  assertEquals(value(request, "Sec-WebSocket-Extensions"), "permessage-deflate");
  assertEquals(value(request, "Sec-Fetch-Mode"), "websocket");
  // Safari has no session tickets. 7.84 has the option by the number that a newer libcurl gives another one.
  assert(!hello.extensions.includes(Extension.sessionTicket));
});

testWith(
  ["impersonate-8.21", "impersonate-8.23"],
  "firefox is its newest version, with that version's handshake and compression offer",
  async (library, name) => {
    const { hello, request } = await handshake({ library, impersonate: "firefox" });
    const version = name === "impersonate-8.21" ? 147 : 155;
    assertMatch(
      value(request, "User-Agent")!,
      new RegExp(`; rv:${version}\\.0\\) Gecko/20100101 Firefox/${version}\\.0$`),
    );
    assertEquals(names(request), FIREFOX);
    assertEquals(value(request, "Sec-WebSocket-Extensions"), "permessage-deflate");
    assertEquals(value(request, "Sec-Fetch-Site"), "same-origin");
    // What no Chromium has.
    assert(
      hello.extensions.includes(Extension.delegatedCredential) && hello.extensions.includes(Extension.recordSizeLimit),
    );
  },
);

testWith(
  ["impersonate-8.21", "impersonate-8.23"],
  "firefox133 to firefox147 offer no session tickets and no compressed certificates for wss",
  async (library) => {
    for (const impersonate of ["firefox133", "firefox135", "firefox144", "firefox147"]) {
      const { hello } = await handshake({ library, impersonate });
      assert(!hello.extensions.includes(Extension.sessionTicket), impersonate);
      assert(!hello.extensions.includes(Extension.compressCertificate), impersonate);
    }
  },
);

testWith(
  ["impersonate-8.21"],
  "JA3: Firefox keeps the order of its extensions, Chrome shuffles them",
  async (library) => {
    const ja3 = async (impersonate: string) => (await handshake({ library, impersonate })).hello.ja3;
    assertEquals(await ja3("firefox147"), await ja3("firefox147"));
    assertEquals(await ja3("chrome99"), await ja3("chrome99"));
    // One in 15! that they are alike.
    assertNotEquals(await ja3("chrome150"), await ja3("chrome150"));
    assertNotEquals(await ja3("firefox147"), await ja3("firefox133"));
  },
);

testWith(NAMES, "a plain ws: request has the browser's handshake too", async (library) => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url("/a?b"), {
    library,
    impersonate: "chrome",
    proxy: false,
    origin: "https://www.example.com",
    cookies: { a: "1" },
    headers: { "accept-language": "de-DE", "X-Extra": "1" },
  });
  const open = opened(socket);
  const request = await (await server.connection()).accept();
  await open;
  socket.terminate();
  assertEquals(lines(request)[0], "GET /a?b HTTP/1.1");
  assertEquals(names(request), [
    ...["Host", "Connection", "Pragma", "Cache-Control", "User-Agent", "Upgrade", "Origin", "Sec-WebSocket-Version"],
    ...["Accept-Encoding", "accept-language", "Cookie", "Sec-WebSocket-Key", "Sec-WebSocket-Extensions", "X-Extra"],
  ]);
  assertEquals(value(request, "Origin"), "https://www.example.com");
  assertEquals(value(request, "accept-language"), "de-DE");
});

testWith(NAMES, "compressed messages are echoed with a browser's compression offer", async (library) => {
  await using server = await WsServer.start({ tls: true, deflate: {} });
  for (const impersonate of ["chrome", "safari"]) {
    await using socket = new CurlWebSocket(server.url("/echo", "localhost"), {
      library,
      impersonate,
      proxy: false,
      tls: { ca: certificates().ca },
    });
    await opened(socket);
    assertMatch(socket.extensions, /^permessage-deflate/);
    const text = "again and ".repeat(1000);
    socket.send(text);
    assertEquals(await message(socket), text);
  }
});

testWith(NAMES, "perMessageDeflate overrides the browser's compression offer", async (library) => {
  const offer = async (impersonate: string, perMessageDeflate: CurlWebSocketOptions["perMessageDeflate"]) =>
    value((await handshake({ library, impersonate, perMessageDeflate })).request, "Sec-WebSocket-Extensions");
  assertEquals(await offer("chrome", false), undefined);
  assertEquals(await offer("chrome", { threshold: 1 }), "permessage-deflate; client_max_window_bits");
  assertEquals(await offer("safari", { threshold: 1 }), "permessage-deflate");
  assertEquals(
    await offer("safari", { serverNoContextTakeover: true, clientMaxWindowBits: 10 }),
    "permessage-deflate; server_no_context_takeover; client_max_window_bits=10",
  );
});

testWith(NAMES, "the caller's TLS options override the browser's", async (library) => {
  const { hello } = await handshake({
    library,
    impersonate: "chrome",
    tls: { ca: certificates().ca, maxVersion: "TLSv1.2" },
  });
  assertMatch(hello.ja4, /^t12d/);
});

testWith(NAMES, "each target that the library knows connects", async (library) => {
  const curl = loadCurl(library);
  let count = 0;
  for (const { target } of BROWSERS) {
    try {
      resolveBrowser(curl, target);
    } catch {
      continue;
    }
    const { hello, request } = await handshake({ library, impersonate: target });
    assertEquals(hello.alpn, ["http/1.1"], target);
    assertEquals(value(request, "User-Agent"), BROWSERS.find((each) => each.target === target)!.userAgent);
    count++;
  }
  assert(count >= 10, String(count));
});

test("impersonate with a plain libcurl says what to install", () => {
  const error = assertThrows(() =>
    new CurlWebSocket("ws://127.0.0.1:9/", { impersonate: "chrome", library: plain() })
  ) as
    & Error
    & Partial<CurlWebSocketError>;
  assertEquals(error.code, "ERR_IMPERSONATE");
  assertMatch(error.message, /needs libcurl-impersonate, and .* is a plain libcurl [\d.]+; .*install/);
}, { skip: plain() === undefined ? "no plain libcurl" : undefined });

/** The system's libcurl, whatever `CURLWS_LIBCURL` names. */
function plain(): string | undefined {
  for (const name of ["libcurl.so.4", "libcurl.4.dylib"]) {
    try {
      loadCurl(name);
      return name;
    } catch {
      // It has another name here.
    }
  }
  return undefined;
}

testWith(
  ["impersonate-7.84"],
  "a browser that the library lacks is an error that names those it has",
  (library) => {
    const error = assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { impersonate: "firefox", library })) as
      & Error
      & Partial<CurlWebSocketError>;
    assertEquals(error.code, "ERR_IMPERSONATE");
    assertMatch(
      error.message,
      /libcurl-impersonate 7\.84\.0, .*, does not know "firefox"; it knows chrome, edge, safari, chrome_android, safari_beta, chrome110, .*edge101.*safari15_3$/,
    );
    return Promise.resolve();
  },
);

/** What curl_cffi's names for the newest of a kind become; null if the library has none of it. */
const NEWEST: Readonly<Record<string, Readonly<Record<string, string | null>>>> = {
  "impersonate-7.84": { chrome_android: "chrome99_android", safari_ios: null, safari_beta: "safari15_5", tor: null },
  "impersonate-8.21": {
    chrome_android: "chrome131_android",
    safari_ios: "safari260_ios",
    safari_beta: "safari2601",
    tor: "tor145",
  },
  "impersonate-8.23": {
    chrome_android: "chrome131_android",
    safari_ios: "safari270_ios",
    safari_beta: "safari270",
    tor: "tor145",
  },
};

testWith(NAMES, "curl_cffi's names mean the newest that the library knows", (library, name) => {
  const curl = loadCurl(library);
  for (const [alias, target] of Object.entries(NEWEST[name]!)) {
    if (target !== null) assertEquals(resolveBrowser(curl, alias).target, target, alias);
    else assertThrows(() => resolveBrowser(curl, alias), Error, `does not know "${alias}"; it knows chrome, edge`);
  }
  return Promise.resolve();
});

test("an unknown browser is a TypeError", () => {
  for (const impersonate of ["netscape", "Chrome", "chrome9", ""]) {
    assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { impersonate }), TypeError, "impersonate");
  }
  assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { impersonate: 1 as never }), TypeError, "impersonate");
});
