import { assert, assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import { existsSync } from "node:fs";
import { test } from "../../support/testing.ts";
import { closePayload, frame, Opcode } from "../../support/frames.ts";
import { closedPort, RawServer } from "../../support/raw_server.ts";
import { WsServer } from "../../support/servers.ts";
import { CLI, curlws, Running } from "../support.ts";

test("lines of standard input become text messages, and messages become lines of standard output", async () => {
  await using server = await WsServer.start();
  const [lines, last, one, binary] = await Promise.all([
    curlws(["--wait", "200ms", server.url("/echo")], "hello\r\n\nwörld\n"),
    curlws(["-n", "2", server.url("/echo").replace("ws://", "")], "one\nno line's end"),
    curlws(["-1", server.url("/echo")], "first\nsecond\n"),
    curlws(["--binary", "-1", server.url("/echo")], new Uint8Array([0, 255, 10, 13])),
  ]);
  assertEquals([lines.code, lines.out, lines.err], [0, "hello\n\nwörld\n", ""]);
  assertEquals([last.code, last.out], [0, "one\nno line's end\n"]);
  assertEquals([one.code, one.out], [0, "first\n"]);
  assertEquals([binary.code, [...binary.bytes]], [0, [0, 255, 10, 13]]);
});

test("without standard input, messages are printed until the server closes or --count is reached", async () => {
  await using server = await WsServer.start();
  await using raw = await RawServer.start();
  const listening = curlws([raw.url()]);
  const peer = await raw.connection();
  await peer.accept();
  await peer.send(frame(Opcode.text, "a"));
  await peer.send(frame(Opcode.binary, new Uint8Array([98, 1])));
  await peer.send(frame(Opcode.close, closePayload(1000, "done")));
  peer.end();
  assertEquals(await listening.then(({ code, out, err }) => [code, out, err]), [0, "a\nb\x01\n", ""]);
  const { code, out } = await curlws(["-n", "3", server.url("/push?count=9")]);
  assertEquals([code, out], [0, "0\n1\n2\n"]);
  // A pipe that ends without a byte is as none.
  assertEquals((await curlws(["-n", "1", server.url("/push?count=1")], "")).out, "0\n");
});

test("curlws closes with 1000, after it has sent all input", async () => {
  await using server = await WsServer.start();
  const { code } = await curlws(["--wait", "0", server.url("/closed")], "x\n");
  assertEquals([code, await server.closed()], [0, { code: 1000, reason: "" }]);
  const late = await curlws(["--max-time", "0.3", server.url("/closed")]);
  assertEquals([late.code, await server.closed()], [28, { code: 1000, reason: "" }]);
  assertMatch(late.err, /--max-time, 0\.3 s, has passed/);
});

test("--json prints each message as one line with every digit of its numbers, --timestamps prints its time", async () => {
  await using server = await WsServer.start();
  const messages = '{"price": 1234567890123456789.10, "a": [ ]}\nno json\n"a b"\n';
  const [json, timed, plain] = await Promise.all([
    curlws(["--json", "-n", "3", server.url("/echo")], messages),
    curlws(["--json", "--timestamps", "-1", server.url("/echo")], '{"a": 1}\n'),
    curlws(["--timestamps", "-1", server.url("/echo")], "hello\n"),
  ]);
  assertEquals(json.out, '{"price":1234567890123456789.10,"a":[]}\n"no json"\n"a b"\n');
  assertMatch(timed.out, /^\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","message":\{"a":1\}\}\n$/);
  assertMatch(plain.out, /^\d{4}-\d\d-\d\dT[\d:.]+Z hello\n$/);
  assertEquals((await curlws(["--json", "-n", "1", server.url("/push?count=1&size=2")])).out, '{"base64":"AAA="}\n');
});

test("-v shows the traffic as curl does, and --stats prints counts", async () => {
  await using server = await WsServer.start({ deflate: {} });
  const args = ["-v", "--stats", "-n", "2", "-H", "X-Token: abc", "-H", "Empty;", server.url("/echo?q=1")];
  const { code, out, err } = await curlws(args, "hello\nworld\n");
  assertEquals([code, out], [0, "hello\nworld\n"]);
  assertMatch(err, /^\* {3}Trying 127\.0\.0\.1:\d+/m);
  assertMatch(err, /^> GET \/echo\?q=1 HTTP\/1\.1\n(> .*\n)*> X-Token: abc\n(> .*\n)*>\n/m);
  assertMatch(err, /^< HTTP\/1\.1 101 Switching Protocols\n< Upgrade: websocket\n(< .*\n)*<\n/m);
  assertMatch(err, /^\* open; extensions: permessage-deflate/m);
  assertMatch(err, /^\* closed: 1000$/m);
  assertMatch(err, /received 2 messages, 10 B, .* messages\/s/);
  assertMatch(err, /CPU \d+\.\d\d s in all; open for \d+\.\d\d s/);
});

test("exit codes are curl's if curl has one", async () => {
  await using server = await WsServer.start();
  await using raw = await RawServer.start();
  const refusing = curlws([raw.url()]);
  const peer = await raw.connection();
  await peer.request();
  await peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  const [forbidden, closed, dropped, refused, unknown, slow] = await Promise.all([
    refusing,
    curlws([server.url("/close?code=4001&reason=go%20%1b[31maway")]),
    curlws([server.url("/drop")], "x\n"),
    curlws([`ws://127.0.0.1:${await closedPort()}`]),
    curlws(["ws://does-not-exist.invalid"]),
    curlws(["--handshake-timeout", "0.2", raw.url()]),
  ]);
  const results = [forbidden, closed, dropped, refused, unknown, slow];
  assertEquals(results.map(({ code }) => code), [22, 100, 56, 7, 6, 28]);
  assertMatch(forbidden.err, /403/);
  assertMatch(closed.err, /the server closed the connection: 4001 go \\x1b\[31maway/);
  assertMatch(slow.err, /--handshake-timeout, 200 ms/);
  assert(results.every(({ err }) => err.startsWith("curlws: ") && err.trimEnd().split("\n").length === 1));
});

test("an error writing standard output ends with curl's 23, also after the last message", async () => {
  await using server = await WsServer.start();
  const full = (...args: string[]) =>
    Running.start(args, { command: ["sh", "-c", 'exec "$@" > /dev/full', "sh", ...CLI] }).result;
  const results = await Promise.all([
    full("-n", "1", server.url("/push?count=1")),
    full("-n", "2", server.url("/push?count=9")),
    full("--json", server.url("/push?count=9")),
    full("--version"),
    full("--help"),
    full("completions", "bash"),
  ]);
  for (const { code, err } of results) {
    assertEquals(code, 23, err);
    assertMatch(err, /^curlws: standard output cannot be written: .*[Nn]o space/);
  }
}, { skip: existsSync("/dev/full") ? undefined : "there is no /dev/full" });

test("--json prints a message of 60 MB whole", async () => {
  await using raw = await RawServer.start();
  const text = `{ "a": "${"x".repeat(60e6)}" }`;
  const printing = curlws(["--json", raw.url()]);
  const peer = await raw.connection();
  await peer.accept();
  await peer.send(frame(Opcode.text, text));
  await peer.send(frame(Opcode.close, closePayload(1000)));
  peer.end();
  const { code, bytes, err } = await printing;
  assertEquals([code, err, bytes.length], [0, "", text.length - 2]);
}, { timeout: 60_000 });

test("a server's text is printed to standard error escaped and without secrets", async () => {
  await using raw = await RawServer.start();
  const answers = [
    "HTTP/1.1 403 \x1b[2Jno\r\nContent-Length: 9\r\n\r\n\x1b]0;hi\x07!",
    "HTTP/1.1 302 Found\r\nLocation: ws://joe:hunter2@h/\x1b[2J?hunter2\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 101 x\r\nUpgrade: \x9b2Jx\r\n\r\n",
    "HTTP/1.1 403 no\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b\x08\x00\x00",
  ];
  const results = [];
  for (const answer of answers) {
    const running = curlws([raw.url("/p").replace("//", "//joe:hunter2@")]);
    const peer = await raw.connection();
    await peer.request();
    await peer.send(Buffer.from(answer, "latin1"));
    peer.end();
    results.push(await running);
  }
  assertEquals(results.map(({ code }) => code), [22, 47, 8, 22]);
  for (const { err } of results) {
    // deno-lint-ignore no-control-regex
    assert(!/[\0-\x09\x0b-\x1f\x7f-\x9f]|joe|hunter2/.test(err), JSON.stringify(err));
  }
  assertMatch(results[1]!.err, /redirects to ws:\/\/h\/\\x1b\[2J\?… \(302\)/);
  assertMatch(results[3]!.err, /its body: binary, 5 bytes/);
});

test("wrong usage ends with 2, and says what to do", async () => {
  const cases: [args: string[], err: RegExp][] = [
    [["--hedaer", "x", "ws://h"], /unknown option '--hedaer'; did you mean --header\?/],
    [["-H"], /option '-H, --header <LINE\|@FILE>' argument missing/],
    [["-H", "nonsense", "ws://h"], /--header takes 'Name: value'.*"nonsense"/],
    [["-X", "POST", "ws://h"], /curl's --request \(-X\) is not supported: the opening handshake is a GET/],
    [["ftp://h"], /ftp/],
    [["backend"], /no command "backend".*ws:\/\/backend/],
    [["ws://h", "more"], /only one URL is allowed, not "more" too/],
    [["-m", "soon", "ws://h"], /--max-time takes seconds.*"soon"/],
    [["--key", "k.pem", "ws://h"], /--key needs the certificate it belongs to, --cert/],
    [["--proxy-user", "a:b", "ws://h"], /--proxy-user needs the proxy/],
    [["-v"], /no URL/],
    [["-H", "Authorization Bearer hunter2", "ws://h"], /--header takes 'Name: value'.*"Authorization…"/],
    [["--usr=joe:hunter2", "ws://h"], /unknown option '--usr=…'/],
    [["ws://h", "ws://joe:hunter2@h/?hunter2"], /only one URL is allowed, not "ws:\/\/h\/\?…" too/],
    [["ftp://joe:hunter2@h"], /scheme must be ws.*"ftp:\/\/h\/?"/],
    [["ws://joe:hun/ter2@h:x"], /not a URL: "ws:\/\/h:…"/],
    [["-x", "ftp://joe:hunter2@h", "ws://h"], /scheme/],
    [["--doh-url", "http://joe:hunter2@h", "ws://h"], /--doh-url must be an https: URL/],
  ];
  const results = await Promise.all(cases.map(([args]) => curlws(args)));
  results.forEach(({ code, err, out }, index) => {
    assertEquals([code, out], [2, ""], err);
    assertMatch(err, cases[index]![1]);
    assert(!/joe|hun.?ter2/.test(err), err);
    assertMatch(err, /curlws --help lists its options\n$/);
  });
});

test("a line that is not UTF-8 or too long ends with 1, and no part of it is sent", async () => {
  await using server = await WsServer.start();
  const [broken, long] = await Promise.all([
    curlws([server.url("/closed")], new Uint8Array([65, 10, 0xff, 10])),
    curlws(["--max-message-size", "1k", server.url("/closed")], "x".repeat(2000)),
  ]);
  assertEquals([broken.code, long.code], [1, 1]);
  assertMatch(broken.err, /line 2 of standard input is not UTF-8/);
  assertMatch(long.err, /line 1 of standard input is longer than 1024 bytes/);
  assertEquals([(await server.closed()).code, (await server.closed()).code], [1000, 1000]);
});

test("SIGINT closes cleanly, and a second one does not wait for the server", async () => {
  await using server = await WsServer.start();
  await using raw = await RawServer.start();
  await using polite = Running.start(["-v", server.url("/closed")]);
  await using hasty = Running.start(["-v", raw.url()], { piped: true });
  const peer = await raw.connection();
  await peer.accept();
  const open = ({ err }: Running) => err.includes("* open;");
  await Promise.all([polite.until(open), hasty.until(open)]);
  polite.signal("SIGINT");
  assertEquals([(await polite.result).code, await server.closed()], [130, { code: 1000, reason: "" }]);
  hasty.signal("SIGINT");
  await peer.closeFrame();
  const before = performance.now();
  hasty.signal("SIGINT");
  assertEquals((await hasty.result).code, 130);
  // closeTimeout is 5 s.
  assert(performance.now() - before < 3_000);
  await using connecting = Running.start(["-v", raw.url()]);
  await raw.connection();
  connecting.signal("SIGTERM");
  const { code, err } = await connecting.result;
  assertEquals([code, /curlws:/.test(err)], [143, false]);
});
