/** `@curlws/curlws` as a snippet imports it: the sockets are watched, and this machine is the world they speak of. */
import { readFileSync } from "node:fs";
import process from "node:process";
import {
  CurlWebSocket as Real,
  type CurlWebSocketErrorEvent,
  type CurlWebSocketInit,
  CurlWebSocketStream as RealStream,
  type CurlWebSocketStreamOptions,
  type PerAttempt,
  ReconnectingCurlWebSocket as RealFeed,
  type ReconnectingCurlWebSocketOptions,
} from "../../../mod.ts";

export * from "../../../mod.ts";

/** What is to be run. */
export interface Plan {
  /** The CA that is trusted as the system's are. */
  readonly ca: string;
  /** The libcurl for `impersonate`. */
  readonly impersonate: string | null;
  readonly snippets: readonly { readonly path: string; readonly promises: readonly string[] }[];
  /** How long a snippet may take, ms. */
  readonly deadline: number;
}

export const plan: Plan = JSON.parse(readFileSync(process.argv[2]!, "utf8"));

/** The snippet that runs, and what came of it so far. */
export const state = {
  snippet: plan.snippets[0]!,
  sockets: [] as { readonly socket: Real | RealFeed; served: boolean; ended: boolean }[],
  problems: [] as string[],
  /** Called after each change. */
  check: (): void => {},
};

/** What a snippet gives, and what it takes on this machine. */
function local(init: CurlWebSocketInit): CurlWebSocketInit {
  const { tls = {}, proxy } = init;
  const trust = tls.ca !== undefined ? {} : tls.systemStore ? { extraCa: plan.ca } : { ca: plan.ca };
  const elsewhere = init.dohUrl !== undefined || init.unixSocket !== undefined;
  const secureProxy = typeof proxy === "object" && !(proxy instanceof URL) && /^https:/.test(`${proxy.url}`);
  return {
    ...init,
    tls: { ...trust, ...tls },
    ...(elsewhere ? {} : { resolve: { ...init.resolve, "*": "127.0.0.1" } }),
    ...(init.impersonate !== undefined && plan.impersonate !== null ? { library: plan.impersonate } : {}),
    ...(secureProxy ? { proxy: { ...proxy, tls: { ca: plan.ca, ...proxy.tls } } } : {}),
  };
}

export class CurlWebSocket extends Real {
  constructor(url: string | URL, second?: string | Iterable<string> | CurlWebSocketInit, third?: CurlWebSocketInit) {
    const list = typeof second === "string" || (second !== undefined && Symbol.iterator in second);
    const init: CurlWebSocketInit = list ? { ...third, protocols: second } : { ...third, ...second };
    super(url, local(init));
    watch(this);
  }
}

/** Its options `tls` and `resolve` must be no functions: they are replaced here. */
export class ReconnectingCurlWebSocket extends RealFeed {
  constructor(
    url: PerAttempt<string | URL>,
    second?: PerAttempt<string | Iterable<string> | undefined> | ReconnectingCurlWebSocketOptions,
    third?: ReconnectingCurlWebSocketOptions,
  ) {
    const isInit = typeof second === "object" && !(Symbol.iterator in second);
    const init = isInit ? second : { ...third, protocols: second };
    super(url, local(init as CurlWebSocketInit) as ReconnectingCurlWebSocketOptions);
    watch(this);
  }
}

/** Notes what becomes of a socket. */
function watch(socket: Real | RealFeed): void {
  const watched = { socket, served: false, ended: false };
  state.sockets.push(watched);
  const target: EventTarget = socket;
  target.addEventListener("message", () => {
    watched.served = true;
    state.check();
  });
  target.addEventListener("error", (event) => {
    const { code, message } = (event as CurlWebSocketErrorEvent).error;
    const promised = state.snippet.promises.some((promise) => promise.includes(code));
    if (!promised) state.problems.push(`a socket failed with ${code}: ${message}`);
    // It did what it is there for.
    else watched.served = true;
    state.check();
  });
  target.addEventListener("close", () => {
    watched.ended = true;
    state.check();
  });
}

/** A snippet with streams ends by itself, and prints what it promises: nothing else of it is watched. */
export class CurlWebSocketStream extends RealStream {
  constructor(url: string | URL, options: CurlWebSocketStreamOptions = {}) {
    super(url, local(options) as CurlWebSocketStreamOptions);
  }
}
