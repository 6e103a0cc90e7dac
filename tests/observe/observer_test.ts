/** What observers are called with in a connection's life, and that they cannot harm it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  CurlWebSocket,
  type CurlWebSocketInit,
  CurlWebSocketStream,
  reactorStats,
  ReconnectingCurlWebSocket,
} from "../../mod.ts";
import { frameObserver, type Observer, observerOf, observers, withObserver } from "../../src/observe/observer.ts";
import { completeOptions } from "../../src/options/options.ts";
import { closed, failed, message, opened } from "../support/events.ts";
import { frame, Opcode } from "../support/frames.ts";
import { ProxyServer } from "../support/proxy_server.ts";
import { closedPort, type RawConnection, RawServer } from "../support/raw_server.ts";
import { runScript } from "../support/script.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

type Call = [event: keyof Observer, ...args: unknown[]];

const EVENTS: readonly (keyof Observer)[] = [
  ...["attemptStarted", "curlLogged", "connected", "requestSent", "headReceived", "responseReceived"] as const,
  ...["opened", "frameReceived", "frameSent", "messageReceived", "messageSent"] as const,
  ...["closeReceived", "closeSent", "ended"] as const,
];

/** An observer of all events, or all but some, that keeps each call. Bytes are kept as text, since they do not last. */
function recorder(without: readonly (keyof Observer)[] = [], onCall: (event: keyof Observer) => void = () => {}) {
  const calls: Call[] = [];
  const observer: Record<string, (...args: unknown[]) => void> = {};
  for (const event of EVENTS) {
    if (without.includes(event)) continue;
    observer[event] = (...args) => {
      calls.push([event, ...args.map((each) => each instanceof Uint8Array ? new TextDecoder().decode(each) : each)]);
      onCall(event);
    };
  }
  return { observer: observer as Observer, calls, names: () => calls.map(([event]) => event) };
}

const argsOf = (calls: readonly Call[], event: keyof Observer) =>
  calls.filter(([name]) => name === event).map(([, ...args]) => args);

/** Whatever the environment says. */
const NO_PROXY = { proxy: false } as const;

/** Connects with these options, and an observer. */
const connect = (url: string, observer: Observer, options: CurlWebSocketInit = {}) =>
  new CurlWebSocket(url, withObserver<CurlWebSocketInit>({ ...NO_PROXY, ...options }, observer));

