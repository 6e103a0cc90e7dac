import { assert, assertEquals } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { test } from "../support/testing.ts";
import { example, feeds, folder } from "./support.ts";

interface Line {
  at: number;
  data?: string;
  event?: string;
  from?: number;
  to?: number;
  reason?: string;
}

/** All lines of a feed's files, in order; how many files there were. */
function read(path: string, name: string): { lines: Line[]; files: string[] } {
  const files = readdirSync(path).filter((file) => file.startsWith(`${name}-`)).sort();
  const text = files.map((file) => gunzipSync(readFileSync(join(path, file))).toString()).join("");
  assert(text.endsWith("\n"));
  return { files, lines: text.trim().split("\n").map((line) => JSON.parse(line)) };
}

test("market_data_recorder.ts keeps all of both feeds, over a lost connection, in several files", async () => {
  await using feed = await feeds();
  using out = folder();
  await using child = example("market_data_recorder", [
    ...["--slow", feed.url("/gemini?rate=20&drop=15"), "--fast", feed.url("/dex?rate=2000"), "--dir", out.path],
    ...["--max-bytes", "100000"],
  ]);
  // The second connection of the slow feed was subscribed to, and brought something that was written.
  await feed.server.says(/^subscribed BTCUSD\n[^]*^subscribed BTCUSD$/m);
  const status = /^gemini \d+ msg\/s, dexscreener (\d+) msg\/s, CPU [\d.]+ %, \d+ lines, [\d.]+ MB on the disk$/gm;
  await child.says(new RegExp(`(${status.source}\n[^]*){3}`, "m"));
  child.signal("SIGINT");
  assertEquals(await child.exit(), 0, child.err);

  const slow = read(out.path, "gemini"), fast = read(out.path, "dexscreener");
  assert([...slow.files, ...fast.files].every((name) => name.endsWith(".jsonl.gz")), String(slow.files));
  assert(fast.files.length > 1, String(fast.files));
  const rates = [...child.err.matchAll(status)].map(([, rate]) => Number(rate));
  assert(Math.max(...rates) > 1000, String(rates));

  // Each connection's messages have no gap, to the last one that the server sent.
  const runs = (lines: Line[], key: string) =>
    lines.reduce<number[][]>((all, { event, data }) => {
      if (event === "open" || event === "gap") all.push([]);
      else if (data !== undefined) all.at(-1)!.push(JSON.parse(data)[key]);
      return all;
    }, []);
  const counts = { gemini: runs(slow.lines, "socket_sequence"), dex: runs(fast.lines, "sequence") };
  assertEquals(counts.gemini.length, 2);
  assertEquals(counts.dex.length, 1);
  // "ping" was answered, else the server had closed, and is no data.
  for (const run of [...counts.gemini, ...counts.dex]) assertEquals(run, run.map((_, i) => i));
  assert(counts.gemini[1]!.length > 5 && counts.dex[0]!.length > 2000, child.out);
  const events = slow.lines.filter(({ event }) => event !== undefined);
  assertEquals(events.map(({ event, reason }) => reason ?? event), ["open", "ERR_CONNECTION_LOST", "close 1005"]);
  const { from, to } = events[1]!, place = slow.lines.indexOf(events[1]!);
  // It begins with the last message before it, and ends before the next one.
  assert(Math.abs(slow.lines[place - 1]!.at - from!) < 100 && to! <= slow.lines[place + 1]!.at + 1, `${from} ${to}`);
  const total = counts.gemini.flat().length;
  assert(child.out.startsWith(`recorded ${total} of gemini, `), `${total} ${child.out}`);
  for (const { lines } of [slow, fast]) {
    assert(lines.every(({ at }, i) => i === 0 || at >= lines[i - 1]!.at));
    assert(Math.abs(lines.at(-1)!.at - Date.now()) < 30_000);
  }
}, { timeout: 40_000 });

