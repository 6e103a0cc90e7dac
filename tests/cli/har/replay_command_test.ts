/** `curlws replay FILE`. */
import { assertEquals, assertMatch } from "@std/assert";
import { CurlWebSocket } from "../../../mod.ts";
import { closed } from "../../support/events.ts";
import { WsServer } from "../../support/servers.ts";
import { test } from "../../support/testing.ts";
import { curlws, Running } from "../support.ts";
import { entry, HarFolder } from "./support.ts";

test("curlws replay serves what curlws --har has recorded, at the URL that it prints", async () => {
  using folder = new HarFolder();
  await using server = await WsServer.start();
  const recorded = await curlws(["--har", folder.path, "-n", "3", server.url("/push?count=9")]);
  assertEquals([recorded.code, recorded.out], [0, "0\n1\n2\n"]);
  await using replaying = Running.start(["replay", "--speed", "max", folder.path]);
  await replaying.until(({ out }) => out.endsWith("\n"));
  assertMatch(replaying.out, /^ws:\/\/127\.0\.0\.1:\d+\/push\n$/);
  for (let time = 0; time < 2; time++) {
    const { code, out, err } = await curlws([replaying.out.trim()]);
    assertEquals([code, out, err], [0, "0\n1\n2\n", ""]);
  }
  replaying.signal("SIGTERM");
  assertEquals((await replaying.result).err, "");
});

test("curlws replay --once ends when all was played, with 1 if the client did otherwise", async () => {
  using folder = new HarFolder();
  folder.write([entry([["send", 0, "hello"], ["receive", 1, "reply"]])]);
  for (const [sent, expected] of [["hello", 0], ["goodbye", 1]] as const) {
    await using replaying = Running.start(["replay", "--once", "--sent", "compare", folder.path]);
    await replaying.until(({ out }) => out.endsWith("\n"));
    const socket = new CurlWebSocket(replaying.out.trim(), { proxy: false });
    socket.onopen = () => socket.send(sent);
    assertEquals((await closed(socket)).code, expected === 0 ? 1000 : 1008);
    const { code, err } = await replaying.result;
    assertEquals([code, err], [
      expected,
      expected === 0
        ? ""
        : 'curlws: message 1 of the client is "goodbye"; recorded is "hello"\ncurlws: 1 connection was not as recorded\n',
    ]);
  }
});

test("curlws replay: errors, with 1 for the file and 2 for the command line", async () => {
  using folder = new HarFolder();
  folder.write('{"log":{"entries":[{}]}}');
  const [none, missing, empty, speed, sent, port] = await Promise.all([
    curlws(["replay"]),
    curlws(["replay", `${folder.path}.no`]),
    curlws(["replay", folder.path]),
    curlws(["replay", folder.path, "--speed", "fast"]),
    curlws(["replay", folder.path, "--sent", "same"]),
    curlws(["replay", folder.path, "--port", "70000"]),
  ]);
  const results = [none, missing, empty, speed, sent, port];
  assertEquals(results.map(({ code, out }) => [code, out]), [2, 1, 1, 2, 2, 2].map((code) => [code, ""]));
  assertMatch(none.err, /^curlws: there is no HAR file to replay\ncurlws replay --help lists its options\n$/);
  assertMatch(missing.err, /^curlws: \S+feed\.har\.no cannot be read: .+\n$/);
  assertMatch(
    empty.err,
    /^curlws: \S+feed\.har has no WebSocket: of its 1 entries no entry has _webSocketMessages; .+\n$/,
  );
  assertMatch(speed.err, /--speed takes a number, such as 2 or 0\.5, or max, not "fast"/);
  assertMatch(sent.err, /--sent takes ignore, wait, compare, not "same"/);
  assertMatch(port.err, /--port takes an integer from 0 to 65535/);
});