test("observer: a connection from its attempt to its end, each event once and in order", async () => {
  await using server = await RawServer.start();
  const { observer, calls, names } = recorder(["curlLogged"]);
  const url = server.url("/p?token=secret").replace("//", "//joe:secret@");
  const socket = connect(url, observer, { headers: { "X-Token": "secret" }, protocols: ["chat"] });
  const open = opened(socket);
  const peer = await server.connection();
  await peer.send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n");
  const request = await peer.accept({ headers: ["Sec-WebSocket-Protocol: chat", "Server: \x1b[2J"] });
  await open;
  const received = message(socket);
  socket.send("hello");
  await peer.send(frame(Opcode.text, "hi"));
  await received;
  const end = closed(socket);
  socket.close(1000, "bye");
  await peer.closeFrame();
  await peer.send(frame(Opcode.close, Uint8Array.of(0x0f, 0xa0)));
  peer.end();
  await end;

  assertEquals(names(), [
    ...["attemptStarted", "connected", "requestSent", "headReceived", "headReceived", "responseReceived"] as const,
    ...["opened", "frameSent", "messageSent", "frameReceived", "messageReceived"] as const,
    ...["frameSent", "closeSent", "frameReceived", "closeReceived", "ended"] as const,
  ]);
  // Whole, credentials and all.
  assertEquals(String(argsOf(calls, "attemptStarted")[0]![0]), url);
  assertEquals(argsOf(calls, "requestSent"), [[request]]);
  assertMatch(request, /X-Token: secret\r\n/);
  const [early, head] = argsOf(calls, "headReceived").map(String);
  assertEquals(early, "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n");
  // deno-lint-ignore no-control-regex
  assertMatch(head!, /^HTTP\/1\.1 101 Switching Protocols\r\n[^]*\r\nServer: \x1b\[2J\r\n\r\n$/);
  const [[requested, status, headers]] = argsOf(calls, "responseReceived") as [[URL, number, [string, string][]]];
  assertEquals([requested.href, status], [url, 101]);
  assertEquals(headers.at(-1), ["Server", "\x1b[2J"]);
  const [[agreement, info]] = argsOf(calls, "opened") as [[{ protocol: string }, unknown]];
  assertEquals(agreement.protocol, "chat");
  assert(info === socket.connection);
  const [[connected]] = argsOf(calls, "connected") as [[{ remotePort: number; times: { handshake: number } }]];
  assertEquals([connected.remotePort, connected.times.handshake], [server.port, 0]);
  assertEquals(argsOf(calls, "frameSent"), [[Opcode.text, 5, false], [Opcode.close, 5, false]]);
  assertEquals(argsOf(calls, "frameReceived"), [[Opcode.text, 2, true, false], [Opcode.close, 2, true, false]]);
  assertEquals([argsOf(calls, "messageSent"), argsOf(calls, "messageReceived")], [[[Opcode.text, "hello"]], [["hi"]]]);
  assertEquals(argsOf(calls, "closeSent"), [[1000, "bye"]]);
  assertEquals(argsOf(calls, "closeReceived"), [[4000, ""]]);
  assertEquals(argsOf(calls, "ended"), [[{ code: 4000, reason: "", wasClean: true, error: null }, socket.stats]]);
});

test("observer: frames that are compressed, and that more follow", async () => {
  await using server = await WsServer.start({ deflate: { threshold: 0 } });
  const { observer, calls } = recorder();
  const socket = connect(server.url("/echo"), observer, { perMessageDeflate: { threshold: 0 } });
  await opened(socket);
  const echoed = message(socket);
  socket.send("a".repeat(1000));
  await echoed;
  const [[opcode, length, compressed]] = argsOf(calls, "frameSent") as [[number, number, boolean]];
  assertEquals([opcode, length < 1000, compressed], [Opcode.text, true, true]);
  const [[, , fin, inflated]] = argsOf(calls, "frameReceived") as [[number, number, boolean, boolean]];
  assertEquals([fin, inflated], [true, true]);
  socket.terminate();
  await closed(socket);

  await using raw = await RawServer.start();
  const fragments = recorder();
  const other = connect(raw.url(), fragments.observer);
  const whole = message(other);
  const peer = await raw.connection();
  await peer.accept({ then: Uint8Array.of(0x01, 1, 0x61, 0x80, 1, 0x62) });
  assertEquals(await whole, "ab");
  assertEquals(argsOf(fragments.calls, "frameReceived"), [[1, 1, false, false], [0, 1, true, false]]);
  other.terminate();
  await closed(other);
});

test("observer: messages are whole, as they were given and as they came", async () => {
  await using server = await WsServer.start({ deflate: { threshold: 0 } });
  const { observer, calls } = recorder();
  const socket = connect(server.url("/echo"), observer, { perMessageDeflate: { threshold: 100 } });
  socket.binaryType = "arraybuffer";
  await opened(socket);
  // Encoded in place, encoded before (it is compressed), bytes, and no string.
  const long = "ü".repeat(200), bytes = new TextEncoder().encode("bytes");
  for (const data of ["a", long, "", bytes, 7]) {
    const echoed = message(socket);
    socket.send(data as string);
    await echoed;
  }
  assertEquals(argsOf(calls, "messageSent"), [[1, "a"], [1, long], [1, ""], [2, "bytes"], [1, "7"]]);
  assertEquals(argsOf(calls, "messageReceived").map(([data]) => data), ["a", long, "", bytes.buffer, "7"]);
  socket.terminate();
  await closed(socket);
  // A message that is too late is none.
  socket.send("late");
  assertEquals(argsOf(calls, "messageSent").length, 5);
});

test("withObserver(): a function makes an observer for each connection of a feed", async () => {
  await using server = await RawServer.start();
  const made: ReturnType<typeof recorder>[] = [];
  const feed = new ReconnectingCurlWebSocket(
    server.url(),
    withObserver({ ...NO_PROXY, reconnect: { maxDelay: 10 } }, () => {
      made.push(recorder(["curlLogged"]));
      return made.at(-1)!.observer;
    }),
  );
  const first = await server.connection();
  await first.accept();
  first.end();
  const second = await server.connection();
  await second.accept({ then: frame(Opcode.text, "hi") });
  for await (const data of feed) {
    assertEquals(data, "hi");
    feed.terminate();
  }
  assertEquals(made.map(({ names }) => [names()[0], names().at(-1)]), [
    ["attemptStarted", "ended"],
    ["attemptStarted", "ended"],
  ]);
  assertEquals(made.map(({ names }) => names().includes("messageReceived")), [false, true]);
});

test("observer: a refusal, with its head, and the error at its end", async () => {
  await using server = await RawServer.start();
  const { observer, calls, names } = recorder(["curlLogged"]);
  const socket = connect(server.url(), observer);
  const failure = failed(socket);
  const peer = await server.connection();
  await peer.request();
  await peer.send("HTTP/1.1 403 No\r\nX-Why: because\r\nContent-Length: 2\r\n\r\nno");
  const { error } = await failure;
  assertEquals(names(), [
    ...["attemptStarted", "connected", "requestSent", "headReceived", "responseReceived", "ended"] as const,
  ]);
  assertEquals(argsOf(calls, "headReceived"), [["HTTP/1.1 403 No\r\nX-Why: because\r\nContent-Length: 2\r\n\r\n"]]);
  assertEquals(argsOf(calls, "responseReceived")[0]!.slice(1), [403, [["X-Why", "because"], ["Content-Length", "2"]]]);
  const [[result]] = argsOf(calls, "ended") as [[{ code: number; error: unknown }]];
  assertEquals(result.code, 1006);
  assert(result.error === error);
  assertEquals(error.url, server.url());
});

test("observer: each redirect is an attempt of its own; a response that does not begin like HTTP has no head", async () => {
  await using server = await RawServer.start();
  const { observer, calls, names } = recorder(["curlLogged"]);
  const socket = connect(server.url("/old"), observer, { maxRedirects: 1 });
  const failure = failed(socket);
  const first = await server.connection();
  await first.request();
  await first.send("HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n");
  const second = await server.connection();
  await second.request();
  await second.send("SSH-2.0-OpenSSH\r\n");
  await failure;
  const made = ["attemptStarted", "connected", "requestSent"] as const;
  assertEquals(names(), [...made, "headReceived", "responseReceived", ...made, "ended"]);
  assertEquals(argsOf(calls, "attemptStarted").map(String), [server.url("/old"), server.url("/new")]);
});

test("observer: an attempt that fails to connect has libcurl's words and an end", async () => {
  const { observer, calls, names } = recorder();
  const socket = connect(`ws://127.0.0.1:${await closedPort()}`, observer);
  const { error } = await failed(socket);
  assertEquals([names()[0], names()[1], names().at(-1)], ["attemptStarted", "curlLogged", "ended"]);
  assertEquals([...new Set(names())], ["attemptStarted", "curlLogged", "ended"]);
  const words = argsOf(calls, "curlLogged").map(([kind, text]) => `${kind}: ${text}`).join("");
  assertMatch(words, /words: +Trying 127\.0\.0\.1/);
  assertEquals(error.code, "ERR_CONNECT_REFUSED");
});

test("observer: what libcurl says to a proxy, and the proxy to it, whole", async () => {
  await using server = await WsServer.start();
  await using proxy = await ProxyServer.start({ username: "joe", password: "secret" });
  const { observer, calls } = recorder();
  const socket = connect(server.url("/echo"), observer, {
    proxy: { url: `http://joe:secret@127.0.0.1:${proxy.port}`, noProxy: "" },
  });
  await opened(socket);
  const said = (kind: string) => argsOf(calls, "curlLogged").filter((args) => args[0] === kind).map(([, text]) => text);
  assertMatch(said("request").join(""), /^CONNECT [^]*\r\nProxy-Authorization: Basic am9lOnNlY3JldA==\r\n/);
  assertMatch(said("response").join(""), /^HTTP\/1\.1 200/);
  socket.terminate();
  await closed(socket);
});

/** The server's side of a connection that {@linkcode EVENTS} all come of: hints, it says hello, and closes. */
async function serve(peer: RawConnection, hinted: Promise<void>): Promise<void> {
  await peer.send("HTTP/1.1 103 Early Hints\r\n\r\n");
  await hinted;
  await peer.accept({ then: frame(Opcode.text, "hi") });
  await peer.frame();
  await peer.send(frame(Opcode.close, Uint8Array.of(0x03, 0xe8)));
  await peer.frame();
  peer.end();
}

/** What may still come of the step in which a socket was closed: libcurl's words, and the frame that was under way. */
const STEP: readonly (keyof Observer)[] = [
  ...["curlLogged", "messageReceived", "messageSent", "closeReceived", "closeSent", "ended"] as const,
];

for (const kind of ["socket", "socket by TLS", "stream"] as const) {
  test(`observer: it may close the ${kind} in any call, and then only the end comes`, async () => {
    const reached = new Set<keyof Observer>();
    let whole = false;
    for (let n = 1; !whole && n < 60; n++) {
      await using server = await RawServer.start({ tls: kind === "socket by TLS" });
      const before = reactorStats().connections;
      const { promise: hinted, resolve: hint } = Promise.withResolvers<void>();
      const { observer, calls, names } = recorder([], (event) => {
        if (event === "headReceived" || event === "ended") hint();
        if (calls.length !== n) return;
        reached.add(event);
        close();
      });
      // It may wait for ever: for who never connects, or leaves while the server is still at TLS.
      void server.connection().then((peer) => serve(peer, hinted)).catch(() => {});
      let close: () => void, ended: Promise<unknown>, streamOpened = false;
      if (kind !== "stream") {
        const socket = connect(server.url(), observer, { tls: { verify: false } });
        close = () => socket.terminate();
        socket.onmessage = () => socket.send("hello");
        ended = closed(socket);
      } else {
        const stream = new CurlWebSocketStream(server.url(), withObserver(NO_PROXY, observer));
        // Before the connection is open that ends it at once, and later begins the closing handshake.
        close = () => stream.close();
        ended = stream.closed.catch(() => {});
        stream.opened.then(async ({ readable, writable }) => {
          streamOpened = true;
          const reader = readable.getReader();
          await reader.read();
          await writable.getWriter().write("hello");
          await reader.read();
        }).catch(() => {});
      }
      await ended;
      const at = `call ${n}: ${names().join(", ")}`;
      assertEquals([names().filter((name) => name === "ended").length, names().at(-1)], [1, "ended"], at);
      if (kind === "stream") {
        assertEquals(streamOpened, n > names().indexOf("opened") + 1 && names().includes("opened"), at);
      } else assertEquals(names().slice(n).filter((name) => !STEP.includes(name)), [], at);
      assertEquals(reactorStats().connections, before, at);
      whole = calls.length === n;
    }
    assertEquals([whole, [...reached].sort()], [true, [...EVENTS].sort()]);
  });
}

test("observer: one that ends the socket at a compressed frame leaves nothing behind", async () => {
  await using server = await WsServer.start({ deflate: { threshold: 0 } });
  for (const size of [10, 100_000]) {
    const { observer, names } = recorder([], (event) => event === "frameReceived" && socket.terminate());
    const socket: CurlWebSocket = connect(server.url("/echo"), observer, { perMessageDeflate: true });
    let messages = 0;
    socket.onmessage = () => messages++;
    await opened(socket);
    const end = closed(socket);
    socket.send("a".repeat(size));
    socket.send("b".repeat(size));
    assertEquals((await end).code, 1006);
    assertEquals([names().filter((name) => name === "frameReceived").length, messages], [1, 0]);
  }
});

test("observer: what it throws is reported as uncaught, and the connection and other observers go on", async () => {
  await using server = await WsServer.start();
  const module = new URL("../../src/observe/observer.ts", import.meta.url).href;
  const script = `
    const { withObserver, observers } = await import(${JSON.stringify(module)});
    const uncaught = new Set();
    globalThis.addEventListener?.("error", (event) => { event.preventDefault(); uncaught.add(event.error.message); });
    globalThis.process?.on("uncaughtException", (error) => void uncaught.add(error.message));
    const events = ${JSON.stringify(EVENTS)}, seen = new Set();
    const all = (act) => Object.fromEntries(events.map((event) => [event, () => act(event)]));
    const both = observers([all((event) => { throw new Error(event); }), all((event) => seen.add(event))]);
    const socket = new CurlWebSocket(url, withObserver({ proxy: false }, both));
    const other = new CurlWebSocket(url, withObserver({ proxy: false }, all((event) => { throw new Error(event); })));
    other.onopen = () => other.close(1000);
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => (console.log(data), socket.close(1000));
    const codes = [socket, other].map((each) => new Promise((resolve) => each.onclose = ({ code }) => resolve(code)));
    console.log(...await Promise.all(codes));
    await new Promise((resolve) => setTimeout(resolve, 20));
    console.log(seen.size, uncaught.size, module.reactorStats().connections);`;
  assertEquals(await runScript(server.url("/echo"), script), `hello\n1000 1000\n${EVENTS.length} ${EVENTS.length} 0`);
});

test("observers(): is null if nobody wants anything, and has what one of them has, in their order", () => {
  assertEquals(observers([]), null);
  assertEquals(observers([null, {}]), null);
  const calls: string[] = [];
  class OfClass implements Observer {
    readonly #name = "second";
    closeReceived(code: number, reason: string): void {
      calls.push(`${this.#name} ${code} ${reason}`);
    }
  }
  const all = observers([
    { closeReceived: (code, reason) => void calls.push(`first ${code} ${reason}`) },
    null,
    new OfClass(),
    { frameSent: (...args) => void calls.push(`third ${args}`) },
  ])!;
  assertEquals(Object.keys(all).sort(), ["closeReceived", "frameSent"]);
  all.closeReceived?.(1000, "bye");
  all.frameSent?.(1, 5, false);
  assertEquals(calls, ["first 1000 bye", "second 1000 bye", "third 1,5,false"]);
});

test("frameObserver() is null for who wants no frames, and takes one direction alone", () => {
  assertEquals(frameObserver(null), null);
  assertEquals(frameObserver({ opened: () => {} }), null);
  const calls: unknown[] = [];
  const frames = frameObserver({ frameReceived: (...args) => void calls.push(args) })!;
  frames.frameSent(1, 2, false);
  frames.frameReceived(1, 2, true, false);
  assertEquals(calls, [[1, 2, true, false]]);
});

test("withObserver(): the option passes all constructors' checks, has no name, and is nobody else's", async () => {
  const { observer } = recorder();
  const options = withObserver({ connectTimeout: 1 }, observer);
  assertEquals(Object.keys(options), ["connectTimeout"]);
  assert(observerOf(options) === observer && completeOptions(options).observer === observer);
  assertEquals([observerOf({}), completeOptions({}).observer], [null, null]);
  assert(withObserver(options, null) === options);

  await using server = await WsServer.start();
  const url = server.url("/echo");
  const recorders = Array.from({ length: 4 }, () => recorder());
  const [two, three, built, streamed] = recorders.map((each) => withObserver(NO_PROXY, each.observer));
  const sockets = [
    new CurlWebSocket(url, two),
    new CurlWebSocket(url, [], three),
    new (CurlWebSocket.with(built!))(url),
    new CurlWebSocket(url, NO_PROXY),
  ];
  const stream = new CurlWebSocketStream(url, streamed);
  await Promise.all([stream.opened, ...sockets.map(opened)]);
  for (const { names } of recorders) assertEquals(names().filter((name) => name === "opened"), ["opened"]);
  for (const socket of sockets) socket.terminate();
  stream.close();
  await Promise.all([stream.closed, ...sockets.map(closed)]);
});
