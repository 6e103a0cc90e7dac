/** `curlws --reconnect`: one connection after another. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { once } from "node:events";
import { closePayload, frame, Opcode } from "../../support/frames.ts";
import { closedPort, type RawConnection, RawServer } from "../../support/raw_server.ts";
import { test } from "../../support/testing.ts";
import { curlws, type Result, Running } from "../support.ts";

/** Connects again soon. */
const SOON = ["--reconnect", "--max-delay", "20ms"];
const GAP = /^curlws: gap from \d{4}-\d\d-\d\dT[\d:.]+Z to \d{4}-\d\d-\d\dT[\d:.]+Z, [\d.]+ m?s without a connection: /;

async function text(peer: RawConnection): Promise<string | undefined> {
  const received = await peer.frame();
  return received === undefined ? undefined : new TextDecoder().decode(received.payload);
}

async function refuse(server: RawServer, status: string): Promise<void> {
  const peer = await server.connection();
  await peer.refuse(status);
  peer.end();
}

async function replyToClose(peer: RawConnection): Promise<Uint8Array> {
  const { payload } = await peer.closeFrame();
  await peer.send(frame(Opcode.close, payload));
  peer.end();
  return payload;
}

const plain = ({ code, out, err }: Result) => [code, out, err];

test("--hello is the first thing that is sent, each text a message, before standard input", async () => {
  await using server = await RawServer.start();
  const running = curlws(["-1", "--stats", "--hello", "a", "--hello", "", server.url()], "b\n");
  const peer = await server.accepted();
  assertEquals([await text(peer), await text(peer), await text(peer)], ["a", "", "b"]);
  await peer.send(frame(Opcode.text, "c"));
  await replyToClose(peer);
  const { code, out, err } = await running;
  assertEquals([code, out], [0, "c\n"]);
  assertMatch(err, /sent {5}3 messages, 2 B/);
});

test("--reconnect goes on over the next connection, after --hello; a gap is told on one line", async () => {
  await using server = await RawServer.start();
  const running = curlws([...SOON, "--stats", "--hello", "a", "--hello", "b", "-n", "3", server.url()]);
  for (const [message, end] of [["1", "reset"], ["2", "close"]] as const) {
    const peer = await server.accepted();
    assertEquals([await text(peer), await text(peer)], ["a", "b"]);
    await peer.send(frame(Opcode.text, message));
    if (end === "reset") peer.end();
    else {
      // A clean close is no end either.
      await peer.send(frame(Opcode.close, closePayload(1000, "deploy\nnow")));
      await peer.closeFrame();
      peer.end();
    }
  }
  const last = await server.accepted();
  await last.send(frame(Opcode.text, "3"));
  await replyToClose(last);
  const { code, out, err } = await running;
  assertEquals([code, out], [0, "1\n2\n3\n"]);
  const [one, two, ...stats] = err.split("\n");
  assertMatch(one!, GAP);
  assertMatch(two!, GAP);
  assertMatch(two!, /: the server closed the connection: 1000 deploy\\nnow$/);
  assertMatch(stats.join("\n"), /^curlws: received 3 messages, 3 B/);
  assertMatch(stats.join("\n"), /connections 3, of 3 attempts; rotations 0; gaps 2, [\d.]+ m?s without a connection/);
});

test("standard input waits while no connection is open, and its end is counted from the next one", async () => {
  await using server = await RawServer.start();
  await using running = Running.start([...SOON, "-v", "--wait", "0.2", server.url()], { piped: true });
  // It waits for the first connection too.
  running.input("one\n", { end: false });
  await refuse(server, "503 Busy");
  const first = await server.accepted();
  assertEquals(await text(first), "one");
  first.reset();
  await running.until(({ err }) => /; attempt \d begins in /.test(err.split("* open;")[1] ?? ""));
  running.input("two\nthree\n");
  const second = await server.accepted();
  assertEquals([await text(second), await text(second)], ["two", "three"]);
  await second.send(frame(Opcode.text, "reply"));
  assertEquals([...await replyToClose(second)], [...closePayload(1000)]);
  const { code, out } = await running.result;
  assertEquals([code, out], [0, "reply\n"]);
});

/** Waits until a number has stood still for a while. */
async function settled(read: () => number): Promise<void> {
  for (let before = -1, same = 0; same < 8;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = read();
    same = now === before ? same + 1 : 0;
    before = now;
  }
}

/** Writes lines to a command whose server reads nothing, until it takes no more. Returns how many, and when all are taken. */
async function filled(running: Running): Promise<{ lines: number; all: Promise<void> }> {
  const stdin = running.child.stdin!, filler = "x".repeat(16_000);
  let lines = 0, taken = 0, isEnough = false;
  const all = (async () => {
    while (!isEnough) if (!stdin.write(`${lines++} ${filler}\n`, () => taken++)) await once(stdin, "drain");
  })();
  await settled(() => taken);
  isEnough = true;
  return { lines, all };
}

