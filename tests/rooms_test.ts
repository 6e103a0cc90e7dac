/**
 * Which folder of `src/` may import from which: the rooms of the house. A folder imports nothing that is not named here, and no
 * imports go in a circle, of files or of folders, but for those that are named as still to go.
 */
import { assertEquals } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "./support/testing.ts";

const SRC = join(dirname(fileURLToPath(import.meta.url)), "..", "src");

/** What each folder may import from, beside itself. Everyone may import the errors, and what may be shown (`redact.ts`). */
const MAY: Readonly<Record<string, readonly string[]>> = {
  web: ["connection", "options", "observe", "protocol", "handshake", "curl", "platform"],
  connection: ["handshake", "protocol", "reactor", "curl", "observe", "options", "platform"],
  curl: ["reactor", "options", "observe", "handshake", "platform"],
  reactor: ["platform"],
  options: ["handshake"],
  observe: ["handshake", "protocol", "platform"],
  platform: [],
  handshake: [],
  protocol: ["handshake"],
};
const FOR_ALL = ["errors.ts", "observe/redact.ts"];

/** Imports that are not as they should be, and why they are there: each of them is to go, none is to be added. */
const STILL: Readonly<Record<string, string>> = {
  "observe/frame_log.ts -> connection/send_queue.ts": "the frame log is a kind of send queue",
  "observe/statistics.ts -> reactor/reactor.ts": "reactorStats() asks all reactors",
  "reactor/reactor.ts -> curl/create_multi.ts": "the reactor polls by libcurl itself",
  "reactor/reactor.ts -> curl/library.ts": "the reactor polls by libcurl itself",
  "reactor/ready_set.ts -> curl/constants.ts": "what libcurl calls readable",
  "platform/payload_decoder.ts -> protocol/payload.ts": "the interface that it implements",
  "platform/zlib.ts -> protocol/permessage_deflate.ts": "the interfaces that it implements",
};

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/")).filter((path) => path.endsWith(".ts"));

/** The files that a file imports, of types too. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(SRC, file), "utf8");
  return [...source.matchAll(/^(?:import|export)\s[^;]*?from\s+"(\.[^"]+)"/gm)]
    .map(([, specifier]) => normalize(join(dirname(file), specifier!)).replaceAll("\\", "/"));
}

const folder = (path: string) => path.includes("/") ? path.slice(0, path.indexOf("/")) : path;

/** A circle in a graph, or null. */
function circle(graph: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): string[] | null => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return null;
    for (const next of graph.get(node) ?? []) {
      const found = visit(next, [...path, node]);
      if (found !== null) return found;
    }
    done.add(node);
    return null;
  };
  for (const node of graph.keys()) {
    const found = visit(node, []);
    if (found !== null) return found;
  }
  return null;
}

test("each folder of src/ imports only from where it may", () => {
  const wrong: string[] = [];
  for (const file of files) {
    for (const target of importsOf(file)) {
      const from = folder(file), to = folder(target);
      const allowed = from === to || FOR_ALL.includes(target) || FOR_ALL.includes(file) || MAY[from]?.includes(to);
      if (!allowed) wrong.push(`${file} -> ${target}`);
    }
  }
  assertEquals(wrong.sort(), Object.keys(STILL).sort());
});

test("no file imports itself by way of others", () => {
  assertEquals(circle(new Map(files.map((file) => [file, importsOf(file)]))), null);
});

test("no folder imports itself by way of others, but for what is still to go", () => {
  const graph = new Map<string, string[]>();
  for (const file of files) {
    for (const target of importsOf(file)) {
      if (`${file} -> ${target}` in STILL || FOR_ALL.includes(target)) continue;
      if (folder(file) !== folder(target)) graph.set(folder(file), [...graph.get(folder(file)) ?? [], folder(target)]);
    }
  }
  assertEquals(circle(graph), null);
});

test("no file lies at the root of src/ but the errors, and each folder has its rule", () => {
  assertEquals(files.filter((file) => !file.includes("/")), ["errors.ts"]);
  assertEquals([...new Set(files.map(folder))].filter((name) => name !== "errors.ts").sort(), Object.keys(MAY).sort());
});
