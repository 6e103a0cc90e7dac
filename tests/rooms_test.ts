/**
 * The rooms of the house: which folder of `src/` and of `cli/` may import from which, who may name a runtime, where the test of a
 * file lies, and how long a file may be.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { circleIn, codeOf, filesBelow, folderOf, importsBelow, read } from "./support/modules.ts";
import { test } from "./support/testing.ts";

/** What each folder may import from, beside itself. Everyone may import the errors, and what may be shown (`redact.ts`). */
const MAY: Readonly<Record<string, readonly string[]>> = {
  feed: ["web", "connection", "options", "observe", "protocol", "handshake", "platform"],
  web: ["connection", "options", "observe", "protocol", "handshake", "curl", "platform"],
  connection: ["handshake", "protocol", "reactor", "curl", "observe", "options", "platform"],
  curl: ["reactor", "options", "observe", "handshake", "platform"],
  reactor: ["platform"],
  options: ["handshake", "observe"],
  observe: ["handshake", "protocol", "platform"],
  platform: [],
  handshake: [],
  protocol: ["handshake"],
};
const FOR_ALL = ["errors.ts", "observe/redact.ts"];

/** What each folder of `cli/` may import from, beside itself. Only `cli/mod.ts` may import from all of them. */
const CLI_MAY: Readonly<Record<string, readonly string[]>> = {
  options: ["terminal"],
  session: ["options", "terminal", "har"],
  har: ["options", "terminal"],
  fingerprint: ["options", "terminal"],
  install: ["options", "terminal"],
  terminal: [],
};
const CLI_FOR_ALL = ["errors.ts", "exit_codes.ts", "../deno.json", "../mod.ts", "../src/observe/redact.ts"];
/** What the command takes of `src/` that is not public, and what for. */
const CLI_TAKES: Readonly<Record<string, string>> = {
  "../src/curl/client_hello.ts": "what --fingerprint reads",
  "../src/curl/library_cache.ts": "where a libcurl is installed, so that it is found",
  "../src/handshake/browsers.ts": "the names of the browsers, for --impersonate",
  "../src/observe/observer.ts": "what -v shows, and --har records",
  "../src/options/proxy.ts": "whether a proxy gets a request first, for --fingerprint",
};

/** Which rooms of `src/` the interface of `ws` is made of: as a feed it is a user of connections. */
const WS_MAY = ["connection", "handshake", "observe", "options", "platform", "protocol", "web"];
/** The public modules that it takes, and the modules of Node: what the interface of `ws` itself is made of. */
const WS_TAKES = ["../mod.ts", "../runtimes/mod.ts"];
const WS_NODE = ["node:buffer", "node:events", "node:process", "node:querystring", "node:stream"];

/** What `runtimes/` may import, beside itself. */
const RUNTIMES_MAY = ["../src/platform/"];

/** Who names Deno or Bun outside `runtimes/`, and why. */
const NAMES_A_RUNTIME: Readonly<Record<string, string>> = {
  "cli/har/replay_server.ts": "each runtime has a WebSocket server of its own",
  "cli/terminal/output.ts": "Deno's own write is the one that does not block the event loop while a pipe is full",
};

/** The longest a file may be, in lines: a longer one has two jobs. */
const MAX_LINES = 400;
const WRITTEN_BY_HAND = ["src", "ws", "cli", "runtimes", "scripts", "bench", "tests", "examples"];

const src = importsBelow("src"), cli = importsBelow("cli"), ws = importsBelow("ws");

/** The imports, as `file -> file`, from one folder into another that are not allowed. */
function forbidden(
  imports: ReadonlyMap<string, readonly string[]>,
  may: Readonly<Record<string, readonly string[]>>,
  forAll: readonly string[],
): string[] {
  return [...imports].flatMap(([file, targets]) =>
    targets.filter((target) => {
      const from = folderOf(file), to = folderOf(target);
      return from !== to && !forAll.includes(target) && !forAll.includes(file) && !may[from]?.includes(to);
    }).map((target) => `${file} -> ${target}`)
  ).sort();
}

