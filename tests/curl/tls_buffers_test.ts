import { assert, assertEquals } from "@std/assert";
import "../../mod.ts";
import { CURLINFO_TLS_SSL_PTR } from "../../src/curl/constants.ts";
import { Connector } from "../../src/curl/connector.ts";
import { getPointer } from "../../src/curl/get_info.ts";
import { type Curl, loadCurl } from "../../src/curl/library.ts";
import { reactorOf } from "../../src/curl/reactors.ts";
import { freeTlsBuffers } from "../../src/curl/tls_buffers.ts";
import { type Transport, WOULD_BLOCK } from "../../src/curl/transport.ts";
import { networkOptions } from "../../src/options/network.ts";
import { allocate, ffi, type Pointer } from "../../src/platform/ffi.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { isAtLeast } from "../support/libcurls.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";
import { TlsPieces } from "../support/tls_pieces.ts";

const tls = loadCurl().info.tls ?? "";
/** Whether this libcurl says which SSL a connection has. */
const skip = tls.startsWith("OpenSSL/") && isAtLeast("7.85") ? undefined : `not with ${tls} and this libcurl`;

interface Open {
  curl: Curl;
  easy: Pointer;
  transport: Transport;
}

/** Connects. What is freed of the connection's buffers is freed by the test alone. */
async function connect(port: number): Promise<Open> {
  const real = loadCurl();
  let easy: Pointer = null;
  const curl = {
    ...real,
    // The transport's own calls find no TLS.
    info: { ...real.info, tls: null },
    curl_easy_init: () => easy = real.curl_easy_init(),
  };
  const transport = await new Promise<Transport>((resolve, reject) => {
    const target = {
      url: new URL(`https://localhost:${port}`),
      tls: { verify: false },
      proxy: false as const,
      network: networkOptions({}),
      curlOptions: [],
      browser: null,
      fingerprint: null,
      timeout: 10_000,
    };
    new Connector(curl, reactorOf(real), target, { onConnected: resolve, onFailed: reject }).start();
  });
  return { curl: real, easy, transport };
}

const turn = () => new Promise<void>((resolve) => runtime().defer(resolve));
const bytesOf = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));

/** Reads this many bytes, at most `most` by a call. */
async function read(transport: Transport, length: number, most = 65_536): Promise<Uint8Array> {
  const all = new Uint8Array(length), buffer = allocate(most);
  for (let at = 0; at < length;) {
    const count = transport.recv(buffer.subarray(0, Math.min(most, length - at)));
    if (count === WOULD_BLOCK) await turn();
    else all.set(buffer.subarray(0, count), at);
    at += Math.max(0, count);
  }
  return all;
}

/** Sends all of the bytes. */
async function send(transport: Transport, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const count = transport.send(bytes.subarray(at));
    if (count === 0) await turn();
    at += count;
  }
}

/** Reads until nothing is left and `reached` returns true. Nothing may come. */
async function drain(transport: Transport, reached: () => boolean): Promise<void> {
  const buffer = allocate(16);
  do {
    await turn();
    assertEquals(transport.recv(buffer), WOULD_BLOCK);
  } while (!reached());
}

/** OpenSSL's state of what is read next: a header (RH) or what follows one (RB). */
function stateOf({ curl, easy }: Open): { state: string; pending: number } {
  const openssl = ffi().open(curl.info.path, {
    SSL_rstate_string: { parameters: ["pointer"], result: "pointer" },
    SSL_has_pending: { parameters: ["pointer"], result: "i32" },
  });
  const ssl = ffi().pointerAt(getPointer(curl, easy, CURLINFO_TLS_SSL_PTR), 8);
  return { state: ffi().cString(openssl.SSL_rstate_string(ssl)), pending: openssl.SSL_has_pending(ssl) };
}

/** A connection that something has been read from, to a server behind a proxy. */
async function established(server: RawServer, proxy: TlsPieces) {
  const open = await connect(proxy.port), peer = await server.connection();
  await peer.send("hello");
  assertEquals(new TextDecoder().decode(await read(open.transport, 5)), "hello");
  await drain(open.transport, () => true);
  return { open, peer };
}

