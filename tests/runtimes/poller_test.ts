import { assert } from "@std/assert";
import "../../mod.ts";
import { ffi } from "../../src/platform/ffi.ts";
import { allocateNative } from "../../src/platform/native_memory.ts";
import { loadCurl } from "../../src/curl/library.ts";
import { test } from "../support/testing.ts";

test("a poll never resolves before curl_multi_poll has returned", async () => {
  const curl = loadCurl();
  const poller = ffi().createPoller(curl.info.path);
  const multi = curl.curl_multi_init();
  const { pointer } = allocateNative(8);
  const poll = (milliseconds: number) =>
    new Promise<void>((resolve, reject) =>
      poller.poll(multi, pointer, 0, milliseconds, (code, error) => code === 0 ? resolve() : reject(error ?? code))
    );
  let early = 0;
  for (let round = 0; round < 3_000; round++) {
    // A poll that returns at once, so that its answer races the next poll, which nothing wakes.
    await poll(0);
    const started = performance.now();
    await poll(2);
    if (performance.now() - started < 1) early++;
  }
  poller.unref();
  assert(early === 0, `${early} of 3,000 polls resolved early`);
}, { timeout: 60_000 });
