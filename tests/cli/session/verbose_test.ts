/** What `-v` shows of a connection that it is handed to. */
import { assertEquals, assertMatch } from "@std/assert";
import { Verbose } from "../../../cli/session/verbose.ts";
import { CurlWebSocket } from "../../../mod.ts";
import { withObserver } from "../../../src/observe/observer.ts";
import { closed, opened } from "../../support/events.ts";
import { RawServer } from "../../support/raw_server.ts";
import { test } from "../../support/testing.ts";

function verbose() {
  const shown: string[] = [];
  const observer = new Verbose((_style, text) => text);
  observer.write = (text) => void shown.push(text);
  return { observer, text: () => shown.join("") };
}

test("verbose: of its own connection alone, requests and responses whole, and nothing that moves the cursor", async () => {
  await using server = await RawServer.start();
  const { observer, text } = verbose();
  const url = server.url("/p?token=hunter2").replace("//", "//joe:hunter2@");
  const socket = new CurlWebSocket(url, withObserver({ headers: { Cookie: "s=hunter2" }, proxy: false }, observer));
  const open = opened(socket);
  const peer = await server.connection();
  await peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  await peer.accept({ headers: ["Set-Cookie: s=hunter2", "Server: \x1b[2J\x9b1m"] });
  await open;
  const before = text();
  assertMatch(before, /^\* {3}Trying 127\.0\.0\.1:\d+/m);
  assertMatch(before, /^> GET \/p\?token=hunter2 HTTP\/1\.1\n(> .+\n)*> Cookie: s=hunter2\n(> .+\n)*>\n/m);
  assertMatch(before, /^> Authorization: Basic am9lOmh1bnRlcjI=$/m);
  assertMatch(
    before,
    /^< HTTP\/1\.1 103 Early Hints\n< Link: <\/a>\n<\n< HTTP\/1\.1 101 Switching Protocols\n(< .+\n)*<\n/m,
  );
  assertMatch(before, /^< Set-Cookie: s=hunter2\n< Server: \\x1b\[2JÂ\\x9b1m\n<\n/m);
  assertMatch(
    before,
    /^\* from 127\.0\.0\.1 port \d+ to 127\.0\.0\.1 port \d+\n\* open; extensions: none; subprotocol: none\n/m,
  );

  // Another connection of the thread is not shown.
  const other = new CurlWebSocket(server.url("/other"), { proxy: false });
  const otherOpen = opened(other);
  await (await server.connection()).accept();
  await otherOpen;
  assertEquals(text(), before);
  for (const each of [socket, other]) {
    each.terminate();
    await closed(each);
  }
});
