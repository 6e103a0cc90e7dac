/** Giving up while a connection is being made, at any time and inside any of the caller's code. */
import { assert, assertEquals } from "@std/assert";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type CookieJar, CurlWebSocket, type CurlWebSocketOptions, reactorStats } from "../../mod.ts";
import { closed, failed, opened } from "../support/events.ts";
import { RawServer } from "../support/raw_server.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

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

for (const refused of [false, true]) {
  test(`a jar stores nothing of a ${refused ? "refusal" : "handshake"} inside which the caller gave up`, async () => {
    await using server = await RawServer.start();
    const stored: string[] = [];
    const cookies: CookieJar = { getCookieString: () => "", setCookie: (cookie) => void stored.push(cookie) };
    const socket = new CurlWebSocket(server.url(), { proxy: false, cookies });
    const giveUp = () => socket.close();
    subscribe("curlws:handshake", giveUp);
    try {
      const end = closed(socket);
      const peer = await server.connection();
      if (refused) {
        await peer.request();
        await peer.send("HTTP/1.1 403 Forbidden\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n");
      } else await peer.accept({ headers: ["Set-Cookie: a=1"] });
      await end;
      assertEquals(stored, []);
    } finally {
      unsubscribe("curlws:handshake", giveUp);
    }
  });
}

test("connectTimeout ends when libcurl has connected: the server may take longer for its response", async () => {
  await using server = await RawServer.start();
  const connectTimeout = 1000;
  const socket = new CurlWebSocket(server.url(), { proxy: false, connectTimeout });
  const open = opened(socket);
  const peer = await server.connection();
  await new Promise((resolve) => setTimeout(resolve, connectTimeout + 100));
  await peer.accept();
  await open;
  socket.terminate();
  await closed(socket);
});

/** What a program does while a minute's limits are set; the process ends long before. */
const ENDINGS: Record<string, { script: string; accepts: boolean }> = {
  "is closed inside a jar": {
    script: `const socket = new CurlWebSocket(url, { ...options, cookies: {
      getCookieString: () => "",
      setCookie: async () => { socket.close(); },
    } });`,
    accepts: true,
  },
  "was open, behind a jar that takes its time": {
    script: `const socket = new CurlWebSocket(url, { ...options, cookies: {
      getCookieString: async () => "",
      setCookie: async () => {},
    } });
    socket.onopen = () => socket.terminate();`,
    accepts: true,
  },
  "waits for its handshake, and unref() was called before it began": {
    script: `new CurlWebSocket(url, options).unref();`,
    accepts: false,
  },
};

for (const [what, { script, accepts }] of Object.entries(ENDINGS)) {
  test(`nothing keeps the process when a connection ${what}`, async () => {
    await using server = await RawServer.start();
    const ended = runScript(
      server.url(),
      `const options = { proxy: false, connectTimeout: 60_000, handshakeTimeout: 60_000 };\n${script}`,
    );
    if (accepts) await (await server.connection()).accept({ headers: ["Set-Cookie: a=1"] });
    assertEquals(await ended, "");
  }, { timeout: 60_000 });
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
