/** The output of `--version`. */
import process from "node:process";
import manifest from "../deno.json" with { type: "json" };
import { libcurl } from "../mod.ts";
import { messageOf } from "./errors.ts";

/** The versions of curlws, the runtime, libcurl and zlib, as lines for people. */
export function versions(library: string | undefined): string {
  const { deno, bun } = process.versions as Record<string, string | undefined>;
  const runtime = deno !== undefined ? `Deno ${deno}` : `Bun ${bun}`;
  const first = `curlws ${manifest.version} (${runtime}, ${process.platform}-${process.arch})`;
  try {
    const { version, tls, zlib, path, features } = libcurl(library);
    return [
      first,
      `libcurl ${version}, ${tls ?? "no TLS"}, zlib ${zlib ?? "none"}: ${path}`,
      `Features: ${features.join(" ")}`,
    ].join("\n");
  } catch (error) {
    return `${first}\nno libcurl: ${messageOf(error)}`;
  }
}
