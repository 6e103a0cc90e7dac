/** A feed whose sockets, time and chance a test moves by hand, and what it told. */
import "../../runtimes/mod.ts";
import { assert } from "@std/assert";
import { NO_STATS } from "../../src/connection/socket_stats.ts";
import { CurlWebSocketError, type CurlWebSocketErrorInit, type ErrorCode } from "../../src/errors.ts";
import type { FeedClock } from "../../src/feed/clock.ts";
import type { ConnectionEnd } from "../../src/protocol/closing_handshake.ts";
import { type ConnectionInit, ConnectionPlan } from "../../src/feed/connection_plan.ts";
import { Feed } from "../../src/feed/feed.ts";
import type { Data } from "../../src/feed/member.ts";
import { completeFeedOptions, type ReconnectingCurlWebSocketOptions } from "../../src/feed/options.ts";
import type { CurlWebSocket } from "../../src/web/websocket.ts";
import { ScriptedClock } from "../reactor/scripted.ts";

/** Chance is what the test says; 1 is the longest of all delays. */
export class ScriptedFeedClock extends ScriptedClock implements FeedClock {
  chance = 1;

  date(): number {
    return 1_700_000_000_000 + this.time;
  }

  random(): number {
    return this.chance;
  }
}

/** The end of a connection that was lost. */
export function lost(code: ErrorCode = "ERR_CONNECTION_LOST", init: CurlWebSocketErrorInit = {}): ConnectionEnd {
  return { error: new CurlWebSocketError(code, "lost", init), code: 1006, reason: "", wasClean: false };
}

/** The end of a connection that the server closed. */
export function closedBy(code: number, reason = ""): ConnectionEnd {
  return { error: null, code, reason, wasClean: true };
}

/** A socket that does what the test says. */
export class FakeSocket extends EventTarget {
  readonly init: ConnectionInit;
  readonly #onMessage: (data: Data) => boolean;
  readyState = 0;
  isPaused = false;
  refed = true;
  readonly sent: unknown[] = [];
  closedWith: unknown[] | null = null;
  terminated = false;
  bufferedAmount = 0;
  stats = NO_STATS;

  constructor(init: ConnectionInit, onMessage: (data: Data) => boolean) {
    super();
    this.init = init;
    this.#onMessage = onMessage;
  }

  /** What the server does. */
  open(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }
  message(...messages: Data[]): void {
    for (const data of messages) {
      assert(!this.isPaused, "a message of a socket that is paused");
      this.#onMessage(data);
      this.dispatchEvent(new MessageEvent("message", { data }));
    }
  }
  end({ error, code, reason, wasClean }: ConnectionEnd = lost()): void {
    this.readyState = 3;
    if (error !== null) this.dispatchEvent(new ErrorEvent("error", { error }));
    this.dispatchEvent(new CloseEvent("close", { code, reason, wasClean }));
  }

  /** What the feed does. */
  send(data: unknown): void {
    assert(this.readyState === 1, "send() of a socket that is not open");
    this.sent.push(data);
  }
  close(...given: unknown[]): void {
    this.closedWith = given.filter((value) => value !== undefined);
    this.readyState = 2;
  }
  terminate(): void {
    this.terminated = true;
    this.readyState = 3;
  }
  pause(): boolean {
    this.isPaused = true;
    return true;
  }
  resume(): boolean {
    this.isPaused = false;
    return true;
  }
  ref(): void {
    this.refed = true;
  }
  unref(): void {
    this.refed = false;
  }
}

/** A feed, its sockets in the order in which they were made, and what it told. */
export class ScriptedFeed {
  readonly clock = new ScriptedFeedClock();
  readonly sockets: FakeSocket[] = [];
  readonly told: string[] = [];
  readonly messages: Data[] = [];
  readonly feed: Feed;
  /** What the next attempt to make a socket throws. */
  refusal: unknown = null;
  /** What happens when a message is delivered. */
  onMessage: (data: Data) => void = () => {};

  constructor(
    options: ReconnectingCurlWebSocketOptions = {},
    { url = "ws://localhost/", highWaterMark = 10_000, start = true } = {},
  ) {
    const told = (text: string) => void this.told.push(text);
    const complete = completeFeedOptions(options);
    this.feed = new Feed({
      options: complete,
      plans: complete.connections.map((connection) => new ConnectionPlan(url, connection)),
      highWaterMark,
      clock: this.clock,
      create: (init, onMessage) => {
        const refusal = this.refusal;
        this.refusal = null;
        if (refusal !== null) throw refusal;
        const socket = new FakeSocket(init, onMessage);
        this.sockets.push(socket);
        return socket as unknown as CurlWebSocket;
      },
      takeOver: () => {},
    }, {
      onOpen: () => told("open"),
      onMessage: (data) => {
        this.messages.push(data);
        this.onMessage(data);
        return true;
      },
      onDown: () => told("down"),
      onReconnecting: ({ attempt, delay, index }) => told(`attempt ${attempt} of ${index} in ${delay}`),
      onGap: ({ from, lostAt, to, reason }) => {
        const start = 1_700_000_000_000;
        told(`gap ${from - start} ${lostAt - start} ${to - start} ${reason.code}`);
      },
      onWarning: ({ problem, index, delay, reason }) => {
        told(`warning: ${problem} ${index} ${delay} ${reason.error?.code ?? reason.code}`);
      },
      onEnd: ({ error, code, wasClean }) => told(`end ${error?.code ?? code}${wasClean ? " clean" : ""}`),
    });
    if (start) this.feed.start();
  }

  /** The latest socket. */
  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  /** What was told since the last time. */
  get news(): string[] {
    this.clock.settle();
    return this.told.splice(0);
  }
}
