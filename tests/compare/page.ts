/** docs/comparison.md, made of what `scripts/compare.ts` tried. */
import { CLIENTS, MEANINGLESS, ROWS, SYSTEMS } from "./rows.ts";

/** What came of a row with a client; `how` is the option's name in its own words, or why not. */
export interface Tried {
  readonly verdict: "yes" | "no" | "error";
  readonly how: string;
}

export interface Results {
  date: string;
  versions: { [client: string]: string };
  rows: { [row: string]: { [client: string]: Tried } };
}

function cell(tried: Tried | undefined): string {
  if (tried === undefined) return "not tried";
  const how = tried.how.replaceAll("|", "\\|");
  if (tried.verdict === "yes") return how === "by default" ? "yes" : `yes: ${how}`;
  if (how.endsWith(" alone")) return how;
  return how === "no option" ? "no" : `${tried.verdict}: ${how}`;
}

function known(id: string, client: string, rows: Results["rows"]): string {
  return MEANINGLESS[client]?.includes(id) ? "-" : cell(rows[id]?.[client]);
}

export function comparisonPage({ date, versions, rows }: Results): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const head = ["", ...CLIENTS];
  return `# Beside other clients

Each cell was tried, by \`npm run compare\`: the client connected to servers and proxies on loopback, and what
these saw of it was held against what the row says. It is about these versions, ${date}, on Linux x86-64:

${CLIENTS.map((name) => `- ${name}: ${versions[name] ?? "could not be had"}`).join("\n")}

A cell says by which option, in the client's own words. **no** alone: it has no option for it, and did not do it by itself.
"-": it means nothing there. "no effect": the option was taken and changed nothing; "fails": it ended in an error. The
last row says what the packages are built for; ours is written for macOS, Windows and arm64 too. wreq-js gives a WebSocket
the header fields of a page (\`Sec-Fetch-Mode: navigate\`). impers and curl_cffi ran with the
libcurl-impersonate 8.23 of curl_cffi 0.17; ws with the agents that are named. Packages such as partysocket connect again
around any WebSocket class: [what they do otherwise](reconnect.md#from-partysocket-or-reconnecting-websocket).

${line(head)}
${line(head.map(() => "---"))}
${ROWS.map(([id, title]) => line([title, ...CLIENTS.map((name) => known(id, name, rows))])).join("\n")}
${line(["systems (not tried)", ...CLIENTS.map((name) => SYSTEMS[name]!)])}

What each costs in CPU and how fast it is, idle and under load: [the benchmarks](../bench/README.md).
`;
}
