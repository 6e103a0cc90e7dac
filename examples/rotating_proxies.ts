/**
 * A feed by way of one proxy after another, each with a browser of its own that stays with it: a site that sees one address
 * with two fingerprints knows. The next connection stands before the last one ends, so nothing is missed; a proxy that
 * fails is passed over.
 *
 *     deno run -A examples/rotating_proxies.ts wss://example.com/feed http://me:secret@one.example:3128,socks5h://two.example 60 1000 chrome,firefox
 *     bun examples/rotating_proxies.ts wss://example.com/feed http://one.example:3128,http://two.example:3128 60 1000
 *
 * The arguments: URL, proxies, seconds for each, messages until it ends, and browsers, for which it takes
 * libcurl-impersonate (`curlws install-impersonate`); without them nobody is impersonated.
 */
import process from "node:process";
import { ReconnectingCurlWebSocket } from "@curlws/curlws";

const [url, proxyList, seconds = "60", count = "1000", browserList = ""] = process.argv.slice(2);
if (url === undefined || proxyList === undefined) throw new Error("the URL and the proxies are missing");
const browsers = browserList.split(",").filter((name) => name !== "");
const identities = proxyList.split(",").map((proxy, index) => ({
  proxy,
  impersonate: browsers.length === 0 ? undefined : browsers[index % browsers.length],
}));

let turn = -1;
const now = () => identities[turn % identities.length]!;
const hosts = () => [...feed.sockets].map((socket) => socket.connection?.proxy).join(", ");

const feed = new ReconnectingCurlWebSocket(() => {
  turn++; // the URL's function is the first that an attempt calls
  return url;
}, {
  proxy: () => now().proxy,
  impersonate: () => now().impersonate,
  rotate: {
    after: Number(seconds) * 1000,
    // What both connections bring is given once. Without a number or an id that both have, leave this out.
    key: (data) => JSON.parse(String(data)).id,
  },
  reconnect: {
    firstDelay: 200,
    maxAttempts: 3 * identities.length,
    // A proxy that refuses, or wants another password, is no reason to end: the next attempt goes through another one.
    isFatal: ({ error }, byDefault) => byDefault && !error?.code.startsWith("ERR_PROXY"),
  },
});
feed.onopen = () => console.log(`through ${hosts()}`);
feed.onreconnecting = ({ reason: { error, code } }) => console.error(`passed over: ${error?.code ?? code}`);
feed.onwarning = ({ problem, reason: { error, code } }) => console.error(`${problem}: ${error?.code ?? code}`);
feed.ongap = ({ from, to }) => console.error(`messages of ${to - from} ms may be missing`);
process.once("SIGINT", () => feed.close());

let messages = 0, rotations = 0;
for await (const _data of feed) {
  if (feed.stats.rotations > rotations) {
    rotations = feed.stats.rotations;
    console.log(`rotated, now through ${hosts()}`);
  }
  if (++messages === Number(count)) break;
}
const { connections, gaps, duplicates } = feed.stats;
console.log(`${messages} messages over ${connections} connections, ${gaps} gaps, ${duplicates} came twice`);
