import { assert, assertEquals, assertThrows } from "@std/assert";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { CurlWebSocket, type CurlWebSocketError, type CurlWebSocketInit, libcurl } from "../../mod.ts";
import { allocate } from "../../src/platform/ffi.ts";
import { openLibc } from "../../src/platform/libc.ts";
import { certificates } from "../support/certificates.ts";
import { DohServer } from "../support/doh_server.ts";
import { failed, message, opened } from "../support/events.ts";
import { isAtLeast, libcurlNamed } from "../support/libcurls.ts";
import { acceptFor, closedPort, RawServer } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

const onLinux = process.platform === "linux" ? undefined : "only Linux has it";
const loopback = Object.entries(networkInterfaces()).find(([, list]) => list?.some(({ internal }) => internal))?.[0];
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));

async function connected(url: string, options: CurlWebSocketInit): Promise<CurlWebSocket> {
  const socket = new CurlWebSocket(url, options);
  await opened(socket);
  return socket;
}

async function refused(url: string, options: CurlWebSocketInit): Promise<CurlWebSocketError> {
  return (await failed(new CurlWebSocket(url, options))).error;
}

test("localAddress and localPort set where the connection comes from", async () => {
  await using server = await WsServer.start();
  const localPort = await closedPort();
  await using socket = await connected(server.url("/echo"), { localAddress: "127.0.0.3", localPort });
  const { connection } = socket;
  assertEquals([connection?.localAddress, connection?.localPort], ["127.0.0.3", localPort]);
  // That port is taken, and the one behind it is tried.
  await using next = await connected(server.url("/echo"), {
    localAddress: "127.0.0.3",
    localPort: [localPort, Math.min(65535, localPort + 20)],
  });
  assert(next.connection!.localPort > localPort && next.connection!.localPort <= localPort + 20);
}, { skip: onLinux });

test("an address that this machine lacks, or a port in use, is an error that names the option", async () => {
  await using server = await WsServer.start();
  const lacking = await refused(server.url("/echo"), { localAddress: "192.0.2.1" });
  assert(lacking.message.includes('this machine cannot connect from localAddress: "192.0.2.1"'), lacking.message);
  await using taken = await RawServer.start();
  const error = await refused(server.url("/echo"), { localAddress: "127.0.0.1", localPort: taken.port });
  assert(error.message.includes(`localPort: ${taken.port}`), error.message);
});

test("interface binds to that interface, and an unknown one is an error", async () => {
  await using server = await WsServer.start();
  await using socket = await connected(server.url("/echo"), { interface: loopback! });
  assertEquals(socket.connection?.localAddress, "127.0.0.1");
  const error = await refused(server.url("/echo"), { interface: "none0" });
  assertEquals(error.code, "ERR_CONNECT_REFUSED");
  assert(error.message.includes('cannot connect from interface: "none0"'), error.message);
}, { skip: onLinux ?? (loopback === undefined ? "no loopback interface is known" : undefined) });

test("interface and localAddress work together, from libcurl 8.9", async () => {
  await using server = await WsServer.start();
  const options = { interface: loopback!, localAddress: "127.0.0.4" };
  const [major = 0, minor = 0] = libcurl().version.split(".").map(Number);
  if (major > 8 || (major === 8 && minor >= 9)) {
    await using socket = await connected(server.url("/echo"), options);
    assertEquals(socket.connection?.localAddress, "127.0.0.4");
    return;
  }
  const error = await refused(server.url("/echo"), options);
  assertEquals(error.code, "ERR_LIBCURL");
  assert(error.message.includes(`need libcurl 8.9, and this is ${libcurl().version}`), error.message);
}, { skip: onLinux });

test("resolve maps host names to addresses, with and without a port", async () => {
  await using server = await WsServer.start({ tls: true });
  const { ca } = certificates();
  const url = server.url("/echo", "name.invalid");
  const tls = { ca, serverName: "localhost" };
  for (
    const resolve of [
      { "name.invalid": "127.0.0.1" },
      { [`name.invalid:${server.port}`]: ["127.0.0.1"] },
      { "*": "127.0.0.1" },
    ] as Record<string, string | string[]>[]
  ) {
    await using socket = await connected(url, { resolve, tls });
    assertEquals(socket.connection?.remoteAddress, "127.0.0.1");
  }
  assertEquals((await refused(url, { resolve: { "name.invalid:1": "127.0.0.1" }, tls })).code, "ERR_DNS");
}, { timeout: 30_000 });

