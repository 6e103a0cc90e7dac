/** What `--version` tells. */
import process from "node:process";
import manifest from "../deno.json" with { type: "json" };
import { libcurl } from "../mod.ts";
import { words } from "./errors.ts";

/** Lines for people: what is run, with what. */
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
    return `${first}\nno libcurl: ${words(error)}`;
  }
}
