/** The drivers of a reactor: who shares one, and when they are freed; with the TLS sessions of their connections. */
import { runtime } from "../platform/runtime.ts";
import type { Reactor } from "../reactor/reactor.ts";
import { Driver, type DriverOwner } from "./driver.ts";
import type { ConnectTarget } from "./handle_options.ts";
import type { Curl } from "./library.ts";
import { TlsSessions } from "./tls_sessions.ts";

/**
 * How many connections share a driver, which takes two descriptors and some 40 KiB. Each read and each send looks the
 * connection up among them: with libcurl 7.88 that adds 0.1 us to a read of 0.55 us if they are 64 instead of 16, and 0.3 us
 * if they are 128; with 8.23 nothing.
 */
export const CAPACITY = 64;
/**
 * How many connect at the same time in the driver that one with TLS is given. One call into libcurl takes a step of each whose
 * time-out is due, and those of attempts that began together are: with 64, such a call kept the event loop for 60 ms of
 * CPU; a step of TLS has 0.5 ms. Without TLS it has a hundredth of that, and there may be as many as have room.
 */
export const MAX_CONNECTING = 16;
/** From 7.85 on, `curl_multi_remove_handle` closes a connection that is used by hand; before, it stays open in the multi. */
const CLOSES_ON_REMOVAL = 0x075500;
/**
 * A driver has a cache of names. When an attempt fails, an address may be out of date, or a name unknown for a moment only:
 * who tries again looks it up again, in another driver, for as long as libcurl remembers names, ms.
 */
const CACHE_TIME = 60_000;

/** Options of `curlOptions` that do something to a whole multi: to its cache of names, or to its other connections. */
const WHOLE_MULTI =
  /^(DNS_|DOH_|RESOLVE$|MAXCONNECTS$|MAXAGE_CONN$|MAXLIFETIME_CONN$|UPKEEP_INTERVAL_MS$|SSL_SESSIONID_CACHE$|\d+$)/;

/**
 * Whether a connection has to have a driver of its own: `resolve` writes into the cache of names, and DNS over HTTPS has
 * connections of its own, which libcurl would use again for another's names.
 */
export function isAlone(curl: Pick<Curl, "versionNumber">, { network, curlOptions }: ConnectTarget): boolean {
  return curl.versionNumber < CLOSES_ON_REMOVAL || network.resolve.length > 0 || network.dohUrl !== undefined ||
    curlOptions.some(({ option }) => WHOLE_MULTI.test(option.name));
}

/** What decides which driver a connection is given. */
export interface Company {
  /** Whether it has to have one of its own. */
  readonly alone: boolean;
  /** Whether TLS is a part of connecting, to the server or to a proxy. */
  readonly hasTls: boolean;
}

/** One a reactor, and so one a thread and libcurl. */
export class Drivers implements DriverOwner {
  readonly #curl: Curl;
  readonly #reactor: Reactor;
  /** Drivers that may be shared and have room, with the time from which on they may. */
  readonly #open: Map<Driver, number> = new Map();
  /** Those of one connection. */
  readonly #alone: Set<Driver> = new Set();
  readonly sessions: TlsSessions;
  #hasEnded = false;

  constructor(curl: Curl, reactor: Reactor) {
    this.#curl = curl;
    this.#reactor = reactor;
    this.sessions = new TlsSessions(curl);
    runtime().onThreadEnd(() => this.#end());
  }

  /**
   * Returns a driver for one more handle, which is to be added at once.
   *
   * @throws {CurlWebSocketError} if libcurl makes no multi: out of memory or file descriptors
   */
  driverFor({ alone, hasTls }: Company): Driver {
    if (!alone) {
      const now = performance.now(), most = hasTls ? MAX_CONNECTING : CAPACITY;
      for (const [driver, from] of this.#open) {
        if (driver.isBusy || from > now || driver.connecting >= most) continue;
        if (driver.size === CAPACITY - 1) this.#open.delete(driver);
        return driver;
      }
    }
    const driver = new Driver(this.#curl, this.#reactor, this);
    if (alone) this.#alone.add(driver);
    else this.#open.set(driver, 0);
    return driver;
  }

  /** An attempt failed in it, maybe by what it has in its cache. */
  distrust(driver: Driver): void {
    if (this.#open.has(driver)) this.#open.set(driver, performance.now() + CACHE_TIME);
  }

  /** A driver without handles is freed in a later task: another attempt may follow at once. */
  onLeft(driver: Driver): void {
    if (!this.#alone.has(driver) && !this.#open.has(driver)) this.#open.set(driver, 0);
    if (driver.size > 0) return;
    if (this.#hasEnded) return this.#free(driver);
    runtime().defer(() => this.#freeIfEmpty(driver));
  }

  #freeIfEmpty(driver: Driver): void {
    // It may have been freed, or used again.
    if (driver.size === 0 && !driver.isFreed) this.#free(driver);
  }

  #free(driver: Driver): void {
    this.#open.delete(driver);
    this.#alone.delete(driver);
    driver.free();
  }

  /** No later task comes. The reactor ends all that is attached to it by itself. */
  #end(): void {
    this.#hasEnded = true;
    for (const driver of [...this.#open.keys(), ...this.#alone]) this.#freeIfEmpty(driver);
    this.sessions.end();
  }
}

const all = new WeakMap<Reactor, Drivers>();

/** The drivers of a reactor and its libcurl. */
export function driversOf(curl: Curl, reactor: Reactor): Drivers {
  let drivers = all.get(reactor);
  if (drivers === undefined) all.set(reactor, drivers = new Drivers(curl, reactor));
  return drivers;
}
