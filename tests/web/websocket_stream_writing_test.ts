/** A stream that is written to while its connection ends. */
import { CurlWebSocketStream } from "../../mod.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

test("stream: writing on and on ends with the connection, also if the end is read first", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocketStream(server.url());
  const peer = await server.connection();
  await peer.accept();
  const writer = (await socket.opened).writable.getWriter();
  writer.closed.catch(() => {});
  peer.reset();
  // Each write is another microtask: the end comes in a task.
  while (writer.desiredSize !== null) await writer.write("x").catch(() => {});
});
