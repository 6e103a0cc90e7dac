import { assertEquals } from "@std/assert";
import { WsServer } from "../support/servers.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

test("a program that knows only WebSocket works with globalThis.WebSocket = CurlWebSocket", async () => {
  await using server = await WsServer.start();
  const output = await runScript(
    server.url("/subprotocol"),
    `globalThis.WebSocket = CurlWebSocket;
    const socket = new WebSocket(url, ["chat"]);
    console.log(socket instanceof WebSocket, socket instanceof EventTarget, Object.prototype.toString.call(socket));
    console.log(WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED);
    console.log(socket.readyState === WebSocket.CONNECTING, "binaryType" in WebSocket.prototype);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      console.log(socket.readyState === socket.OPEN, socket.protocol);
      socket.send("text");
      socket.send(new Uint8Array([1, 2]));
    });
    socket.onmessage = ({ data, target }) => {
      console.log(typeof data === "string" ? data : data.byteLength, target === socket);
      if (typeof data !== "string") socket.close(1000, "done");
    };
    socket.onclose = (event) => console.log(event.code, event.wasClean, socket.readyState === WebSocket.CLOSED);`,
  );
  assertEquals(output.split("\n"), [
    "true true [object WebSocket]",
    "0 1 2 3",
    "true true",
    "true chat",
    "text true",
    "2 true",
    "1000 true true",
  ]);
}, { timeout: 60_000 });

test("a program can subclass the global WebSocket, wrap its constructor and override members", async () => {
  await using server = await WsServer.start();
  const output = await runScript(
    server.url("/echo"),
    `globalThis.WebSocket = CurlWebSocket;
    class Json extends WebSocket {
      #sent = 0;
      constructor(url, protocols) {
        super(url, protocols);
        this.addEventListener("message", (event) => this.onjson?.(JSON.parse(event.data)));
      }
      send(value) {
        this.#sent++;
        super.send(JSON.stringify(value));
      }
      get sent() { return this.#sent; }
      get url() { return "json+" + super.url; }
    }
    const Tracing = new Proxy(Json, {
      construct: (target, args, newTarget) => {
        console.log("new", args.length);
        return Reflect.construct(target, args, newTarget);
      },
    });
    const socket = new Tracing(url);
    console.log(socket instanceof Json, socket instanceof WebSocket, socket.constructor === Json, Json.OPEN, socket.OPEN);
    console.log(socket.url === "json+" + url);
    socket.onopen = () => socket.send({ a: [1] });
    socket.onjson = (value) => {
      console.log(value.a[0], socket.sent);
      socket.close();
    };
    socket.onclose = ({ code }) => console.log(code);`,
  );
  assertEquals(output.split("\n"), ["new 1", "true true true 1 1", "true", "1 1", "1005"]);
}, { timeout: 60_000 });

test("CurlWebSocket works without a global WebSocket", async () => {
  await using server = await WsServer.start();
  const output = await runScript(
    server.url("/echo"),
    `delete globalThis.WebSocket;
    const socket = new CurlWebSocket(url);
    socket.onopen = () => socket.send("x");
    socket.onmessage = ({ data }) => {
      console.log(data);
      socket.close();
    };`,
  );
  assertEquals(output, "x");
}, { timeout: 60_000 });