const isDown = ({ err }: Running) => /; attempt \d begins in /.test(err);

test("a server that dies in the middle: what had not left is sent to the next one, and no line twice", async () => {
  await using server = await RawServer.start();
  await using running = Running.start([...SOON, "-v", "--wait", "0", server.url()], { piped: true });
  const first = await server.accepted();
  first.pause();
  const { lines, all } = await filled(running);
  // It ends its side. What the kernel has still comes, and a part of a line with it.
  first.end();
  await running.until(isDown);
  first.resume();
  const numbers: number[] = [];
  const read = async (peer: RawConnection) => {
    for (let line = await text(peer); line?.endsWith("x"); line = await text(peer)) numbers.push(parseInt(line));
  };
  await read(first);
  const before = numbers.length;
  const second = await server.accepted();
  const rest = read(second);
  await all;
  running.child.stdin!.end();
  await rest;
  // What was read last is the close frame.
  await second.send(frame(Opcode.close, closePayload(1000)));
  second.end();
  assertEquals((await running.result).code, 0);
  assert(before > 0 && before < lines, `${before} of ${lines}`);
  assertEquals(numbers, Array.from({ length: lines }, (_, number) => number));
}, { timeout: 60_000 });

test("what has not been sent when it is ended is told", async () => {
  await using server = await RawServer.start();
  await using running = Running.start([...SOON, "-v", server.url()], { piped: true });
  const first = await server.accepted();
  first.pause();
  // The pipe breaks when the command ends.
  void (await filled(running)).all.catch(() => {});
  first.end();
  await running.until(isDown);
  running.signal("SIGINT");
  const { code, err } = await running.result;
  assertEquals(code, 130);
  assertMatch(err, /^curlws: gap from \S+ to the end, .*\ncurlws: \d{5,} bytes of messages were not sent$/m);
}, { timeout: 60_000 });

test("where it gives up, the exit code is that of the same error without --reconnect", async () => {
  await using forbidding = await RawServer.start();
  await using policing = await RawServer.start();
  await using plainServer = await RawServer.start();
  const running = Promise.all([
    curlws([...SOON, forbidding.url()]),
    curlws([...SOON, policing.url()]),
    curlws([...SOON, "--max-attempts", "2", `ws://127.0.0.1:${await closedPort()}`]),
    curlws([...SOON, plainServer.url().replace("ws:", "wss:"), "--max-attempts", "1"]),
    curlws(["--reconnect", "-E", "/nowhere/client.pem", plainServer.url().replace("ws:", "wss:")]),
  ]);
  const lost = await forbidding.accepted();
  lost.end();
  await refuse(forbidding, "403 Forbidden");
  const peer = await policing.accepted();
  await peer.send(frame(Opcode.close, closePayload(1008, "no")));
  await peer.closeFrame();
  peer.end();
  (await plainServer.connection()).end();
  const [forbidden, policed, refused, broken, unread] = await running;
  assertEquals([forbidden, policed, refused, broken, unread].map(({ code }) => code), [22, 100, 7, 35, 58]);
  assertMatch(
    forbidden.err,
    /^curlws: .*403.*\ncurlws: gap from \S+Z to the end, [\d.]+ m?s without a connection: .*\n$/,
  );
  assertEquals(policed.err, "curlws: the server closed the connection: 1008 no\n");
  // Who waits for the first connection is told that it fails, once.
  assertMatch(refused.err, /^curlws: .*; connecting again\ncurlws: .*\n$/);
});

test("--max-time and a signal end it while no connection is open", async () => {
  await using server = await RawServer.start();
  const never = `ws://127.0.0.1:${await closedPort()}`;
  const late = await curlws([...SOON, "-m", "0.3", never]);
  assertEquals(late.code, 28);
  assertMatch(late.err, /; connecting again\ncurlws: --max-time, 0\.3 s, has passed\n$/);
  await using running = Running.start(["--reconnect", "--max-delay", "1h", server.url()], { piped: true });
  await refuse(server, "503 Busy");
  await running.until(({ err }) => err.includes("connecting again"));
  running.input("unsent\n");
  running.signal("SIGINT");
  assertEquals((await running.result).code, 130);
});

test("a reader of standard output that is gone ends it without an error", async () => {
  await using server = await RawServer.start();
  await using running = Running.start([...SOON, server.url()]);
  const peer = await server.accepted();
  await peer.send(frame(Opcode.text, "1"));
  await running.until(({ out }) => out === "1\n");
  running.child.stdout!.destroy();
  peer.end();
  const next = await server.accepted();
  await next.send(frame(Opcode.text, "2"));
  await replyToClose(next);
  const { code, err } = await running.result;
  assertEquals([code, GAP.test(err), err.trimEnd().split("\n").length], [0, true, 1]);
});

