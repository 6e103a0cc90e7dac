/** Who may read the environment: on Deno a permission decides, also where C could read it without asking. */
import { assert, assertEquals } from "@std/assert";
import { libcurl } from "../../mod.ts";
import { closedPort } from "../support/raw_server.ts";
import { WsServer } from "../support/servers.ts";
import { test } from "../support/testing.ts";
import { runUser } from "../support/user_program.ts";

const skip = "Deno" in globalThis ? undefined : "Bun has no permissions";

/** Names that the process that runs the tests may have itself. */
const CLEAN = Object.fromEntries(
  ["ws_proxy", "http_proxy", "all_proxy", "no_proxy"].flatMap((name) => [[name, ""], [name.toUpperCase(), ""]]),
);

/** Whether connections went directly, or to the proxy that is not there; one line for each step. */
async function connects(
  flags: string[],
  env: Record<string, string>,
  { options = {}, then = [] }: { options?: object; then?: string[] } = {},
): Promise<string[]> {
  await using server = await WsServer.start();
  const connect = `await new Promise((resolve) => {
    const socket = new CurlWebSocket(${JSON.stringify(server.url("/echo"))}, ${JSON.stringify(options)});
    socket.onopen = () => { console.log("open"); socket.close(); };
    socket.onerror = ({ error }) => console.log(error.code);
    socket.onclose = resolve;
  })`;
  const lines = [connect, ...then.map((step) => `${step}; ${connect}`)].join(";\n");
  const args = ["run", "--quiet", "--no-check", "--allow-ffi", ...flags];
  return (await runUser(args, { ...CLEAN, ...env }, lines)).trim().split("\n");
}

test(
  "Deno: a proxy of the environment is used with permission to read its variable, and else is not looked at",
  async () => {
    const env = { http_proxy: `http://127.0.0.1:${await closedPort()}` };
    for (const flags of [["--allow-env"], ["--allow-env=http_proxy"], ["--allow-env=ws_proxy,http_proxy,no_proxy"]]) {
      assertEquals(await connects(flags, env), ["ERR_PROXY_CONNECT"], flags.join());
    }
    const without = [[], ["--no-prompt"], ["--deny-env"], ["--allow-env=HOME"], [
      "--allow-env",
      "--deny-env=http_proxy",
    ]];
    for (const flags of without) assertEquals(await connects(flags, env), ["open"], flags.join());
  },
  { skip, timeout: 60_000 },
);

test("Deno: a permission that is revoked, all of it or by name, holds from the next connection on", async () => {
  const env = { http_proxy: `http://127.0.0.1:${await closedPort()}` };
  const all = `Deno.permissions.revokeSync({ name: "env" })`;
  const one = `Deno.permissions.revokeSync({ name: "env", variable: "http_proxy" })`;
  assertEquals(await connects(["--allow-env"], env, { then: [all] }), ["ERR_PROXY_CONNECT", "open"]);
  for (const step of [all, one]) {
    const steps = await connects(["--allow-env=http_proxy"], env, { then: [step, "0"] });
    assertEquals(steps, ["ERR_PROXY_CONNECT", "open", "open"]);
  }
}, { skip, timeout: 60_000 });

test("Deno: libcurl does not read no_proxy by itself where it may not be read", async () => {
  const proxy = { curlOptions: { PRE_PROXY: `socks5://127.0.0.1:${await closedPort()}` } };
  assertEquals(await connects(["--allow-env"], { no_proxy: "*" }, { options: proxy }), ["open"]);
  const [failed] = await connects(["--deny-env"], { no_proxy: "*" }, { options: proxy });
  assert(failed?.startsWith("ERR_"), failed);
}, { skip: skip ?? (libcurl().version.startsWith("7.68") ? "SOCKS needs libcurl 7.69" : undefined), timeout: 30_000 });
