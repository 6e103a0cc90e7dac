/** How an attempt ends that the server, the network or the caller breaks off. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { type CookieJar, CurlWebSocket, type CurlWebSocketOptions } from "../../mod.ts";
import { certificates } from "../support/certificates.ts";
import { closed, failed, opened } from "../support/events.ts";
import { libcurlNamed, whyNoLibcurl } from "../support/libcurls.ts";
import { acceptFor, type RawConnection, RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

/** Longer than any of these tests may take: what is told sooner was not told because time was up. */
const LONG = 60_000;

/** How a socket fails against a server that does this with its connection. */
async function against(
  answer: (peer: RawConnection) => Promise<void>,
  { tls = false, ...options }: CurlWebSocketOptions & { tls?: boolean } = {},
): Promise<{ code: string; status: number | undefined; body: string; message: string }> {
  await using server = await RawServer.start({ tls });
  const socket = new CurlWebSocket(server.url(), {
    handshakeTimeout: LONG,
    proxy: false,
    tls: tls ? { verify: false } : {},
    ...options,
  });
  const failure = failed(socket);
  const peer = await server.connection();
  await answer(peer);
  const { error } = await failure;
  return { code: error.code, status: error.status, body: text(error.body), message: error.message };
}

const text = (body: Uint8Array | undefined) => new TextDecoder().decode(body);

for (const tls of [false, true]) {
  const name = tls ? "wss" : "ws";
  for (const handshakeTimeout of [LONG, 0]) {
    test(`${name}: a refusal without a length on a connection that stays open, handshakeTimeout ${handshakeTimeout}`, async () => {
      const { code, status, body } = await against(async (peer) => {
        await peer.request();
        await peer.send("HTTP/1.1 403 Forbidden\r\n\r\nno entry");
      }, { tls, handshakeTimeout });
      assertEquals([code, status, body], ["ERR_HANDSHAKE_STATUS", 403, "no entry"]);
    });
  }

  test(`${name}: a refusal whose body is shorter than it says`, async () => {
    const { code, status, body } = await against(async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nlater");
    }, { tls });
    assertEquals([code, status, body], ["ERR_HANDSHAKE_STATUS", 503, "later"]);
  });

  test(`${name}: a refusal behind which the connection is ${tls ? "dropped without close_notify" : "reset"} is the refusal`, async () => {
    const { code, status, body } = await against(async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno entry");
      peer[tls ? "destroy" : "reset"]();
    }, { tls });
    assertEquals([code, status, body], ["ERR_HANDSHAKE_STATUS", 403, "no entry"]);
  });
}

test("a refusal is found behind a send that fails: the server refused before it had read the request", async () => {
  // More than socket buffers hold, so that some of the request is still to be sent when the connection is reset.
  const headers = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`x-${i}`, "x".repeat(60_000)]));
  const { code, status, body } = await against(async (peer) => {
    await peer.some();
    await peer.send("HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 100\r\n\r\ntoo much");
    peer.reset();
  }, { headers });
  assertEquals([code, status, body], ["ERR_HANDSHAKE_STATUS", 431, "too much"]);
});

test("a reset without any answer is ERR_CONNECTION_LOST", async () => {
  const { code, status } = await against(async (peer) => {
    await peer.request();
    peer.reset();
  });
  assertEquals([code, status], ["ERR_CONNECTION_LOST", undefined]);
});

test("a cookie of a refusal is stored, though its body never ends", async () => {
  const stored: string[] = [];
  const jar: CookieJar = {
    getCookieString: () => "",
    setCookie: (cookie) => Promise.resolve(void stored.push(cookie)),
  };
  const { status } = await against(async (peer) => {
    await peer.request();
    await peer.send("HTTP/1.1 403 Forbidden\r\nSet-Cookie: a=1\r\n\r\n");
  }, { cookies: jar });
  assertEquals([status, stored], [403, ["a=1"]]);
});

test("a handshake is read whose lines end with a line feed alone", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url(), { handshakeTimeout: LONG, proxy: false });
  const message = new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data)));
  const peer = await server.connection();
  await peer.accept({ lineEnd: "\n", then: Uint8Array.of(0x81, 2, 0x68, 0x69) });
  assertEquals(await message, "hi");
  socket.terminate();
  await closed(socket);
});

for (const tls of [false, true]) {
  test(`${tls ? "wss" : "ws"}: endless interim responses end the attempt`, async () => {
    const { code, message } = await against(async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 100 Continue\r\n\r\n".repeat(40_000));
    }, { tls });
    assertEquals(code, "ERR_HANDSHAKE_INVALID");
    assertStringIncludes(message, "with its interim responses");
  });

  test(`${tls ? "wss" : "ws"}: an endless line of a chunk's size ends the attempt`, async () => {
    const { code, status, body } = await against(async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n5;");
      await peer.send("x".repeat(1_000_000));
    }, { tls });
    assertEquals([code, status, body], ["ERR_HANDSHAKE_STATUS", 403, "no"]);
  });
}

for (const name of [null, "8.23"] as const) {
  test(
    `ws: through an https: proxy, ${name ?? "the usual"} libcurl: an answer in two TLS records that come together`,
    async () => {
      await using proxy = await RawServer.start({ tls: true });
      const socket = new CurlWebSocket("ws://server.example/", {
        handshakeTimeout: 5_000,
        library: name === null ? undefined : libcurlNamed(name)!,
        proxy: { url: `https://localhost:${proxy.port}`, tls: { ca: certificates().ca }, noProxy: "" },
      });
      const open = opened(socket);
      const peer = await proxy.connection();
      await peer.request();
      await peer.send("HTTP/1.1 200 OK\r\n\r\n");
      const accept = acceptFor(await peer.request());
      const first = peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
      await peer.send(`Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
      await first;
      await open;
      socket.terminate();
      await closed(socket);
    },
    { skip: name === null ? undefined : whyNoLibcurl(name) },
  );
}
