import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { CurlWebSocketError } from "../../src/errors.ts";
import { MessageDelivery } from "../../src/web/message_delivery.ts";
import { test } from "../support/testing.ts";

class Socket extends EventTarget {
  readonly calls: string[] = [];
  pause(): void {
    this.calls.push("pause");
  }
  resume(): void {
    this.calls.push("resume");
  }
  close(): void {
    this.calls.push("close");
  }
}

function delivery(highWaterMark = 1024): { socket: Socket; delivery: MessageDelivery } {
  const socket = new Socket();
  return { socket, delivery: new MessageDelivery(socket, new URL("ws://origin.test"), highWaterMark) };
}

test("a listener gets the data, the origin and the socket as target", () => {
  const { socket, delivery: delivered } = delivery();
  const events: MessageEvent[] = [];
  delivered.listeners.add((event) => void events.push(event as MessageEvent));
  delivered.deliver("text");
  assertEquals(events.map(({ data, origin }) => [data, origin]), [["text", "ws://origin.test"]]);
  assertStrictEquals(events[0]!.target, socket);
});

test("binary data is what binaryType says when it comes: a Blob at first", async () => {
  const { delivery: delivered } = delivery();
  const data: unknown[] = [];
  delivered.listeners.add((event) => void data.push((event as MessageEvent).data));
  delivered.deliver(Uint8Array.of(1, 2).buffer);
  delivered.binaryType = "arraybuffer";
  delivered.deliver(Uint8Array.of(3).buffer);
  assertInstanceOf(data[0], Blob);
  assertEquals([...await data[0].bytes()], [1, 2]);
  assertInstanceOf(data[1], ArrayBuffer);
});

test("all who iterate share one queue, from the first of them on", async () => {
  const { delivery: delivered } = delivery();
  delivered.deliver("before");
  const queue = delivered.iterate();
  assertStrictEquals(delivered.iterate(), queue);
  delivered.deliver("after");
  delivered.end(null);
  assertEquals(await queue.next(), { done: false, value: "after" });
  assertEquals(await queue.next(), { done: true, value: undefined });
});

test("the socket pauses when as many bytes wait as the high-water mark", () => {
  const { socket, delivery: delivered } = delivery(200);
  delivered.iterate();
  delivered.deliver("x".repeat(100));
  assertEquals(socket.calls, []);
  delivered.deliver("x".repeat(100));
  assertEquals(socket.calls, ["pause"]);
});

test("an iteration that begins after a failure throws the failure", async () => {
  const { delivery: delivered } = delivery();
  const error = new CurlWebSocketError("ERR_CONNECTION_LOST", "lost");
  delivered.end(error);
  assertStrictEquals(await assertRejects(() => delivered.iterate().next()), error);
});
