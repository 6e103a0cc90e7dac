/** How an attempt ends that the server, the network or the caller breaks off. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type CookieJar, CurlWebSocket, type CurlWebSocketOptions, reactorStats } from "../../mod.ts";
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

/** What may give an attempt up. */
const GIVES_UP: Record<string, (socket: CurlWebSocket, abort: AbortController) => void> = {
  "close()": (socket) => socket.close(),
  "terminate()": (socket) => socket.terminate(),
  "its signal": (_socket, abort) => abort.abort(),
};

/** Where code of the caller's runs while a connection is opened: makes the options, and says how the server answers. */
interface CallOut {
  /** `giveUp` is called there. */
  options(giveUp: () => void): CurlWebSocketOptions;
  subscribes?: boolean;
  answer?: string[];
  /** Whether the server sees a connection. */
  connects: boolean;
}

const setCookie = ["Set-Cookie: a=1", "Set-Cookie: b=2"];
const CALL_OUTS: Record<string, CallOut> = {
  "a jar that is asked": {
    options: (giveUp) => ({ cookies: { getCookieString: () => (giveUp(), ""), setCookie: () => {} } }),
    connects: false,
  },
  "a jar that is asked and gives a promise": {
    options: (giveUp) => ({
      cookies: { getCookieString: () => (giveUp(), Promise.resolve("")), setCookie: () => {} },
    }),
    connects: false,
  },
  "a jar that is asked and rejects": {
    options: (giveUp) => ({
      cookies: { getCookieString: () => (giveUp(), Promise.reject(new Error("late"))), setCookie: () => {} },
    }),
    connects: false,
  },
  "a jar that stores": {
    options: (giveUp) => ({ cookies: { getCookieString: () => "", setCookie: () => giveUp() } }),
    answer: setCookie,
    connects: true,
  },
  "a jar that stores and rejects": {
    options: (giveUp) => ({
      cookies: { getCookieString: () => "", setCookie: () => (giveUp(), Promise.reject(new Error("late"))) },
    }),
    answer: setCookie,
    connects: true,
  },
  "a jar that stores and throws": {
    options: (giveUp) => ({
      cookies: {
        getCookieString: () => "",
        setCookie: () => {
          giveUp();
          throw new Error("late");
        },
      },
    }),
    answer: setCookie,
    connects: true,
  },
  "a subscriber of curlws:handshake": { options: () => ({}), subscribes: true, connects: true },
};

for (const [where, { options, subscribes, answer, connects }] of Object.entries(CALL_OUTS)) {
  for (const [how, giveUp] of Object.entries(GIVES_UP)) {
    for (const refused of connects ? [false, true] : [false]) {
      const title = refused ? " of a refusal" : "";
      test(`${how} inside ${where}${title}: it is over, and nothing is left`, async () => {
        await using server = await RawServer.start();
        const before = reactorStats().connections;
        const abort = new AbortController(), told: string[] = [];
        let socket!: CurlWebSocket, times = 0;
        const here = () => {
          times++;
          giveUp(socket, abort);
        };
        if (subscribes) subscribe("curlws:handshake", here);
        try {
          socket = new CurlWebSocket(server.url(), { proxy: false, signal: abort.signal, ...options(here) });
          for (const type of ["open", "message", "error"] as const) {
            socket.addEventListener(type, () => void told.push(type));
          }
          const end = closed(socket);
          if (connects) {
            const peer = await server.connection();
            if (refused) {
              await peer.request();
              const head = ["HTTP/1.1 403 Forbidden", ...answer ?? [], "Content-Length: 0", "", ""].join("\r\n");
              await peer.send(head);
            } else await peer.accept({ headers: answer });
            assertEquals(await peer.frame(), undefined);
          }
          const { code } = await end;
          assertEquals(code, 1006);
          assert(times > 0);
          assertEquals(told, how === "terminate()" ? [] : ["error"]);
        } finally {
          if (subscribes) unsubscribe("curlws:handshake", here);
        }
        // What would connect all the same does so in a task to come.
        await new Promise((resolve) => setTimeout(resolve, 0));
        await new Promise((resolve) => setTimeout(resolve, 0));
        assertEquals(reactorStats().connections, before);
        assertEquals(server.connections, connects ? 1 : 0);
      });
    }
  }
}

const odd: Record<string, unknown> = {
  "a symbol": Symbol("why"),
  "an object without a prototype": Object.create(null),
  "an object whose toString throws": {
    toString() {
      throw new Error("no words");
    },
  },
};

for (const [name, reason] of Object.entries(odd)) {
  test(`an attempt is aborted with ${name}, before and after it began`, async () => {
    await using server = await RawServer.start();
    const abort = new AbortController();
    const socket = new CurlWebSocket(server.url(), { proxy: false, signal: abort.signal });
    const failure = failed(socket);
    await server.connection();
    abort.abort(reason);
    const late = (await failure).error;
    assertEquals([late.code, late.cause], ["ERR_ABORTED", reason]);
    const early = (await failed(new CurlWebSocket(server.url(), { signal: AbortSignal.abort(reason) }))).error;
    assertEquals([early.code, early.cause], ["ERR_ABORTED", reason]);
    assertEquals(early.message, late.message);
  });

  test(`a cookie jar that throws ${name} is ERR_COOKIE_JAR`, async () => {
    const jars: CookieJar[] = [
      {
        getCookieString() {
          throw reason;
        },
        setCookie: () => {},
      },
      { getCookieString: () => Promise.reject(reason), setCookie: () => {} },
    ];
    for (const cookies of jars) {
      const { error } = await failed(new CurlWebSocket("ws://127.0.0.1:9/", { cookies }));
      assertEquals([error.code, error.cause], ["ERR_COOKIE_JAR", reason]);
    }
  });
}
