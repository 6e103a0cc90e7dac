/**
 * Makes src/options/curl_option_table.ts from curl's public header, and from the patch that adds libcurl-impersonate's options:
 *
 *     deno run --allow-read scripts/curl_options.ts include/curl/curl.h [patches/curl.patch] > src/options/curl_option_table.ts
 */
import { readFileSync } from "node:fs";
import process from "node:process";

const KINDS: Record<string, string> = {
  LONG: "long",
  VALUES: "long",
  OFF_T: "offset",
  STRINGPOINT: "string",
  SLISTPOINT: "list",
  BLOB: "blob",
  OBJECTPOINT: "object",
  CBPOINT: "callbackData",
  FUNCTIONPOINT: "callback",
};

const [header, ...patches] = process.argv.slice(2).map((path) => readFileSync(path, "utf8"));
if (header === undefined) throw new TypeError("give the path of curl.h");
const text = [header, ...patches].join("\n");
const options = new Map<string, Map<string, number>>(Object.values(KINDS).map((kind) => [kind, new Map()]));
for (
  const [, name, type, number] of text.matchAll(
    /CURLOPT(?:DEPRECATED)?\(\s*CURLOPT_(\w+),\s*CURLOPTTYPE_(\w+),\s*(\d+)/g,
  )
) {
  const kind = KINDS[type!];
  if (kind === undefined) throw new TypeError(`${name} has a type that is not known: ${type}`);
  options.get(kind)!.set(name!, Number(number));
}

function wrapped(words: string[]): string {
  const lines = [""];
  for (const word of words) {
    if (lines.at(-1)!.length + word.length > 110) lines.push("");
    lines.push(`${lines.pop()}${word} `);
  }
  return lines.map((line) => `    ${line.trimEnd()}`).join("\n");
}

const kinds = [...options].map(([kind, names]) => {
  const words = [...names].sort((a, b) => a[1] - b[1]).map(([name, number]) => `${name}=${number}`);
  return `  ${kind}: \`\n${wrapped(words)}\`,`;
});
console.log(`\
/**
 * libcurl's options by kind, with their numbers as the header counts them: curl.h's CURLOPT() less the kind's base.
 * Made by scripts/curl_options.ts from curl's include/curl/curl.h (8.22) and the patch of libcurl-impersonate (999 and up):
 * do not edit by hand.
 */
export const OPTION_TABLE = {
${kinds.join("\n")}
} as const;`);
