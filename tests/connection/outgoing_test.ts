import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import "../../mod.ts";
import { Outgoing } from "../../src/connection/outgoing.ts";
import { OPCODE_BINARY } from "../../src/protocol/constants.ts";
import { Opcode, parseFrame } from "../support/frames.ts";
import { test } from "../support/testing.ts";

test("a sender whose queue never gets empty answers pings all the time, and the latest of a flood", () => {
  const out = new Outgoing();
  const message = new Uint8Array(100_000), sent: Buffer[] = [];
  const send = (room: number) => {
    out.queue.flush((bytes) => {
      const taken = Math.min(room, bytes.length);
      room -= taken;
      sent.push(Buffer.from(bytes.slice(0, taken)));
      return taken;
    });
    out.pongsLeft();
  };
  const floods = 20, pings = 100;
  out.message(OPCODE_BINARY, message);
  for (let flood = 0; flood < floods; flood++) {
    for (let i = 0; i < pings; i++) out.pong(new TextEncoder().encode(`${flood} ${i}`));
    // There is always another message before the last one has left.
    out.message(OPCODE_BINARY, message);
    while (out.queue.size > 2 * message.length) send(10_000);
    out.message(OPCODE_BINARY, message);
    while (out.queue.size > message.length) send(10_000);
    assert(!out.queue.empty);
  }
  send(Infinity);
  send(Infinity);
  assert(out.queue.empty);
  const pongs: string[] = [];
  for (let rest = Buffer.concat(sent); rest.length > 0;) {
    const { frame, size } = parseFrame(rest)!;
    if (frame.opcode === Opcode.pong) pongs.push(new TextDecoder().decode(frame.payload));
    rest = rest.subarray(size);
  }
  // Of each flood the first ones, and the latest.
  for (let flood = 0; flood < floods; flood++) {
    assert(pongs.includes(`${flood} 0`), `flood ${flood}: ${pongs.length} pongs`);
    assert(pongs.includes(`${flood} ${pings - 1}`), `flood ${flood}: not the latest`);
  }
  assert(pongs.length <= floods * 66, `${pongs.length} pongs`);
  assertEquals(pongs.at(-1), `${floods - 1} ${pings - 1}`);
});
