import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ClosingHandshake } from "../../src/protocol/closing_handshake.ts";
import { test } from "../support/testing.ts";
import {
  aborted,
  CLOSE_FRAME,
  closingHandshake,
  lost,
  NO_REASON,
  Peer,
  wrong,
} from "../fuzz/targets/closing_handshake.ts";
import { property } from "./support.ts";

interface Scenario {
  readonly steps: (peer: Peer) => void;
  readonly log: readonly string[];
  readonly end: readonly unknown[] | null;
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  "the server closes, this side replies with the same code, and TCP ends": {
    steps: (peer) => {
      peer.closing.receive(3000, "bye");
      peer.leave(CLOSE_FRAME);
      peer.closing.end(null);
    },
    log: ["closing", "send 3000", "wait closeTimeout", "end sending", "wait linger", "finish"],
    end: [3000, "bye", true, null],
  },
  "a close frame without a code is replied to without one": {
    steps: (peer) => {
      peer.eager = true;
      peer.closing.receive(1005, "");
      peer.timeOut();
    },
    log: ["closing", "send 0", "flush", "end sending", "wait linger", "finish"],
    end: [1005, "", true, null],
  },
  "this side closes, and the server replies": {
    steps: (peer) => {
      peer.closing.close(1000, new TextEncoder().encode("done"));
      peer.leave(CLOSE_FRAME);
      peer.closing.receive(1000, "");
      peer.closing.end(null);
    },
    log: [
      "send 1000 done",
      "wait closeTimeout",
      "wait closeTimeout",
      "closing",
      "end sending",
      "wait linger",
      "finish",
    ],
    end: [1000, "", true, null],
  },
  "both close at once": {
    steps: (peer) => {
      peer.closing.close(1000, NO_REASON);
      peer.closing.receive(1001, "away");
      peer.leave(CLOSE_FRAME);
      peer.closing.end(null);
    },
    log: ["send 1000", "wait closeTimeout", "closing", "wait closeTimeout", "end sending", "wait linger", "finish"],
    end: [1001, "away", true, null],
  },
  "a reset behind the server's close frame, before ours has left, is not clean and no error": {
    steps: (peer) => {
      peer.closing.receive(1001, "away");
      peer.closing.failSending(lost);
      peer.closing.end(null);
    },
    log: ["closing", "send 1001", "wait closeTimeout", "finish"],
    end: [1001, "away", false, null],
  },
  "the server ends TCP behind its close frame while ours waits for the network: it still goes out": {
    steps: (peer) => {
      peer.closing.receive(1000, "");
      peer.closing.end(null);
      assertEquals(peer.closing.reads, false);
      peer.leave(CLOSE_FRAME);
    },
    log: ["closing", "send 1000", "wait closeTimeout", "flush", "finish"],
    end: [1000, "", true, null],
  },
  "TCP ends without a close frame": {
    steps: (peer) => peer.closing.end(null),
    log: ["finish"],
    end: [1006, "", false, "ERR_CONNECTION_LOST"],
  },
  "TCP ends without a close frame after close() was called: no error, as browsers do": {
    steps: (peer) => {
      peer.closing.close(1000, NO_REASON);
      peer.closing.end(lost);
    },
    log: ["send 1000", "wait closeTimeout", "finish"],
    end: [1006, "", false, null],
  },
  "TCP ends while close() waits for messages before it": {
    steps: (peer) => {
      peer.closing.willClose();
      peer.closing.end(null);
    },
    log: ["finish"],
    end: [1006, "", false, null],
  },
  "a send fails, then a close frame is found in what had come": {
    steps: (peer) => {
      peer.closing.failSending(lost);
      assertEquals([peer.closing.maySend, peer.closing.mayDeliver, peer.closing.reads], [false, true, true]);
      peer.closing.receive(1011, "overloaded");
      peer.closing.end(null);
    },
    log: ["closing", "wait closeTimeout", "finish"],
    end: [1011, "overloaded", false, null],
  },
  "a send fails, and nothing had come": {
    steps: (peer) => {
      peer.closing.failSending(lost);
      peer.closing.end(null);
    },
    log: ["finish"],
    end: [1006, "", false, "ERR_CONNECTION_LOST"],
  },
  "the peer breaks the protocol: it is told why, and read until it ends": {
    steps: (peer) => {
      peer.closing.fail(wrong, 1002, "MASKED");
      assertEquals([peer.closing.mayDeliver, peer.closing.reads, peer.closing.failing], [false, true, true]);
      peer.leave(CLOSE_FRAME);
      peer.closing.end(lost);
    },
    log: ["closing", "send 1002 MASKED", "wait linger", "finish"],
    end: [1006, "", false, "ERR_PROTOCOL"],
  },
  "a violation behind our close frame: no second one goes out": {
    steps: (peer) => {
      peer.closing.close(1000, NO_REASON);
      peer.closing.fail(wrong, 1002, "MASKED");
      peer.closing.close(1000, NO_REASON);
      peer.timeOut();
    },
    log: ["send 1000", "wait closeTimeout", "closing", "wait linger", "finish"],
    end: [1006, "", false, "ERR_PROTOCOL"],
  },
  "a second failure has nothing to wait for": {
    steps: (peer) => {
      peer.closing.fail(wrong, 1002, "MASKED");
      peer.closing.fail(lost, 1011, "");
    },
    log: ["closing", "send 1002 MASKED", "wait linger", "finish"],
    end: [1006, "", false, "ERR_PROTOCOL"],
  },
  "a send that fails behind a violation ends it": {
    steps: (peer) => {
      peer.closing.fail(wrong, 1002, "MASKED");
      peer.closing.failSending(lost);
    },
    log: ["closing", "send 1002 MASKED", "wait linger", "finish"],
    end: [1006, "", false, "ERR_PROTOCOL"],
  },
  "the server never replies": {
    steps: (peer) => {
      peer.closing.close(1000, NO_REASON);
      peer.leave(CLOSE_FRAME);
      peer.timeOut();
    },
    log: ["send 1000", "wait closeTimeout", "wait closeTimeout", "finish"],
    end: [1006, "", false, null],
  },
  "the network never takes the reply to the server's close frame": {
    steps: (peer) => {
      peer.queued = 1000;
      peer.closing.receive(1000, "");
      peer.leave(500);
      peer.timeOut();
    },
    log: ["closing", "send 1000", "wait closeTimeout", "finish"],
    end: [1000, "", false, null],
  },
  "an upload before close() that goes on gets more time for each 64 KiB, and not for less": {
    steps: (peer) => {
      peer.queued = 1_000_000;
      peer.closing.close(1000, NO_REASON);
      peer.leave(65_535);
      peer.leave(1);
      peer.leave(65_535);
    },
    log: ["send 1000", "wait closeTimeout", "wait closeTimeout"],
    end: null,
  },
  "no memory for the close frame ends it at once": {
    steps: (peer) => {
      peer.noMemory = true;
      peer.closing.close(1000, NO_REASON);
    },
    log: ["send 1000", "finish"],
    end: [1006, "", false, "ERR_INTERNAL"],
  },
  "no memory for the close frame that tells of a violation: the violation is told": {
    steps: (peer) => {
      peer.noMemory = true;
      peer.closing.fail(wrong, 1002, "MASKED");
    },
    log: ["closing", "send 1002 MASKED", "finish"],
    end: [1006, "", false, "ERR_PROTOCOL"],
  },
  "terminated while closing": {
    steps: (peer) => {
      peer.closing.close(1000, NO_REASON);
      peer.closing.abort(null);
    },
    log: ["send 1000", "wait closeTimeout", "finish"],
    end: [1006, "", false, null],
  },
  "terminated behind a violation: the violation is told": {
    steps: (peer) => {
      peer.closing.fail(wrong, 1002, "MASKED");
      peer.closing.abort(aborted);
    },
    log: ["closing", "send 1002 MASKED", "wait linger", "finish"],
    end: [1006, "", false, "ERR_PROTOCOL"],
  },
  "terminated inside onClosing": {
    steps: (peer) => {
      peer.inside = { name: "closing", run: () => peer.closing.abort(null) };
      peer.closing.receive(1000, "");
    },
    log: ["closing", "finish"],
    end: [1006, "", false, null],
  },
};

for (const [name, { steps, log, end }] of Object.entries(SCENARIOS)) {
  test(name, () => {
    const peer = new Peer();
    steps(peer);
    assertEquals([...peer.log], [...log]);
    assertEquals(peer.end, end === null ? null : [...end]);
  });
}

property(
  "whatever happens in whatever order: one close frame, one end, nothing behind either, and the end is told by the rules",
  fc.uint8Array({ maxLength: 40 }),
  (bytes) => closingHandshake.fuzz(bytes),
  1000,
);

test("messages are delivered after close() only to who wants them, and to nobody after a failure", () => {
  const host = new Peer();
  for (const [wants, expected] of [[false, "true false"], [true, "true true"]] as const) {
    const closing = new ClosingHandshake(host, wants);
    const before = closing.mayDeliver;
    closing.close(1000, NO_REASON);
    assertEquals(`${before} ${closing.mayDeliver}`, expected);
    closing.fail(wrong, 1002, "");
    assertEquals(closing.mayDeliver, false);
  }
});