/** Which folder imports from which, without what everyone may import. */
function foldersOf(
  imports: ReadonlyMap<string, readonly string[]>,
  forAll: readonly string[],
): Map<string, string[]> {
  const graph = new Map<string, string[]>();
  for (const [file, targets] of imports) {
    const others = targets.filter((target) => folderOf(target) !== folderOf(file) && !forAll.includes(target));
    graph.set(folderOf(file), [...graph.get(folderOf(file)) ?? [], ...others.map(folderOf)]);
  }
  return graph;
}

test("each folder of src/ imports only from where it may", () => {
  assertEquals(forbidden(src, MAY, FOR_ALL), []);
});

test("the files of src/, ws/ and cli/ have no circular imports", () => {
  assertEquals(circleIn(src), null);
  assertEquals(circleIn(ws), null);
  assertEquals(circleIn(cli), null);
});

test("the folders of src/ and cli/ have no circular imports", () => {
  assertEquals(circleIn(foldersOf(src, FOR_ALL)), null);
  assertEquals(circleIn(foldersOf(cli, CLI_FOR_ALL)), null);
});

test("no file lies at the root of src/ but the errors, and each folder has its rule", () => {
  const files = [...src.keys()];
  assertEquals(files.filter((file) => !file.includes("/")), ["errors.ts"]);
  assertEquals(
    [...new Set(files.map(folderOf))].filter((name) => name !== "errors.ts").sort(),
    Object.keys(MAY).sort(),
  );
});

test("the pictures in CONTRIBUTING.md and docs/architecture.md show these rules", () => {
  for (const page of ["CONTRIBUTING.md", "docs/architecture.md"]) {
    const picture = /subgraph src\n([^]*?)\n {2}end/.exec(read(page))![1]!;
    const arrows = [...picture.matchAll(/^ +(\w+)(?:\[.*\])? --> (\w+)$/gm)].map(([, from, to]) =>
      [from!, to!] as const
    );
    const rooms = [...picture.matchAll(/^ +(\w+)\[\1\/: .*\]/gm)].map(([, room]) => room!);
    assertEquals([page, ...rooms.sort()], [page, ...Object.keys(MAY).sort()]);
    for (const [from, to] of arrows) assert(MAY[from]!.includes(to), `${page}: ${from} may not import from ${to}`);
    // By way of others counts: the picture leaves out the arrows that others imply.
    const reached = (from: string): string[] =>
      arrows.filter(([start]) => start === from).flatMap(([, to]) => [to, ...reached(to)]);
    for (const [from, all] of Object.entries(MAY)) {
      assertEquals([page, from, ...all.filter((to) => !reached(from).includes(to))], [page, from]);
    }
  }
});

test("each folder of cli/ imports only from where it may, and of src/ only what is named", () => {
  const files = [...cli.keys()];
  const folders = new Set(files.filter((file) => file.includes("/")).map(folderOf));
  assertEquals([...folders].sort(), Object.keys(CLI_MAY).sort());
  // mod.ts and version.ts lie above the folders.
  const below = new Map([...cli].filter(([file]) => file.includes("/")));
  assertEquals(forbidden(below, CLI_MAY, [...CLI_FOR_ALL, ...Object.keys(CLI_TAKES)]), []);
  const taken = new Set([...cli.values()].flat().filter((target) => target.startsWith("../src/")));
  assertEquals([...taken].filter((target) => !CLI_FOR_ALL.includes(target)).sort(), Object.keys(CLI_TAKES).sort());
});

test("ws/ imports only connections and what they are used with, and of Node what the interface of ws is made of", () => {
  const outside = new Set([...ws.values()].flat().filter((target) => target.startsWith("../")));
  const room = (target: string) => folderOf(target.slice("../src/".length));
  const allowed = (target: string) =>
    WS_TAKES.includes(target) || (target.startsWith("../src/") && ["errors.ts", ...WS_MAY].includes(room(target)));
  assertEquals([...outside].filter((target) => !allowed(target)), []);
  const modules = [...ws.keys()].flatMap((file) => [...read(`ws/${file}`).matchAll(/ from "(node:\w+)"/g)]);
  assertEquals([...new Set(modules.map(([, name]) => name))].sort(), WS_NODE);
});

test("runtimes/ imports only what a runtime must provide", () => {
  const outside = new Set([...importsBelow("runtimes").values()].flat().filter((target) => target.startsWith("../")));
  assertEquals([...outside].filter((target) => !RUNTIMES_MAY.some((start) => target.startsWith(start))), []);
});

