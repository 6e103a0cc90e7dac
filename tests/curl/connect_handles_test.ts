import { assertEquals, assertStrictEquals } from "@std/assert";
import "../../mod.ts";
import type { CallbackReceiver } from "../../src/curl/connect_callbacks.ts";
import { ConnectHandles } from "../../src/curl/connect_handles.ts";
import { type Curl, loadCurl } from "../../src/curl/library.ts";
import type { CArgument } from "../../src/platform/ffi.ts";
import type { Reactor } from "../../src/reactor/reactor.ts";
import { test } from "../support/testing.ts";

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

const FREED = ["curl_multi_remove_handle", "curl_easy_cleanup", "curl_multi_cleanup"];

/** A reactor whose poll is out, until the list is run. */
function polling(waiting: (() => void)[]): Reactor {
  return { whenUnpolled: (close: () => void) => waiting.push(close) } as unknown as Reactor;
}

/** A receiver that does nothing but what is given. */
function receiver(given: Partial<CallbackReceiver> = {}): CallbackReceiver {
  return { onSocket: () => {}, onTimer: () => {}, onDebug: () => {}, onProgress: () => true, ...given };
}

/** Handles that will connect to a port of this machine. */
function handlesFor(curl: Curl, reactor: Reactor, callbacks: CallbackReceiver): ConnectHandles {
  const handles = new ConnectHandles(curl, reactor, callbacks);
  handles.setCallbacks();
  handles.options.text("URL", "http://127.0.0.1:9");
  return handles;
}

test("libcurl's timer reaches the receiver, and the handles are freed in order when no poll is out", () => {
  const calls: string[] = [], waiting: (() => void)[] = [], timers: number[] = [];
  const handles = handlesFor(
    notedCurl(calls),
    polling(waiting),
    receiver({ onTimer: (milliseconds) => timers.push(milliseconds) }),
  );
  assertEquals(handles.start(), null);
  assertEquals(timers, [0]);
  assertEquals(handles.result(), null);
  handles.free();
  assertEquals(calls, []);
  waiting.splice(0).forEach((close) => close());
  assertEquals(calls, FREED);
});

test("what the receiver throws is what the call failed with", () => {
  const error = new Error("thrown by the receiver");
  const throwing = receiver({
    onTimer: () => {
      throw error;
    },
  });
  const handles = handlesFor(loadCurl(), polling([]), throwing);
  assertStrictEquals(handles.start(), error);
  handles.freeNow();
});

test("freed inside one of libcurl's callbacks, the handles live until the call returns", () => {
  const calls: string[] = [], waiting: (() => void)[] = [];
  const inside: number[] = [];
  const handles: ConnectHandles = handlesFor(
    notedCurl(calls),
    polling(waiting),
    receiver({
      onTimer: () => {
        handles.free();
        inside.push(waiting.length);
      },
    }),
  );
  handles.start();
  assertEquals(inside[0], 0);
  assertEquals([calls.length, waiting.length], [0, 1]);
  waiting.splice(0).forEach((close) => close());
  assertEquals(calls, FREED);
});

test("two pairs of handles: each call goes to the receiver of its own pair", () => {
  const timers: string[] = [];
  const second = handlesFor(loadCurl(), polling([]), receiver({ onTimer: () => timers.push("second") }));
  // The second begins while the call of the first is on the stack.
  const first = handlesFor(
    loadCurl(),
    polling([]),
    receiver({
      onTimer: () => {
        if (timers.length === 0) second.start();
        timers.push("first");
      },
    }),
  );
  first.start();
  assertEquals(timers.slice(0, 2), ["second", "first"]);
  first.freeNow();
  second.freeNow();
});