test("buffers are freed with OpenSSL as a shared library, and bytes go both ways as before", async () => {
  await using server = await RawServer.start({ tls: true });
  await using proxy = await TlsPieces.start(server.port);
  const { open, peer } = await established(server, proxy);
  for (const size of [1, 16_384, 1_000_000]) {
    assertEquals(freeTlsBuffers(open.curl, open.easy), skip === undefined ? "freed" : "not possible");
    const bytes = bytesOf(size), before = peer.received.length;
    await send(open.transport, bytes);
    while (peer.received.length < before + size) await turn();
    assert(peer.received.subarray(before).every((byte, i) => byte === bytes[i]));
    assertEquals(freeTlsBuffers(open.curl, open.easy), skip === undefined ? "freed" : "not possible");
    const sent = peer.send(bytes);
    assertEquals(await read(open.transport, size), bytes);
    await sent;
  }
  open.transport.close();
});

test("buffers are freed again and again", async () => {
  await using server = await RawServer.start({ tls: true });
  await using proxy = await TlsPieces.start(server.port);
  const { open, peer } = await established(server, proxy);
  for (let i = 0; i < 500; i++) {
    await peer.send(`message ${i}`.padEnd(40));
    assertEquals(new TextDecoder().decode(await read(open.transport, 40)).trimEnd(), `message ${i}`);
    assertEquals(freeTlsBuffers(open.curl, open.easy), "freed");
  }
  open.transport.close();
}, { skip });

test("buffers that hold part of a record are in use, and the record comes whole", async () => {
  await using server = await RawServer.start({ tls: true });
  await using proxy = await TlsPieces.start(server.port);
  const { open, peer } = await established(server, proxy), { transport } = open;
  const bytes = bytesOf(5_000);
  // Part of the header, the header alone, some of what follows, and all but the last byte of that.
  for (const pieces of [[3], [5], [5, 100], [3, 2, 4_990]]) {
    proxy.hold();
    await peer.send(bytes);
    let got = 0;
    for (const piece of pieces) {
      await proxy.give(piece);
      got += piece;
      await drain(transport, () => {
        const { state, pending } = stateOf(open);
        return pending === 1 || (got >= 5 && state === "RB");
      });
      assertEquals(freeTlsBuffers(open.curl, open.easy), "in use", `${pieces}`);
    }
    proxy.flow();
    assertEquals(await read(transport, bytes.length), bytes);
    await drain(transport, () => true);
    assertEquals(freeTlsBuffers(open.curl, open.easy), "freed", `${pieces}`);
  }
  transport.close();
}, { skip });

test("buffers that hold what was not handed out yet are in use", async () => {
  await using server = await RawServer.start({ tls: true });
  await using proxy = await TlsPieces.start(server.port);
  const { open, peer } = await established(server, proxy);
  const bytes = bytesOf(5_000);
  await peer.send(bytes);
  assertEquals(await read(open.transport, 10, 10), bytes.subarray(0, 10));
  assertEquals(freeTlsBuffers(open.curl, open.easy), "in use");
  assertEquals(await read(open.transport, 4_990), bytes.subarray(10));
  assertEquals(freeTlsBuffers(open.curl, open.easy), "freed");
  open.transport.close();
}, { skip });

test("nothing is called for a connection of another TLS library, or of another OpenSSL", () => {
  const real = loadCurl();
  /** A connection as libcurl names it: a struct curl_tlssessioninfo with an SSL of 32 bytes. */
  const named = (backend: number, hasSsl: boolean, code = 0, version = "OpenSSL/3.0.0") => {
    const ssl = allocate(32), session = allocate(16), fields = new DataView(session.buffer);
    // Were one of OpenSSL's functions to take this for a connection, it would read at address 1.
    for (let i = 0; i < 4; i++) new DataView(ssl.buffer).setBigUint64(8 * i, 1n, true);
    fields.setInt32(0, backend, true);
    fields.setBigUint64(8, hasSsl ? ffi().address(ffi().pointerTo(ssl)) : 0n, true);
    const getInfo = (_easy: Pointer, _info: number, into: Uint8Array) => {
      new DataView(into.buffer).setBigUint64(0, ffi().address(ffi().pointerTo(session)), true);
      return code;
    };
    const freed = freeTlsBuffers({ ...real, getInfo, info: { ...real.info, tls: version } }, null);
    assert(ssl.length > 0 && session.length > 0);
    return freed;
  };
  assertEquals(named(1, true), "not possible");
  assertEquals(named(1, false), "not possible");
  assertEquals(named(2, true), "not possible");
  assertEquals(named(1, true, 48), "not possible");
  assertEquals(named(1, true, 0, "BoringSSL"), "not possible");
  assertEquals(named(1, true, 0, "LibreSSL/3.3.6"), "not possible");
});
