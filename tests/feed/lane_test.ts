/** Several lanes: redundant connections. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { test } from "../support/testing.ts";
import { closedBy, lost, ScriptedFeed } from "./scripted.ts";

const key = (data: string | ArrayBuffer) => Number(data);
const redundancy = { connections: 2, key };

test("each message is delivered once, from whichever connection brings it first", () => {
  const scripted = new ScriptedFeed({ redundancy });
  const [one, two] = scripted.sockets;
  one!.open();
  two!.open();
  one!.message("1", "2");
  scripted.clock.pass(10);
  two!.message("1", "2", "3");
  scripted.clock.pass(30);
  one!.message("3");
  assertEquals([scripted.messages.join(""), scripted.news], ["123", ["open"]]);
  assertEquals(scripted.feed.stats.redundancy, [
    { first: 2, led: 2, meanLead: 10 },
    { first: 1, led: 1, meanLead: 30 },
  ]);
  assertEquals(scripted.feed.stats.duplicates, 3);
});

test("one that is lost leaves no gap, and is replaced", () => {
  const scripted = new ScriptedFeed({ redundancy });
  const [one, two] = scripted.sockets;
  one!.open();
  two!.open();
  one!.end();
  assertEquals(scripted.news, ["open", "attempt 2 of 0 in 1000"]);
  two!.message("1");
  scripted.clock.pass(1000);
  scripted.socket.open();
  scripted.socket.message("1", "2");
  assertEquals([scripted.messages.join(""), scripted.news, scripted.feed.stats.gaps], ["12", [], 0]);
});

test("the gap is told when none stands any more, and over when one does", () => {
  const scripted = new ScriptedFeed({ redundancy });
  const [one, two] = scripted.sockets;
  one!.open();
  two!.open();
  one!.end();
  two!.end(closedBy(1001));
  scripted.clock.pass(1000);
  scripted.sockets[3]!.open();
  scripted.sockets[2]!.open();
  assertEquals(scripted.news.map((text) => text.replace(/ in .*| \d+ \d+ \d+/, "")), [
    ...["open", "attempt 2 of 0", "down", "attempt 2 of 1", "gap 1001", "open"],
  ]);
});

test("a gap begins with the last message that was delivered, not with what another connection brought again", () => {
  const scripted = new ScriptedFeed({ redundancy });
  const [one, two] = scripted.sockets;
  one!.open();
  two!.open();
  scripted.clock.pass(100);
  one!.message("1", "2");
  scripted.clock.pass(100);
  one!.end();
  two!.message("1");
  scripted.clock.pass(100);
  two!.end();
  scripted.clock.pass(900);
  scripted.socket.open();
  // By the clock, which began at 1,000: message 2 came at 1,100.
  assertEquals(scripted.news.find((text) => text.startsWith("gap")), "gap 1100 1300 2200 1006");
});

test("each has its own options beside those of all", () => {
  const scripted = new ScriptedFeed({
    headers: { A: "1" },
    redundancy: {
      connections: [{ interface: "eth0" }, { proxy: (attempt) => `http://p${attempt}`, headers: {} }],
      key,
    },
  });
  assertEquals(scripted.sockets.map(({ init }) => init.options), [
    { headers: { A: "1" }, interface: "eth0", pingInterval: 20_000 },
    { headers: {}, proxy: "http://p1", pingInterval: 20_000 },
  ]);
});

test("one that cannot go on leaves the others; the feed ends with the last", () => {
  const scripted = new ScriptedFeed({ redundancy });
  const [one, two] = scripted.sockets;
  one!.end(lost("ERR_PROXY_AUTH"));
  two!.open();
  assertEquals(scripted.news, ["warning: redundancy 0 null ERR_PROXY_AUTH", "open"]);
  scripted.clock.pass(1e6);
  assertEquals(scripted.sockets.length, 2);
  two!.end(closedBy(1008));
  assertEquals(scripted.news, ["down", "end 1008 clean"]);
});

test("send() goes over one connection, the one that has stood longest", () => {
  const scripted = new ScriptedFeed({ redundancy });
  const [one, two] = scripted.sockets;
  two!.open();
  one!.open();
  scripted.feed.send("a");
  two!.end();
  scripted.feed.send("b");
  assertEquals([one!.sent, two!.sent], [["b"], ["a"]]);
  assertEquals(scripted.feed.sockets.length, 1);
});

test("what was sent while the only connection was closing goes over the next one that stands", () => {
  const scripted = new ScriptedFeed({ redundancy, buffer: 100 });
  const [one, two] = scripted.sockets;
  one!.open();
  one!.readyState = 2;
  scripted.feed.send("a");
  two!.open();
  scripted.feed.send("b");
  assertEquals([one!.sent, two!.sent], [[], ["a", "b"]]);
});

test("a message that one connection brings twice is no lead over another", () => {
  const scripted = new ScriptedFeed({ redundancy });
  const [one] = scripted.sockets;
  one!.open();
  one!.message("1", "1");
  assertEquals([scripted.messages, scripted.feed.stats.redundancy[0]], [["1"], { first: 1, led: 0, meanLead: 0 }]);
});

test("close() closes all, and ends when all have ended", () => {
  const scripted = new ScriptedFeed({ redundancy });
  for (const socket of scripted.sockets) socket.open();
  scripted.feed.close(1000);
  scripted.sockets[0]!.end(closedBy(1000));
  assertEquals(scripted.news, ["open"]);
  scripted.sockets[1]!.end();
  assertEquals(scripted.news, ["end 1000 clean"]);
});

test("whatever ends and connects again, what any connection brings is delivered once", () => {
  const step = fc.tuple(fc.constantFrom("message", "end", "open", "pass", "rotate", "pause", "resume"), fc.nat(5));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const scripted = new ScriptedFeed({ redundancy, rotate: { overlap: 50, patience: 50 } });
      const brought = new Set<string>();
      for (const [what, n] of steps) {
        const open = scripted.sockets.filter(({ readyState, isPaused }) => readyState === 1 && !isPaused);
        const socket = open[n % Math.max(1, open.length)];
        if (what === "message") {
          for (const number of [n, brought.size]) {
            if (socket === undefined || socket.isPaused || socket.readyState !== 1) break;
            brought.add(String(number));
            socket.message(String(number));
          }
        }
        if (what === "end") (socket ?? scripted.sockets.find(({ readyState }) => readyState !== 3))?.end();
        if (what === "open") scripted.sockets.find(({ readyState }) => readyState === 0)?.open();
        if (what === "pass") scripted.clock.pass(n * 500);
        if (what === "rotate") scripted.feed.rotate();
        if (what === "pause") scripted.feed.pause();
        if (what === "resume") scripted.feed.resume();
        for (const one of scripted.sockets.filter(({ readyState }) => readyState === 2)) one.end(closedBy(1000));
      }
      assertEquals(new Set(scripted.messages).size, scripted.messages.length);
      scripted.feed.close();
      for (const one of scripted.sockets.filter(({ readyState }) => readyState === 2)) one.end(closedBy(1000));
      assertEquals(scripted.news.filter((text) => text.startsWith("end")).length, 1);
      assertEquals(scripted.clock.timers, []);
      assertEquals(scripted.sockets.filter(({ readyState }) => readyState !== 3).length, 0);
    }),
    { numRuns: 500 },
  );
});