test("only runtimes/ names Deno or Bun, and nothing of src/ imports a module of Node or Bun", () => {
  const names = (path: string) => /\b(?:Deno|Bun)\b/.test(codeOf(read(path)));
  assert(names("runtimes/deno.ts"));
  const paths = Object.entries({ src, ws, cli }).flatMap(([folder, imports]) =>
    [...imports.keys()].map((file) => `${folder}/${file}`)
  );
  assertEquals(paths.filter(names), Object.keys(NAMES_A_RUNTIME));
  const modules = /^(?:import|export)\s[^;]*?"(?:node|bun|npm|jsr):|\bimport\("(?:node|bun|npm|jsr):/m;
  assertMatch(read("runtimes/bun_ffi.ts"), modules);
  assertEquals(paths.filter((path) => path.startsWith("src/") && modules.test(read(path))), []);
});

/** Whether a test is named after a file, alone or with the subject behind: `proxy_test.ts`, `proxy_environment_test.ts`. */
const namedAfter = (test: string, source: string) => test === source || test.startsWith(`${source}_`);

test("the test of a file lies in the folder of the same name, and is named after it", () => {
  // tests/web/ tests the whole socket, by subjects of the standard.
  const rooms = [
    ...Object.keys(MAY).filter((name) => name !== "web").map((name) => [`src/${name}`, `tests/${name}`] as const),
    ["runtimes", "tests/runtimes"] as const,
    ["ws", "tests/ws"] as const,
    ["cli", "tests/cli"] as const,
  ];
  const folders = new Set(filesBelow("tests").map(folderOf));
  const astray = rooms.filter(([, tests]) => folders.has(folderOf(tests.slice("tests/".length)))).flatMap(
    ([room, tests]) => {
      const sources = filesBelow(room).map((file) => file.replace(/\.\w+$/, ""));
      // What both runtimes provide is tested by whichever runs: deno_ffi.ts and bun_ffi.ts by ffi_test.ts.
      if (room === "runtimes") sources.push("runtime", ...sources.map((file) => file.replace(/^(?:deno|bun)_/, "")));
      return filesBelow(tests).filter((file) => file.endsWith("_test.ts"))
        .filter((file) => !sources.some((source) => namedAfter(file.slice(0, -"_test.ts".length), source)))
        .map((file) => `${tests}/${file}`);
    },
  );
  assertEquals(astray, []);
});

test("the files that documents and comments name exist", () => {
  const paths = [...WRITTEN_BY_HAND, "docs"].flatMap((folder) => filesBelow(folder).map((file) => `${folder}/${file}`));
  const pages = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ...paths.filter((path) => /\.(?:md|m?ts|py)$/.test(path)),
  ];
  const named =
    /(?<=^|[\s"'`(])(?:\.\.\/)?((?:src|ws|cli|runtimes|tests|scripts|bench|examples)\/[a-z_\d/]+\.(?:m?ts|mjs|py))\b/gm;
  const wrong = pages.flatMap((page) =>
    [...read(page).matchAll(named)]
      // `../` begins a link in a document, and is relative to some folder in a module, whose imports are checked anyway.
      .filter(([whole, path]) => !paths.includes(path!) && (page.endsWith(".md") || !whole.startsWith("../")))
      .map(([, path]) => `${page}: ${path}`)
  );
  assertEquals(wrong, []);
});

test("npm run libcurls runs the tests of every room, but for those that know no libcurl", () => {
  // A feed knows sockets alone, which web/ tests with each libcurl.
  const pure = ["feed", "handshake", "protocol", "reactor"];
  const within = /const WITHIN = "(.*)"/.exec(read("scripts/libcurls.ts"))![1]!.split(",");
  assertEquals(within, [...Object.keys(MAY), "runtimes"].filter((room) => !pure.includes(room)).sort());
});

test(`no file is longer than ${MAX_LINES} lines`, () => {
  const paths = WRITTEN_BY_HAND.flatMap((folder) => filesBelow(folder).map((file) => `${folder}/${file}`))
    .filter((path) => /\.(?:m?ts|m?js|py)$/.test(path));
  const long = paths.filter((path) => read(path).trimEnd().split("\n").length > MAX_LINES);
  assertEquals(long, []);
});
