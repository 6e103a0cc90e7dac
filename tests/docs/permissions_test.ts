/** Holds docs/permissions.md to what Deno does: with the flags of a row, and without them. */
import { assert, assertEquals } from "@std/assert";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { closedPort } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(join(ROOT, "docs", "permissions.md"), "utf8");
const SKIP = "Deno" in globalThis ? undefined : "Bun has no permissions";

test("each feature of docs/permissions.md works with its flags, and says what is missing without", async () => {
  await using server = await WsServer.start();
  const folder = mkdtempSync(join(tmpdir(), "curlws-permissions-"));
  const url = JSON.stringify(server.url("/push?count=1"));
  const nowhere = `http://127.0.0.1:${await closedPort()}`;
  // What the program is given is not what it may read.
  const env: Record<string, string> = { ...Deno.env.toObject(), NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  for (const name of Object.keys(env)) if (/_proxy$/i.test(name)) delete env[name];
  env.ws_proxy = nowhere;
  delete env.CURLWS_LIBCURL;

  const run = (flags: string[], imports: string, program: string): string => {
    writeFileSync(join(folder, "main.ts"), `import { ${imports} } from "@curlws/curlws";\n${program}`);
    const args = ["run", "--no-check", "--no-prompt", ...flags, "main.ts"];
    // Not by node:child_process, which gives another Deno the permissions of this one.
    const command = new Deno.Command(Deno.execPath(), { args, cwd: folder, env, clearEnv: true });
    const { stdout, stderr } = command.outputSync();
    const text = new TextDecoder();
    return text.decode(stdout) + text.decode(stderr);
  };
  const receives = `for await (const data of new CurlWebSocket(${url})) { console.log("got", data); break; }`;
  const records = `import { HarRecording } from "@curlws/curlws/har";
    const recording = new HarRecording("feed.har");
    const socket = new CurlWebSocket(${url}, recording.of());
    for await (const _ of socket) break;
    await socket.closed;
    recording.close();
    console.log("recorded");`;
  const replays = `import { replay } from "@curlws/curlws/har";
    await using server = replay("feed.har", { speed: Infinity });
    for await (const data of new CurlWebSocket(server.url)) { console.log("replayed", data); break; }`;
  const denied = ["env", "read", "write", "net", "run", "sys"].map((name) => `--deny-${name}`);
  const flags = (row: string): string[] => {
    const line = page.split("\n").find((line) => line.startsWith(`| ${row}`))!;
    return line.split("|")[2]!.match(/--allow-[^\s`]+/g)!;
  };

  try {
    writeFileSync(join(folder, "deno.json"), JSON.stringify({ links: [ROOT.replace(/[\\/]$/, "")] }));
    const refused = run([], "CurlWebSocket", receives);
    assert(refused.includes("run it with --allow-ffi"), refused);
    assertEquals(run([], "CurlWebSocket", "console.log(CurlWebSocket.name);"), "CurlWebSocket\n");
    // ws_proxy, which leads nowhere, is not read.
    assertEquals(run(["--allow-ffi", ...denied], "CurlWebSocket", receives), "got 0\n");
    const proxied = run(["--allow-ffi", ...flags("the same for `ws:`")], "CurlWebSocket", receives);
    assert(proxied.includes("from the environment's ws_proxy"), proxied);
    const unwritten = run(["--allow-ffi"], "CurlWebSocket", records);
    assert(unwritten.includes("feed.har cannot be written"), unwritten);
    assertEquals(run(["--allow-ffi", ...flags("`HarRecording`")], "CurlWebSocket", records), "recorded\n");
    const unread = run(["--allow-ffi"], "CurlWebSocket", replays);
    assert(unread.includes("feed.har cannot be read"), unread);
    assertEquals(run(["--allow-ffi", ...flags("`replay()`")], "CurlWebSocket", replays), "replayed 0\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, { skip: SKIP, timeout: 30_000 });