test("connectTo changes the server, and the request keeps the URL's host", async () => {
  await using server = await WsServer.start();
  for (
    const connectTo of [`a.invalid:80:127.0.0.1:${server.port}`, [`b.invalid:1:x:2`, `::127.0.0.1:${server.port}`]]
  ) {
    await using socket = new CurlWebSocket("ws://a.invalid/headers", { connectTo });
    const headers: string[] = JSON.parse(await message(socket) as string);
    assertEquals(headers[headers.indexOf("Host") + 1], "a.invalid");
    assertEquals(socket.connection?.remotePort, server.port);
  }
});

test("connectTo and serverName work together", async () => {
  await using server = await WsServer.start({ tls: true });
  await using socket = new CurlWebSocket("wss://a.invalid/tls", {
    connectTo: `a.invalid:443:127.0.0.1:${server.port}`,
    tls: { ca: certificates().ca, serverName: "localhost" },
  });
  assertEquals(JSON.parse(await message(socket) as string).servername, "localhost");
});

/** A WebSocket server at a path, which lets everybody in and says nothing. */
async function unixServer(path: string): Promise<Server> {
  const server = createServer((socket) => {
    let request = "";
    socket.on("error", () => {});
    socket.on("data", (data) => {
      request += data.toString("latin1");
      if (!request.endsWith("\r\n\r\n")) return;
      const accept = acceptFor(request);
      request = "";
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return server;
}

test("unixSocket connects to a path", async () => {
  const folder = mkdtempSync(join(tmpdir(), "curlws-unix-"));
  const path = join(folder, "socket");
  const server = await unixServer(path);
  try {
    const socket = await connected("ws://anything.invalid/", { unixSocket: path });
    const { localPort, remotePort, proxy } = socket.connection!;
    assertEquals([localPort, remotePort, proxy], [0, 0, null]);
    socket.terminate();
    const error = await refused("ws://anything.invalid/", { unixSocket: join(folder, "none") });
    assertEquals(error.code, "ERR_CONNECT_REFUSED");
    assert(error.message.includes(`the Unix socket ${join(folder, "none")}`), error.message);
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
}, { skip: process.platform === "win32" ? "Node's own are pipes there" : undefined });

/** An abstract socket, by a program that can make one on either runtime. */
test("unixSocket connects to an abstract socket, named by @ or by NUL", async () => {
  const name = `curlws-test-${process.pid}`;
  await using target = await WsServer.start();
  const { spawn } = await import("node:child_process");
  const script = `import socket, sys, threading
s = socket.socket(socket.AF_UNIX); s.bind("\\0${name}"); s.listen(); print("ready", flush=True)
def pump(a, b):
    while (data := a.recv(65536)): b.sendall(data)
    b.shutdown(socket.SHUT_WR)
while True:
    c, _ = s.accept(); t = socket.create_connection(("127.0.0.1", ${target.port}))
    for pair in ((c, t), (t, c)): threading.Thread(target=pump, args=pair, daemon=True).start()`;
  const child = spawn("python3", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
    for (const unixSocket of [`@${name}`, `\0${name}`]) {
      await using socket = await connected("ws://anything.invalid/echo", { unixSocket });
      socket.send("hello");
      assertEquals(await message(socket), "hello");
    }
  } finally {
    child.kill("SIGKILL");
  }
}, {
  skip: onLinux ?? (existsSync("/usr/bin/python3") || existsSync("/usr/local/bin/python3") ? undefined : "no python3"),
});

test("ipVersion uses addresses of one version only", async () => {
  await using server = await WsServer.start();
  const url = server.url("/echo", "both.invalid");
  const resolve = { "both.invalid": ["127.0.0.1", "::1"] };
  await using socket = await connected(url, { resolve, ipVersion: 4 });
  assertEquals(socket.connection?.remoteAddress, "127.0.0.1");
  const error = await refused(url, { resolve: { "both.invalid": "127.0.0.1" }, ipVersion: 6 });
  assertEquals(error.code, "ERR_DNS");
  assert(error.message.includes("resolve has no IPv6 address for both.invalid"), error.message);
});

test("happy eyeballs: a dead IPv6 address does not delay IPv4", async () => {
  await using server = await WsServer.start();
  await using socket = await connected(server.url("/echo", "both.invalid"), {
    resolve: { "both.invalid": ["::1", "127.0.0.1"] },
    happyEyeballsTimeout: 10,
  });
  assertEquals(socket.connection?.remoteAddress, "127.0.0.1");
}, { skip: hasIpv6 ? undefined : "this machine has no IPv6" });

test("dohUrl resolves names over HTTPS", async () => {
  const { ca } = certificates();
  await using dns = await DohServer.start();
  await using server = await WsServer.start({ tls: true });
  await using socket = await connected(server.url("/echo", "name.invalid"), {
    dohUrl: dns.url,
    tls: { ca, serverName: "localhost" },
  });
  const { remoteAddress, tls } = socket.connection!;
  assertEquals(remoteAddress, "127.0.0.1");
  // On a busy machine libcurl may look up and shake hands within one call, before its log is on.
  assert(tls!.alpn === "http/1.1" || tls!.alpn === null, String(tls!.alpn));
  assert(dns.questions.some((question) => question.includes("\x04name\x07invalid")), dns.questions.join());
  const error = await refused("ws://name.invalid/", { dohUrl: `https://127.0.0.1:${await closedPort()}/` });
  assertEquals(error.code, "ERR_DNS");
  assert(error.message.includes("dohUrl"), error.message);
}, { timeout: 30_000 });

/** The kernel's timer of a connection: 02 is keep-alive; its time is in hundredths of a second. */
function kernelTimer(socket: CurlWebSocket): [kind: string, seconds: number] {
  const { localPort, remotePort } = socket.connection!;
  const end = (port: number) => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const ends = `${end(localPort)} ${end(remotePort)}`;
  const line = readFileSync("/proc/net/tcp", "utf8").split("\n").find((line) => line.includes(ends));
  const [kind, when] = line!.trim().split(/\s+/)[5]!.split(":");
  return [kind!, parseInt(when!, 16) / 100];
}

test("keepAlive starts the kernel's timer", async () => {
  await using server = await WsServer.start();
  await using off = await connected(server.url("/echo"), {});
  await using usual = await connected(server.url("/echo"), { keepAlive: true });
  await using own = await connected(server.url("/echo"), { keepAlive: { idle: 20_500, interval: 5_000 } });
  const between = ([kind, seconds]: [string, number], most: number) =>
    assert(kind === "02" && seconds > most - 10 && seconds <= most, `${kind} ${seconds}`);
  await new Promise((resolve) => setTimeout(resolve, 500)); // until the timer of what was sent is over
  assert(kernelTimer(off)[0] !== "02");
  between(kernelTimer(usual), 60);
  between(kernelTimer(own), 21);
}, { skip: existsSync("/proc/net/tcp") ? undefined : "there is no /proc/net/tcp" });

test("keepAlive.count works from libcurl 8.9", async () => {
  await using server = await WsServer.start();
  const options = { keepAlive: { count: 3 } };
  const [major = 0, minor = 0] = libcurl().version.split(".").map(Number);
  if (major > 8 || (major === 8 && minor >= 9)) {
    await using socket = await connected(server.url("/echo"), options);
    assertEquals(socket.readyState, CurlWebSocket.OPEN);
    return;
  }
  const error = await refused(server.url("/echo"), options);
  assertEquals(error.code, "ERR_LIBCURL");
  assert(error.message.includes("refuses the option CURLOPT_TCP_KEEPCNT"), error.message);
});

/** What the kernel holds of a connection of this process: getsockopt on its descriptor, found by its inode. */
function tcpOption(socket: CurlWebSocket, option: number): number {
  const { localPort, remotePort } = socket.connection!;
  const end = (port: number) => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const ends = `${end(localPort)} ${end(remotePort)}`;
  const line = readFileSync("/proc/net/tcp", "utf8").split("\n").find((line) => line.includes(ends));
  const inode = line!.trim().split(/\s+/)[9];
  const fd = readdirSync("/proc/self/fd").find((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === `socket:[${inode}]`;
    } catch {
      return false; // the one that read the folder
    }
  });
  const { getsockopt } = openLibc({
    // int getsockopt(int, int level, int name, void *value, socklen_t *length)
    getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  });
  const IPPROTO_TCP = 6;
  const value = new Int32Array(allocate(4).buffer), length = new Int32Array(allocate(4).buffer).fill(4);
  assertEquals(getsockopt(Number(fd), IPPROTO_TCP, option, bytesOf(value), bytesOf(length)), 0);
  return value[0]!;
}

const bytesOf = ({ buffer }: Int32Array<ArrayBuffer>) => new Uint8Array(buffer);
const TCP_KEEPIDLE = 4, TCP_KEEPINTVL = 5, TCP_KEEPCNT = 6;

test("keepAlive: idle and interval reach the kernel, and count from libcurl 8.9", async () => {
  await using server = await WsServer.start();
  const keepAlive = { idle: 20_500, interval: 5_000, count: 4 };
  const settings = (socket: CurlWebSocket) =>
    [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT].map((option) => tcpOption(socket, option));
  await using most = await connected(server.url("/echo"), { keepAlive: { idle: 20_500, interval: 5_000 } });
  assertEquals(settings(most).slice(0, 2), [21, 5]);
  const newest = libcurlNamed("8.23");
  if (isAtLeast("8.9")) {
    await using socket = await connected(server.url("/echo"), { keepAlive });
    assertEquals(settings(socket), [21, 5, 4]);
    return;
  }
  const error = await refused(server.url("/echo"), { keepAlive });
  assertEquals(error.code, "ERR_LIBCURL");
  assert(
    error.message.startsWith(`libcurl ${libcurl().version} refuses the option CURLOPT_TCP_KEEPCNT`),
    error.message,
  );
  if (newest === null) return;
  await using socket = await connected(server.url("/echo"), { keepAlive, library: newest });
  assertEquals(settings(socket), [21, 5, 4]);
}, { skip: existsSync("/proc/net/tcp") ? undefined : "there is no /proc/net/tcp" });

test("a network option of the wrong type is a TypeError", () => {
  const bad: [object, typeof Error, string][] = [
    [{ interface: 5 }, TypeError, "interface must be the name of a network interface, not number"],
    [{ interface: "if!lo" }, TypeError, "interface must be only a name"],
    [{ localAddress: "localhost" }, TypeError, "localAddress must be an IP address"],
    [{ localAddress: "256.0.0.1" }, TypeError, "localAddress must be an IP address"],
    [{ localPort: 0 }, RangeError, "localPort"],
    [{ localPort: "80" }, TypeError, "localPort must be a number"],
    [{ localPort: [5, 4] }, RangeError, "above the last"],
    [{ localPort: [1, 2, 3] }, TypeError, "localPort"],
    [{ resolve: { "a b": "127.0.0.1" } }, TypeError, 'resolve: "a b"'],
    [{ resolve: { a: "localhost" } }, TypeError, "must be an IP address"],
    [{ resolve: { a: [] } }, TypeError, "must be an IP address or a list"],
    [{ resolve: { "a:99999": "::1" } }, RangeError, "port"],
    [{ resolve: ["a:1:b"] }, TypeError, "resolve must be a record"],
    [{ connectTo: "a:1" }, TypeError, 'connectTo must be "host:port:to-host:to-port"'],
    [{ connectTo: 5 }, TypeError, "connectTo"],
    [{ unixSocket: "" }, TypeError, "unixSocket"],
    [{ unixSocket: "@" }, TypeError, "unixSocket"],
    [{ unixSocket: "x".repeat(108) }, RangeError, "107 bytes"],
    [{ ipVersion: "4" }, TypeError, "ipVersion must be 4 or 6"],
    [{ happyEyeballsTimeout: 1.5 }, RangeError, "happyEyeballsTimeout"],
    [{ dohUrl: "http://127.0.0.1/" }, TypeError, "dohUrl must be an https: URL"],
    [{ keepAlive: { idle: 999 } }, RangeError, "keepAlive.idle"],
    [{ keepAlive: { probes: 1 } }, TypeError, "unknown keepAlive option probes"],
    [{ keepAlive: 60 }, TypeError, "keepAlive"],
  ];
  for (const [options, kind, words] of bad) {
    assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", options), kind, words);
  }
});