test("market_data_recorder.ts: with ids, rotations and two connections add nothing and lose nothing", async () => {
  for (const connections of ["1", "2"]) {
    await using feed = await feeds();
    using out = folder();
    await using child = example("market_data_recorder", [
      ...["--slow", feed.url("/gemini?rate=20"), "--fast", feed.url("/dex?rate=500&shared=1"), "--dir", out.path],
      // A second.
      ...["--fast-id", '"sequence":(\\d+)', "--connections", connections, "--rotate-hours", String(1 / 3600)],
    ]);
    // Each connection that was replaced is closed by 1000.
    await feed.server.says(/(^closed dex 1000[^]*){4}/m);
    child.signal("SIGINT");
    assertEquals(await child.exit(), 0, child.err);
    const { lines } = read(out.path, "dexscreener");
    const numbers = lines.flatMap(({ data }) => data === undefined ? [] : [JSON.parse(data).sequence as number]);
    const first = numbers[0]!;
    assert(numbers.length > 500, String(numbers.length));
    // Two connections may overtake one another where one begins.
    const sorted = connections === "1" ? numbers : numbers.toSorted((a, b) => a - b);
    assertEquals(sorted, numbers.map((_, i) => first + i));
    assertEquals(lines.flatMap(({ event }) => event ?? []), ["open", "close 1005"]);
  }
}, { timeout: 60_000 });

test("market_data_recorder.ts gives up a feed that refuses it for good, and says so", async () => {
  await using feed = await feeds();
  using out = folder();
  await using child = example("market_data_recorder", [
    ...["--slow", feed.url("/gemini?rate=20"), "--fast", feed.url("/forbidden"), "--dir", out.path],
  ]);
  await child.says(/^dexscreener: gives up: ERR_HANDSHAKE_STATUS: .*403/m);
  await child.says(/ [1-9]\d* lines, /);
  child.signal("SIGINT");
  assertEquals(await child.exit(), 1, child.err);
  assert(read(out.path, "gemini").lines.length > 1);
  assertEquals(read(out.path, "dexscreener").lines.map(({ event }) => event), ["ERR_HANDSHAKE_STATUS", "close 1006"]);
}, { timeout: 40_000 });

test("market_data_recorder.ts: what it counts as written can be read after a kill", async () => {
  await using feed = await feeds();
  using out = folder();
  await using child = example("market_data_recorder", [
    ...["--slow", feed.url("/gemini?rate=20"), "--fast", feed.url("/dex?rate=200"), "--dir", out.path],
  ]);
  // Both feeds have a second of lines, or more, on the disk.
  await child.says(/ [1-9]\d* lines, [^]* ([3-9]\d\d|\d{4,}) lines, /);
  child.signal("SIGKILL");
  assertEquals(await child.exit(), "SIGKILL");
  const reported = Number([...child.err.matchAll(/ (\d+) lines, /g)].at(-1)![1]);
  const slow = read(out.path, "gemini"), fast = read(out.path, "dexscreener");
  assert([...slow.files, ...fast.files].every((name) => name.endsWith(".jsonl.gz.part")), String(fast.files));
  assert(slow.lines.length > 1, `${slow.lines.length}`);
  assert(slow.lines.length + fast.lines.length >= reported, `${fast.lines.length} of ${reported}`);
  const numbers = fast.lines.flatMap(({ data }) => data === undefined ? [] : [JSON.parse(data).sequence]);
  assertEquals(numbers, numbers.map((_, i) => i));
}, { timeout: 40_000 });

test("market_data_recorder.ts ends, with the reason, where it cannot write", async () => {
  await using feed = await feeds();
  await using child = example("market_data_recorder", [
    ...["--slow", feed.url("/gemini"), "--fast", feed.url("/dex"), "--dir", "/proc/version/recordings"],
  ]);
  assert(await child.exit() !== 0);
  assert(/ENOTDIR|not a directory|ENOENT/i.test(child.err), child.err);
});
