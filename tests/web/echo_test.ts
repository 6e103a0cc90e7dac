import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { CurlWebSocket } from "../../mod.ts";
import { certificates } from "../support/certificates.ts";
import { closed, message, opened } from "../support/events.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

/** A socket to an echo server. */
function connect(server: WsServer, path = "/echo"): CurlWebSocket {
  return new CurlWebSocket(server.url(path, "localhost"), server.tls ? { tls: { ca: certificates().ca } } : {});
}

for (const tls of [false, true]) {
  const scheme = tls ? "wss" : "ws";

  test(`${scheme}: text and binary messages are echoed`, async () => {
    await using server = await WsServer.start({ tls });
    await using socket = connect(server);
    socket.binaryType = "arraybuffer";
    await opened(socket);

    socket.send("grüße 🎉");
    assertEquals(await message(socket), "grüße 🎉");

    socket.send(Uint8Array.of(0, 1, 254, 255));
    const data = await message(socket);
    assertInstanceOf(data, ArrayBuffer);
    assertEquals(new Uint8Array(data), Uint8Array.of(0, 1, 254, 255));
  });

  test(`${scheme}: empty and large messages are echoed`, async () => {
    await using server = await WsServer.start({ tls });
    await using socket = connect(server);
    socket.binaryType = "arraybuffer";
    await opened(socket);

    socket.send("");
    assertEquals(await message(socket), "");
    socket.send(new ArrayBuffer(0));
    assertEquals((await message(socket) as ArrayBuffer).byteLength, 0);

    for (const size of [125, 126, 65_535, 65_536, 1 << 20]) {
      const sent = new Uint8Array(size).map((_, index) => index * 31);
      socket.send(sent);
      const got = new Uint8Array(await message(socket) as ArrayBuffer);
      assertEquals(got.length, size);
      assert(got.every((byte, index) => byte === sent[index]), `${size} bytes came back changed`);
    }
    socket.send("x".repeat(1 << 20));
    assertEquals((await message(socket) as string).length, 1 << 20);
  });
}

test("the server chooses a subprotocol", async () => {
  await using server = await WsServer.start();
  await using socket = new CurlWebSocket(server.url("/subprotocol?choose=chat.v2"), ["chat.v1", "chat.v2"]);
  assertEquals(socket.protocol, "");
  await opened(socket);
  assertEquals(socket.protocol, "chat.v2");
  assertEquals(socket.extensions, "");

  await using single = new CurlWebSocket(server.url("/subprotocol"), "only");
  await opened(single);
  assertEquals(single.protocol, "only");

  await using option = new CurlWebSocket(server.url("/subprotocol"), { protocols: ["optional"] });
  await opened(option);
  assertEquals(option.protocol, "optional");
});

test("5,000 messages arrive in order", async () => {
  await using server = await WsServer.start();
  const socket = connect(server, "/push?count=5000");
  let count = 0;
  let wrong = 0;
  await new Promise<void>((resolve) => {
    socket.onmessage = ({ data }: MessageEvent) => {
      if (data !== String(count)) wrong++;
      if (++count === 5000) resolve();
    };
  });
  assertEquals(wrong, 0);
  const end = closed(socket);
  socket.close();
  await end;
}, { timeout: 30_000 });

test("5,000 messages are echoed in order", async () => {
  await using server = await WsServer.start();
  await using socket = connect(server);
  await opened(socket);
  let count = 0;
  let wrong = 0;
  const done = new Promise<void>((resolve) => {
    socket.onmessage = ({ data }: MessageEvent) => {
      if (data !== String(count)) wrong++;
      if (++count === 5000) resolve();
    };
  });
  for (let index = 0; index < 5000; index++) socket.send(String(index));
  await done;
  assertEquals(wrong, 0);
  assertEquals(socket.bufferedAmount, 0);
}, { timeout: 30_000 });
