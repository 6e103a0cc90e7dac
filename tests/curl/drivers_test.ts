import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import "../../mod.ts";
import type { Driven, Driver } from "../../src/curl/driver.ts";
import { CAPACITY, Drivers, isAlone, MAX_CONNECTING } from "../../src/curl/drivers.ts";
import { addressOf } from "../../src/curl/connect_callbacks.ts";
import type { ConnectTarget } from "../../src/curl/handle_options.ts";
import { type Curl, loadCurl } from "../../src/curl/library.ts";
import { runtime } from "../../src/platform/runtime.ts";
import type { Reactor } from "../../src/reactor/reactor.ts";
import { test } from "../support/testing.ts";

/** Drivers whose multis are counted: how many there are now. `changes` are functions to take instead of libcurl's. */
function counted(changes: Partial<Curl> = {}): { drivers: Drivers; curl: Curl; multis: () => number } {
  const real = loadCurl();
  let multis = 0;
  const curl = {
    ...real,
    curl_multi_init: () => (multis++, real.curl_multi_init()),
    curl_multi_cleanup: (multi) => (multis--, real.curl_multi_cleanup(multi!)),
    ...changes,
  } as Curl;
  return { drivers: new Drivers(curl, { watch: () => {} } as unknown as Reactor), curl, multis: () => multis };
}

/** An easy handle that fails as soon as it begins: it has no URL. */
function driven(curl: Curl): Driven & { free(): void } {
  const easy = curl.curl_easy_init();
  const source = { onReady: () => false, onReactorError: () => {} };
  return {
    easy,
    address: addressOf(easy),
    source,
    refed: true,
    hasTls: false,
    fds: new Set(),
    sealed: -1,
    onResult: () => {},
    onFailure: () => {},
    free: () => void curl.curl_easy_cleanup(easy),
  };
}

/** Adds this many handles, each to the driver that it is given. */
function fill(
  drivers: Drivers,
  curl: Curl,
  count: number,
  hasTls = true,
): { driver: Driver; handle: Driven & { free(): void } }[] {
  return Array.from({ length: count }, () => {
    const driver = drivers.driverFor({ alone: false, hasTls }), handle = driven(curl);
    driver.add(handle);
    return { driver, handle };
  });
}

const nextTask = () => new Promise<void>((resolve) => runtime().defer(resolve));

test("handles share a driver, room that one leaves is taken, and drivers are freed in the task after", async () => {
  const { drivers, curl, multis } = counted();
  const all = fill(drivers, curl, 2 * CAPACITY + 6);
  const sizes = () => [...new Set(all.map(({ driver }) => driver))].map(({ size }) => size);
  assertEquals([sizes(), multis()], [[CAPACITY, CAPACITY, 6], 3]);
  const { driver, handle } = all[5]!;
  driver.remove(handle);
  assertEquals(sizes(), [CAPACITY - 1, CAPACITY, 6]);
  const more = fill(drivers, curl, CAPACITY - 5);
  assertEquals([sizes(), multis()], [[CAPACITY, CAPACITY, CAPACITY], 3]);
  for (const each of [...all, ...more]) if (each.handle !== handle) each.driver.remove(each.handle);
  assertEquals(multis(), 3);
  await nextTask();
  assertEquals([sizes(), multis()], [[0, 0, 0], 0]);
  for (const each of [...all, ...more]) each.handle.free();
});

test("few handles connect in one driver at the same time: those that stand make room for others", async () => {
  const nothing = () => 0;
  const { drivers, curl, multis } = counted({ curl_multi_socket_action: nothing, curl_multi_socket_all: nothing });
  const all = fill(drivers, curl, MAX_CONNECTING + 1);
  const [first] = all;
  assertEquals([first!.driver.connecting, first!.driver.size, multis()], [MAX_CONNECTING, MAX_CONNECTING, 2]);
  for (const { driver, handle } of all.slice(0, 3)) driver.settle(handle);
  const more = fill(drivers, curl, 3);
  for (const { driver } of more) assertStrictEquals(driver, first!.driver);
  assertEquals([first!.driver.connecting, first!.driver.size, multis()], [MAX_CONNECTING, MAX_CONNECTING + 3, 2]);
  for (const { driver, handle } of [...all, ...more]) driver.remove(handle);
  await nextTask();
  assertEquals(multis(), 0);
  for (const { handle } of [...all, ...more]) handle.free();
});

test("without TLS as many connect in one driver as have room, also beside some with TLS", async () => {
  const { drivers, curl, multis } = counted();
  const secure = fill(drivers, curl, MAX_CONNECTING), plain = fill(drivers, curl, CAPACITY - MAX_CONNECTING, false);
  assertEquals([secure[0]!.driver.size, multis()], [CAPACITY, 1]);
  for (const { driver, handle } of [...secure, ...plain]) driver.remove(handle);
  await nextTask();
  for (const { handle } of [...secure, ...plain]) handle.free();
});

test("a driver that was left is used again in the same task, and is then not freed", async () => {
  const { drivers, curl, multis } = counted();
  const [first] = fill(drivers, curl, 1);
  first!.driver.remove(first!.handle);
  const [second] = fill(drivers, curl, 1);
  assertStrictEquals(second!.driver, first!.driver);
  await nextTask();
  assertEquals([multis(), second!.driver.isFreed], [1, false]);
  second!.driver.remove(second!.handle);
  await nextTask();
  assertEquals([multis(), second!.driver.isFreed], [0, true]);
});

test("who is alone shares with nobody, and a driver is not given out behind a failure", async () => {
  const { drivers, curl, multis } = counted();
  const alone = drivers.driverFor({ alone: true, hasTls: true }), handle = driven(curl);
  alone.add(handle);
  const [one] = fill(drivers, curl, 1);
  assertNotStrictEquals(one!.driver, alone);
  drivers.distrust(one!.driver);
  drivers.distrust(alone);
  const [two] = fill(drivers, curl, 1);
  assertNotStrictEquals(two!.driver, one!.driver);
  assertEquals(multis(), 3);
  alone.remove(handle);
  for (const each of [one!, two!]) each.driver.remove(each.handle);
  await nextTask();
  assertEquals(multis(), 0);
});

test("isAlone: an old libcurl, and what does something to the whole multi", () => {
  const target = (change: Partial<ConnectTarget["network"]> = {}, names: readonly string[] = []) =>
    ({
      network: { resolve: [], ...change },
      curlOptions: names.map((name) => ({ option: { name }, value: 1 })),
    }) as unknown as ConnectTarget;
  const now = { versionNumber: 0x075801 };
  assertEquals(isAlone({ versionNumber: 0x075400 }, target()), true);
  assertEquals(isAlone({ versionNumber: 0x075500 }, target()), false);
  assertEquals(isAlone(now, target({ resolve: [{ host: "a", port: null, addresses: "127.0.0.1" }] })), true);
  assertEquals(isAlone(now, target({ dohUrl: "https://doh.example/" })), true);
  for (const name of ["DNS_SERVERS", "DOH_URL", "RESOLVE", "MAXCONNECTS", "MAXAGE_CONN", "10203"]) {
    assertEquals(isAlone(now, target({}, [name])), true, name);
  }
  for (const name of ["TCP_FASTOPEN", "SSL_CIPHER_LIST", "VERBOSE"]) {
    assertEquals(isAlone(now, target({}, [name])), false, name);
  }
});
