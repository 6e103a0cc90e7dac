/** Rotations, whatever the two connections bring and when. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { test } from "../support/testing.ts";
import { type FakeSocket, ScriptedFeed } from "./scripted.ts";

const key = (data: string | ArrayBuffer) => Number(data);

test("whatever the two connections bring and when, each number is delivered once and in order", () => {
  const steps = fc.array(fc.constantFrom("old", "next", "open", "pause", "resume", "wait"), { maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 0, max: 5 }), fc.integer({ min: -3, max: 6 }), (steps, before, ahead) => {
      const scripted = new ScriptedFeed({ rotate: { key, overlap: 1e6, patience: 1e6 } }, { highWaterMark: 300 });
      const old = scripted.socket;
      old.open();
      let sent = 0;
      for (; sent < before; sent++) old.message(String(sent));
      scripted.feed.rotate();
      const next = scripted.socket;
      // The next connection begins with the number that the server sends when it is open: the old one may lag behind or be ahead.
      let nextSent: number | null = null;
      const send = (socket: FakeSocket, number: number) => {
        if (socket.isPaused || socket.readyState !== 1) return number;
        socket.message(String(number));
        return number + 1;
      };
      for (
        const step of [
          ...steps,
          "resume",
          "open",
          ...Array(80).fill("next"),
          ...Array(80).fill("old"),
          ...Array(5).fill("next"),
        ]
      ) {
        if (step === "old") sent = send(old, sent);
        if (step === "open" && next.readyState === 0) {
          nextSent = Math.max(before, sent + ahead);
          next.open();
        }
        if (step === "next" && nextSent !== null) nextSent = send(next, nextSent);
        if (step === "pause") scripted.feed.pause();
        if (step === "resume") scripted.feed.resume();
        if (step === "wait") scripted.clock.pass(1);
      }
      assertEquals(scripted.messages, scripted.messages.map((_, i) => String(i)));
      assertEquals([old.closedWith, scripted.news], [[1000], ["open"]]);
    }),
    { numRuns: 300 },
  );
});
