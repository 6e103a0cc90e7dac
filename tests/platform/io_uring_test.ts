import { assert, assertEquals } from "@std/assert";
import "../../mod.ts";
import { closeDescriptor, isOpen, readable } from "../../src/platform/descriptors.ts";
import { PollRing } from "../../src/platform/io_uring.ts";
import { noBell } from "../support/bell.ts";
import { runScript } from "../support/script.ts";
import { WsServer } from "../support/servers.ts";
import { SocketPair } from "../support/socket_pair.ts";
import { test } from "../support/testing.ts";

const skip = noBell();

/** Lets a task pass: what a poll finds later the kernel sends when this thread is next in the kernel. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

test("a poll of what is ready rings at once, another when it is, and each once", async () => {
  const ring = PollRing.create()!;
  const rings = () => readable([ring.bell]).length;
  using pair = new SocketPair();
  pair.write();
  assert(ring.poll(pair.fd));
  assertEquals(rings(), 1);
  closeDescriptor(ring.bell);
  ring.close();

  const later = PollRing.create()!;
  assert(later.poll(pair.fd) && readable([later.bell]).length === 1, "it is ready still");
  closeDescriptor(later.bell);
  later.close();

  const last = PollRing.create()!;
  pair.read();
  assert(last.poll(pair.fd));
  await turn();
  assertEquals(readable([last.bell]), []);
  pair.write();
  await turn();
  assertEquals(readable([last.bell]), [last.bell]);
  closeDescriptor(last.bell);
  last.close();
}, { skip });

test("a poll fails of what is not open, and of a ring that was closed; to close twice is no harm", () => {
  const ring = PollRing.create()!;
  assertEquals(ring.poll(1_000_000), false);
  ring.close();
  ring.close();
  assertEquals(ring.poll(0), false);
  assert(isOpen(ring.bell));
  closeDescriptor(ring.bell);
}, { skip });

test("whichever call fails, there is no ring, and nothing is left", async () => {
  const module = (name: string) => JSON.stringify(new URL(`../../src/platform/${name}.ts`, import.meta.url).href);
  const printed = await runScript(
    "",
    `const { ffi, setFfi } = await import(${module("ffi")});
    const { readdirSync } = await import("node:fs");
    const real = ffi();
    let left = Infinity, open = 0, mapped = 0;
    setFfi({ ...real, open(path, table) {
      const symbols = real.open(path, table);
      return Object.fromEntries(Object.keys(table).map((name) => [name, (...args) => {
        if (["munmap", "close", "free"].includes(name)) {
          mapped -= name === "close" ? 0 : 1;
          return symbols[name](...args);
        }
        if (left-- === 0) return name === "calloc" ? null : name === "mmap" ? symbols.mmap(...args.with(4, -1)) : -1;
        mapped += name === "mmap" || name === "calloc" ? 1 : 0;
        return symbols[name](...args);
      }]));
    } });
    const { PollRing } = await import(${module("io_uring")});
    const { closeDescriptor } = await import(${module("descriptors")});
    const make = () => { try { return PollRing.create(); } catch { return null; } };
    const free = (ring) => { ring?.close(); if (ring) closeDescriptor(ring.bell); };
    free(make());
    const before = readdirSync("/proc/self/fd").length;
    let failures = 0, made = null;
    for (;; failures++) {
      left = failures;
      made = make();
      const failed = left < 0;
      left = Infinity;
      free(made);
      if (!failed) break;
      if (made !== null) throw new Error("a ring in spite of failure " + failures);
      if (readdirSync("/proc/self/fd").length !== before || mapped !== 0) throw new Error("left by failure " + failures);
    }
    console.log(failures > 6, made !== null);`,
  );
  assertEquals(printed, "true true");
}, { skip });

test("a process uses a ring, and none with CURLWS_IO_URING=0", async () => {
  await using server = await WsServer.start();
  const used = (env: Record<string, string>) =>
    runScript(
      server.url("/echo"),
      `const { readdirSync, readlinkSync } = await import("node:fs");
      const socket = new CurlWebSocket(url);
      socket.onopen = () => socket.send("x");
      await new Promise((resolve, reject) => (socket.onmessage = resolve, socket.onclose = reject));
      const links = readdirSync("/proc/self/fd").map((fd) => {
        try { return readlinkSync("/proc/self/fd/" + fd); } catch { return ""; }
      });
      console.log(links.includes("anon_inode:[io_uring]"));
      socket.close();`,
      { env },
    );
  // The Bun of this machine may have one of its own.
  assertEquals(await used({}), "true");
  assertEquals(await used({ CURLWS_IO_URING: "0" }), "false");
}, { skip });