test("--rotate replaces the connection without a gap; with --rotate-key what both bring is printed once", async () => {
  await using server = await RawServer.start();
  await using running = Running.start(
    ["--rotate", "300ms", "--rotate-key", "id", "--hello", "hi", "-n", "4", "-v", "--stats", server.url()],
    { piped: true },
  );
  const message = (id: number) => frame(Opcode.text, `{"id":${id}}`);
  const old = await server.accepted();
  assertEquals(await text(old), "hi");
  await old.send(message(1));
  const next = await server.accepted();
  assertEquals(await text(next), "hi");
  await old.send(message(2));
  await next.send(message(2));
  await next.send(message(3));
  await replyToClose(old);
  running.input("input\n", { end: false });
  assertEquals(await text(next), "input");
  await next.send(message(4));
  await replyToClose(next);
  const { code, out, err } = await running.result;
  assertEquals([code, out], [0, '{"id":1}\n{"id":2}\n{"id":3}\n{"id":4}\n']);
  assertEquals(err.match(/^\* closed: 1000$/gm)?.length, 2);
  assertMatch(err, /connections 2, of \d attempts; rotations 1; gaps 0, 0\.00 ms without a connection/);
  assert(!err.includes("gap from"), err);
}, { timeout: 30_000 });

test("a rotation that fails is told once, however often it is tried; the old connection goes on", async () => {
  await using server = await RawServer.start();
  await using running = Running.start(
    ["--rotate", "50ms", "--max-delay", "0.02", "-n", "2", "--stats", server.url()],
  );
  const old = await server.accepted();
  await old.send(frame(Opcode.text, "1"));
  for (let i = 0; i < 3; i++) {
    const other = await server.connection();
    await other.request();
    await other.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
  }
  await old.send(frame(Opcode.text, "2"));
  await replyToClose(old);
  const { code, out, err } = await running.result;
  assertEquals([code, out], [0, "1\n2\n"]);
  assertEquals(err.match(/^curlws: no rotation, which is tried again: .*503.*$/gm)?.length, 1, err);
  assertMatch(err, /rotations 0; gaps 0,/);
});

test("while connections are replaced, messages come in order and each line goes over one of them", async () => {
  await using server = await RawServer.start({ tls: true });
  const live = new Set<RawConnection>(), lines: number[] = [];
  const serve = async (peer: RawConnection) => {
    await peer.accept();
    live.add(peer);
    for (let received = await peer.frame(); received !== undefined; received = await peer.frame()) {
      if (received.opcode === Opcode.text) lines.push(Number(new TextDecoder().decode(received.payload)));
      if (received.opcode !== Opcode.close) continue;
      live.delete(peer);
      await peer.send(frame(Opcode.close, received.payload));
      peer.end();
    }
    live.delete(peer);
  };
  void (async () => {
    for (;;) void serve(await server.connection()).catch(() => {});
  })();
  const count = 2000;
  await using running = Running.start(
    ["-k", "--rotate", "200ms", "--rotate-key", "id", "-n", `${count}`, "--stats", server.url()],
    { piped: true },
  );
  let id = 0, line = 0;
  const timer = setInterval(() => {
    running.input(`${line++}\n`, { end: false });
    for (let i = 0; i < 5; i++) {
      const message = frame(Opcode.text, `{"id":${id++}}`);
      for (const peer of live) void peer.send(message);
    }
  }, 5);
  const { code, out, err } = await running.result.finally(() => clearInterval(timer));
  const ids = out.trimEnd().split("\n").map((text) => JSON.parse(text).id);
  assertEquals([code, ids], [0, Array.from({ length: count }, (_, i) => ids[0] + i)]);
  const sorted = lines.toSorted((a, b) => a - b);
  assert(sorted.length > 100, err);
  assertEquals(sorted, Array.from(sorted, (_, i) => i));
  assertMatch(err, /rotations [1-9]\d*; gaps 0,/);
}, { timeout: 30_000 });

test("what does not go together is wrong usage", async () => {
  const cases: [args: string[], err: RegExp][] = [
    [["--max-attempts", "3", "ws://h"], /--max-attempts needs --reconnect/],
    [["--rotate", "0", "ws://h"], /--rotate must be from 1 to/],
    [["--reconnect", "ftp://h"], /ftp/],
    [["--retry", "3", "ws://h"], /curl's --retry is not supported: .*--reconnect/],
  ];
  const results = await Promise.all(cases.map(([args]) => curlws(args)));
  results.forEach((result, index) => {
    assertEquals(plain(result).slice(0, 2), [2, ""]);
    assertMatch(result.err, cases[index]![1]);
  });
});
