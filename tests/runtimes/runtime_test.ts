/** What `src/platform/runtime.ts` promises of a runtime, on the one that runs this. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import process from "node:process";
import "../../runtimes/mod.ts";
import { runtime } from "../../src/platform/runtime.ts";
import { runScript } from "../support/script.ts";
import { test } from "../support/testing.ts";

const onDeno = "Deno" in globalThis;
const encoder = new TextEncoder();

/** Bytes inside a larger buffer, so that an offset that is forgotten shows. */
function inside(bytes: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(bytes.length + 20).fill(0xee);
  buffer.set(bytes, 9);
  return buffer.subarray(9, 9 + bytes.length);
}

/** A script that has `runtime` in scope. */
function scriptWithRuntime(script: string): Promise<string> {
  const module = new URL("../../src/platform/runtime.ts", import.meta.url).href;
  return runScript("", `const { runtime } = await import(${JSON.stringify(module)});\n${script}`);
}

test("name, os and arch are those of the process", () => {
  const { name, os, arch } = runtime();
  assertEquals(name, onDeno ? "deno" : "bun");
  const systems: Record<string, string> = { linux: "linux", darwin: "darwin", win32: "windows" };
  assertEquals(os, systems[process.platform] ?? "other");
  assertEquals(arch, ["x64", "arm64"].includes(process.arch) ? process.arch : "other");
});

test("env() reads a variable; undefined if it is unset", () => {
  const name = "CURLWS_TEST_OF_ENV";
  assertEquals(runtime().env(name), undefined);
  process.env[name] = "grüße";
  try {
    assertEquals(runtime().env(name), "grüße");
  } finally {
    delete process.env[name];
  }
  assertEquals(runtime().env(name), undefined);
});

test("latin1() has a character for each byte, from anywhere in a buffer", () => {
  const bytes = inside(Uint8Array.from({ length: 256 }, (_, i) => i));
  const text = runtime().latin1(bytes, 0, 256);
  assertEquals(Array.from(text, (char) => char.charCodeAt(0)), Array.from(bytes));
  assertEquals(runtime().latin1(bytes, 97, 100), "abc");
  assertEquals(runtime().latin1(bytes, 5, 5), "");
});

test("copy() is a buffer of its own, of that length", () => {
  const bytes = inside(Uint8Array.of(1, 2, 3, 4));
  const copied = runtime().copy(bytes, 1, 3);
  bytes.fill(0);
  assertEquals([copied instanceof ArrayBuffer, copied.byteLength], [true, 2]);
  assertEquals(new Uint8Array(copied), Uint8Array.of(2, 3));
  assertEquals(runtime().copy(bytes, 2, 2).byteLength, 0);
});

test("utf8() keeps a byte order mark and U+FFFD, and throws a TypeError for what is not UTF-8", () => {
  for (const text of ["", "plain", "\uFEFFwith a mark", "grüße 漢字 😀", "\uFFFD", "a\uFFFDb".repeat(2000)]) {
    assertEquals(runtime().utf8(inside(encoder.encode(text))), text);
  }
  for (
    const bad of [[0xff], [0x61, 0x80], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98], [0xf4, 0x90, 0x80, 0x80]]
  ) {
    assertThrows(() => runtime().utf8(inside(Uint8Array.from(bad))), TypeError);
    // The replacement beside it is right.
    assertThrows(() => runtime().utf8(inside(Uint8Array.of(...encoder.encode("\uFFFD"), ...bad))), TypeError);
  }
});

test("sha1() and hash() are SHA-1, MD5 and SHA-256", () => {
  // RFC 6455 section 1.3.
  const key = "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  assertEquals(runtime().sha1(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  // RFC 1321 section A.5, FIPS 180-2 appendix B.1.
  const abc = inside(encoder.encode("abc"));
  assertEquals(runtime().hash("md5", abc), "900150983cd24fb0d6963f7d28e17f72");
  assertEquals(
    runtime().hash("sha256", abc),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

test("defer() runs each in a task of its own, in order, after all microtasks", async () => {
  const order: string[] = [];
  const done = Promise.withResolvers<void>();
  runtime().defer(() => {
    order.push("first");
    Promise.resolve().then(() => order.push("its microtask"));
  });
  runtime().defer(() => {
    order.push("second");
    done.resolve();
  });
  order.push("the caller");
  queueMicrotask(() => order.push("the caller's microtask"));
  await done.promise;
  assertEquals(order, ["the caller", "the caller's microtask", "first", "its microtask", "second"]);
});

test("checkpoint() runs all microtasks in the middle of a task", async () => {
  const order: string[] = [];
  const done = Promise.withResolvers<boolean>();
  runtime().defer(() => {
    Promise.resolve().then(() => order.push("one")).then(() => order.push("that it led to"));
    const could = runtime().checkpoint();
    order.push("the task goes on");
    done.resolve(could);
  });
  assertEquals(await done.promise, true);
  assertEquals(order, ["one", "that it led to", "the task goes on"]);
});

test("setTimer() calls once, and not after clear()", async () => {
  let cleared = 0, called = 0;
  const other = runtime().setTimer(() => cleared++, 1);
  other.clear();
  other.clear();
  await new Promise<void>((resolve) => {
    runtime().setTimer(() => called++, 1);
    runtime().setTimer(resolve, 20);
  });
  assertEquals([cleared, called], [0, 1]);
});

test("a timer keeps the process alive, unless it is unref'ed and not ref'ed again", async () => {
  const output = await scriptWithRuntime(`
    const timer = (text, milliseconds) => runtime().setTimer(() => console.log(text), milliseconds);
    timer("never", 3_600_000).unref();
    const back = timer("ref'ed again", 20);
    back.unref();
    back.ref();
    timer("ref'ed", 1);`);
  assertEquals(output, "ref'ed\nref'ed again");
});

test("onThreadEnd() is called when the thread's JavaScript ends by itself", async () => {
  // On Bun a process that ends calls nobody; a Worker does.
  const output = onDeno
    ? await scriptWithRuntime(`runtime().onThreadEnd(() => console.log("the end")); console.log("the program");`)
    : await scriptWithRuntime(`
      const script = \`import "${new URL("../../runtimes/mod.ts", import.meta.url).href}";
        import { runtime } from "${new URL("../../src/platform/runtime.ts", import.meta.url).href}";
        runtime().onThreadEnd(() => console.log("the end"));
        console.log("the program");\`;
      const worker = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
      await new Promise((resolve) => worker.addEventListener("close", resolve));`);
  assertEquals(output, "the program\nthe end");
});

test("channel() is the channel of node:diagnostics_channel", () => {
  const seen: unknown[] = [];
  const channel = runtime().channel("curlws test of channels");
  const listener = (message: unknown) => void seen.push(message);
  assertEquals(channel.hasSubscribers, false);
  channel.publish("nobody hears it");
  subscribe("curlws test of channels", listener);
  assertEquals(channel.hasSubscribers, true);
  channel.publish("heard");
  unsubscribe("curlws test of channels", listener);
  assertEquals([seen, channel.hasSubscribers], [["heard"], false]);
  assert(runtime().channel("curlws test of channels") === channel);
});
