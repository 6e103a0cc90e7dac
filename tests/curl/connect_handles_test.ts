import { assertEquals, assertStrictEquals } from "@std/assert";
import "../../mod.ts";
import { ConnectHandles, type ConnectReceiver } from "../../src/curl/connect_handles.ts";
import { CURLE_COULDNT_CONNECT, CURLOPT_DEBUGFUNCTION } from "../../src/curl/constants.ts";
import { type Curl, loadCurl } from "../../src/curl/library.ts";
import type { CArgument } from "../../src/platform/ffi.ts";
import { runtime } from "../../src/platform/runtime.ts";
import type { Reactor } from "../../src/reactor/reactor.ts";
import { closedPort, RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

/** CURL_POLL_INOUT */
const CURL_POLL_INOUT = 3;
/** In company, without TLS. */
const SHARED = { alone: false, hasTls: false };

/** libcurl, whose calls that free something are noted. */
function notedCurl(calls: string[]): Curl {
  const curl = loadCurl();
  const noted = (name: "curl_multi_remove_handle" | "curl_easy_cleanup" | "curl_multi_cleanup") => {
    return (...pointers: CArgument[]) => {
      calls.push(name);
      return curl[name](...pointers);
    };
  };
  return {
    ...curl,
    curl_multi_remove_handle: noted("curl_multi_remove_handle"),
    curl_easy_cleanup: noted("curl_easy_cleanup"),
    curl_multi_cleanup: noted("curl_multi_cleanup"),
  };
}

/** A reactor whose poll is out, until the list is run. It finds no socket ready. */
function polling(waiting: (() => void)[]): Reactor {
  const whenUnpolled = (close: () => void) => void waiting.push(close);
  return { whenUnpolled, watch: () => {} } as unknown as Reactor;
}

/** A receiver that does nothing but what is given. */
function receiver(given: Partial<ConnectReceiver> = {}): ConnectReceiver {
  return {
    onDebug: () => {},
    onProgress: () => true,
    onResult: () => {},
    onFailure: () => {},
    onReady: () => false,
    onReactorError: () => {},
    ...given,
  };
}

/** Handles that will connect to a server that takes TCP and leaves TLS unanswered, and log that. */
function handlesFor({ port }: RawServer, curl: Curl, reactor: Reactor, callbacks: ConnectReceiver): ConnectHandles {
  const handles = new ConnectHandles(curl, reactor, callbacks);
  curl.setPointer(handles.easy, CURLOPT_DEBUGFUNCTION, handles.setCallbacks().debug.pointer);
  handles.options.long("VERBOSE", 1);
  handles.options.long("CONNECT_ONLY", 1);
  handles.options.text("URL", `https://127.0.0.1:${port}`);
  return handles;
}

const nextTask = () => new Promise<void>((resolve) => runtime().defer(resolve));
const run = (waiting: (() => void)[]) => waiting.splice(0).forEach((close) => close());

test("the handles are freed when no poll is out, and the multi in the task after", async () => {
  await using server = await RawServer.start();
  const calls: string[] = [], waiting: (() => void)[] = [];
  const handles = handlesFor(server, notedCurl(calls), polling(waiting), receiver());
  handles.start(SHARED);
  handles.settle();
  handles.free();
  assertEquals(calls, []);
  run(waiting);
  assertEquals(calls, ["curl_multi_remove_handle", "curl_easy_cleanup"]);
  await nextTask();
  assertEquals(calls.slice(2), ["curl_multi_cleanup"]);
});

test("handles that never began are freed, and there is no multi", async () => {
  await using server = await RawServer.start();
  const calls: string[] = [];
  handlesFor(server, notedCurl(calls), polling([]), receiver()).freeNow();
  await nextTask();
  assertEquals(calls, ["curl_easy_cleanup"]);
});

test("what the receiver throws ends its own attempt, and not that of others in the same multi", async () => {
  await using server = await RawServer.start();
  const error = new Error("thrown by the receiver"), failures: unknown[] = [], waiting: (() => void)[] = [];
  const curl = loadCurl(), reactor = polling(waiting);
  const other = handlesFor(
    server,
    curl,
    reactor,
    receiver({ onFailure: (error) => failures.push("the other", error) }),
  );
  other.start(SHARED);
  const throwing = handlesFor(
    server,
    curl,
    reactor,
    receiver({
      onDebug: () => {
        throw error;
      },
      onFailure: (error) => failures.push(error),
    }),
  );
  throwing.start(SHARED);
  assertEquals(failures.length, 1);
  assertStrictEquals(failures[0], error);
  for (const handles of [throwing, other]) handles.abandon();
  run(waiting);
});

test("freed inside one of libcurl's callbacks, the handles live until the call returns", async () => {
  await using server = await RawServer.start();
  const calls: string[] = [], waiting: (() => void)[] = [], inside: number[] = [];
  const handles: ConnectHandles = handlesFor(
    server,
    notedCurl(calls),
    polling(waiting),
    receiver({
      onDebug: () => {
        if (inside.length > 0) return;
        handles.settle();
        handles.free();
        inside.push(waiting.length);
      },
    }),
  );
  handles.start(SHARED);
  assertEquals(inside, [0]);
  assertEquals([calls.length, waiting.length], [0, 1]);
  run(waiting);
  assertEquals(calls, ["curl_multi_remove_handle", "curl_easy_cleanup"]);
});

test("freed without a poll inside a callback for another, the handles live until the call returns", async () => {
  await using server = await RawServer.start();
  const calls: string[] = [], curl = notedCurl(calls);
  const reactor = { whenUnpolled: (close: () => void) => close(), watch: () => {} } as unknown as Reactor;
  const first = handlesFor(server, curl, reactor, receiver());
  first.start(SHARED);
  const seen: number[] = [];
  const second = handlesFor(
    server,
    curl,
    reactor,
    receiver({
      onDebug: () => {
        if (seen.length > 0) return;
        first.abandon();
        seen.push(calls.length);
      },
    }),
  );
  second.start(SHARED);
  assertEquals(seen, [0]);
  assertEquals(calls, ["curl_multi_remove_handle", "curl_easy_cleanup"]);
  second.abandon();
});

test("each learns its own result, also in one multi", async () => {
  await using server = await RawServer.start();
  const results: string[] = [], waiting: (() => void)[] = [];
  const reactor = polling(waiting), curl = loadCurl();
  const waits = handlesFor(server, curl, reactor, receiver({ onResult: (code) => results.push(`waits ${code}`) }));
  waits.start(SHARED);
  const fails = handlesFor(server, curl, reactor, receiver({ onResult: (code) => results.push(`fails ${code}`) }));
  fails.options.text("URL", `http://127.0.0.1:${await closedPort()}`);
  fails.start(SHARED);
  // If the system refused it at once, that was told inside the call.
  if (results.length === 0) { for (const fd of fails.fds) fails.act(fd, CURL_POLL_INOUT); }
  assertEquals(results, [`fails ${CURLE_COULDNT_CONNECT}`]);
  for (const handles of [waits, fails]) handles.abandon();
  run(waiting);
});
