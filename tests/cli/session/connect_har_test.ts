/** `curlws --har FILE`. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { existsSync, readFileSync } from "node:fs";
import { closePayload, frame, Opcode } from "../../support/frames.ts";
import { RawServer } from "../../support/raw_server.ts";
import { WsServer } from "../../support/servers.ts";
import { test } from "../../support/testing.ts";
import { readRecording } from "../../../cli/har/har_reader.ts";
import { entriesOf, HarFolder, messagesOf } from "../har/support.ts";
import { CLI, curlws, Running } from "../support.ts";

const whyNoShell = existsSync("/bin/sh") ? undefined : "there is no shell, which sets the limit";

test("--har records what is sent and printed, and the session is as without", async () => {
  using folder = new HarFolder();
  await using server = await WsServer.start();
  const args = ["--har", folder.path, "-u", "joe:hunter2", "--hello", "first", "-n", "3"];
  const { code, out, err } = await curlws([...args, server.url("/echo?a=hunter3")], "grüß ✓\nlast\n");
  assertEquals([code, out, err], [0, "first\ngrüß ✓\nlast\n", ""]);
  const [entry, ...more] = entriesOf(folder.path), text = readFileSync(folder.path, "utf8");
  assertEquals([more.length, text.includes("hunter"), text.includes(btoa("joe:hunter2"))], [0, false, false]);
  assertEquals(messagesOf(entry!).filter(([type]) => type === "send").map(([, , data]) => data), [
    "first",
    "grüß ✓",
    "last",
  ]);
  assertEquals(messagesOf(entry!).filter(([type]) => type === "receive").map(([, , data]) => data), [
    "first",
    "grüß ✓",
    "last",
  ]);
  assertEquals(entry!._webSocketClose?.code, 1000);
  const again = await curlws([...args, "--har-secrets", "-v", server.url("/echo?a=hunter3")], "a\nb\n");
  assertEquals([again.code, again.out], [0, "first\na\nb\n"]);
  // -v goes with it.
  assertMatch(again.err, /^> GET \/echo\?a=hunter3 HTTP\/1\.1$/m);
  const secret = readFileSync(folder.path, "utf8");
  assertEquals([secret.includes(btoa("joe:hunter2")), entriesOf(folder.path)[0]!.request.url], [
    true,
    server.url("/echo?a=hunter3"),
  ]);
});

test("--har with --reconnect has an entry for each connection, and for each refusal", async () => {
  using folder = new HarFolder();
  await using server = await RawServer.start();
  const args = ["--reconnect", "--max-delay", "20ms", "--har", folder.path, "--hello", "hi", "-n", "2"];
  const running = curlws([...args, server.url("/feed")]);
  const first = await server.accepted();
  await first.send(frame(Opcode.text, "1"));
  await first.send(frame(Opcode.close, closePayload(1012, "restart")));
  await first.closeFrame();
  first.end();
  const busy = await server.connection();
  await busy.request();
  await busy.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  busy.end();
  const last = await server.accepted();
  await last.send(frame(Opcode.text, "2"));
  await last.closeFrame();
  await last.send(frame(Opcode.close, closePayload(1000)));
  last.end();
  assertEquals(await running.then(({ code, out }) => [code, out]), [0, "1\n2\n"]);
  const entries = entriesOf(folder.path);
  assertEquals(entries.map((entry) => [entry.response.status, messagesOf(entry).map(([, , data]) => data)]), [
    [101, ["hi", "1"]],
    [503, []],
    [101, ["hi", "2"]],
  ]);
  assertEquals(entries.map(({ _webSocketClose: close }) => [close?.code, close?.reason]), [
    [1012, "restart"],
    [undefined, undefined],
    [1000, ""],
  ]);
});

test("--har: a session that is killed leaves a file that is read, with all that it has printed", async () => {
  using folder = new HarFolder();
  await using server = await RawServer.start();
  await using running = Running.start(["--har", folder.path, server.url()]);
  const peer = await server.accepted();
  for (let number = 1; number <= 50; number++) await peer.send(frame(Opcode.text, `message ${number}`));
  await running.until(({ out }) => out.includes("message 50\n"));
  // It comes and comes when it is killed.
  const flood = (async () => {
    for (let number = 51; number < 2000; number++) {
      await peer.send(frame(Opcode.text, `message ${number}`.padEnd(5000)));
    }
  })();
  await running.until(({ out }) => out.includes("message 501 "));
  running.signal("SIGKILL");
  await running.result;
  await flood;
  const printed = running.out.split("\n").slice(0, -1).length;
  // By the reader of `replay`: a kill may cut a write in two, and with it the file's end.
  const [connection] = readRecording(readFileSync(folder.path, "utf8"), folder.path);
  const data = connection!.messages.map(({ data }) => `${data}`.trim());
  assert(data.length >= printed && printed >= 500, `${data.length} recorded, ${printed} printed`);
  assertEquals(data, data.map((_, index) => `message ${index + 1}`));
});

test("--har: a file that cannot be begun ends the command with 23 before it connects", async () => {
  using folder = new HarFolder();
  await using server = await WsServer.start();
  const missing = `${folder.path}/no/feed.har`;
  const results = await Promise.all([
    curlws(["--har", missing, server.url("/push?count=1")]),
    ...(existsSync("/dev/full") ? [curlws(["--har", "/dev/full", server.url("/push?count=1")])] : []),
  ]);
  for (const { code, out, err } of results) {
    assertEquals([code, out], [23, ""]);
    assertMatch(err, /^curlws: --har \/\S+ cannot be written: .+\n$/);
  }
  const { code, err } = await curlws(["--har-secrets", server.url("/echo")]);
  assertEquals([code, /^curlws: --har-secrets needs --har FILE\n/.test(err)], [2, true]);
});

test("--har: when the disk is full all messages are printed, the file is whole, and the exit code is 23", async () => {
  using folder = new HarFolder();
  await using server = await WsServer.start();
  // A limit of 4 blocks for each file stands in for a disk; a pipe has none. The signal would end the command.
  const command = ["sh", "-c", 'trap "" XFSZ; ulimit -f 4; exec "$@"', "sh", ...CLI];
  const args = ["--har", folder.path, "--wait", "0.3", server.url("/echo")];
  await using running = Running.start(args, { command, piped: true });
  running.input("first\n", { end: false });
  await running.until(({ out }) => out === "first\n");
  const lines = Array.from({ length: 400 }, (_, index) => `line ${index}\n`).join("");
  running.input(lines);
  const { code, out, err } = await running.result;
  assertEquals([code, out], [23, `first\n${lines}`]);
  assertMatch(err, /^curlws: --har \S+ cannot be written: .*[Ff]ile too large.*\n$/);
  const [entry] = entriesOf(folder.path);
  assertEquals(messagesOf(entry!).slice(0, 2), [["send", 1, "first"], ["receive", 1, "first"]]);
}, { skip: whyNoShell });
