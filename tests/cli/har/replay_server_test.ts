import { assert, assertEquals } from "@std/assert";
import { listen } from "../../../cli/har/replay_server.ts";
import type { Peer } from "../../../cli/har/player.ts";
import { CurlWebSocket } from "../../../mod.ts";
import { closed, opened } from "../../support/events.ts";
import { test } from "../../support/testing.ts";

test("listen(): what the client has not read is counted until it does", async () => {
  const { promise, resolve } = Promise.withResolvers<Peer>();
  const received: (string | number[])[] = [];
  const server = listen(0, () => ({
    headers: [],
    protocol: null,
    onOpen: (peer) => {
      resolve(peer);
      return {
        received: (data) => received.push(typeof data === "string" ? data : [...data]),
        closed: () => received.push("closed"),
      };
    },
  }));
  const socket = new CurlWebSocket(`ws://127.0.0.1:${server.port}/`, { proxy: false });
  const [peer] = await Promise.all([promise, opened(socket)]);
  socket.pause();
  // More than both kernels hold, which is some MB.
  let sent = 0;
  for (; peer.bufferedAmount <= 2 ** 20 && sent < 1000; sent++) {
    peer.send(new Uint8Array(100_000));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert(peer.bufferedAmount > 2 ** 20, `${sent}`);
  let count = 0;
  const all = new Promise<void>((resolve) => socket.onmessage = () => ++count === sent && resolve());
  socket.resume();
  await all;
  for (let turn = 0; peer.bufferedAmount > 0 && turn < 1000; turn++) await new Promise((done) => setTimeout(done, 1));
  assertEquals(peer.bufferedAmount, 0);
  socket.send("text");
  socket.send(new Uint8Array([1, 2]));
  const end = closed(socket);
  socket.close(1000);
  await end;
  await server.close();
  assertEquals(received, ["text", [1, 2], "closed"]);
});
