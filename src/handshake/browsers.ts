/**
 * The handshakes with which browsers open a WebSocket, as data: the fields, with their order, spelling and values. They
 * differ from those for a page. Chrome's order follows Chromium's `WebSocketHttp1HandshakeStream` and
 * `HttpNetworkTransaction`, Firefox's follows `WebSocketChannel` and `nsHttpChannel`, and both follow captures. Of
 * Safari the fields are known and their order is not: the order here is a likely one.
 *
 * Targets and their User-Agents are those of libcurl-impersonate, so that the handshake fits the ClientHello. Pure.
 */
import { httpUrl } from "./url.ts";

/** The browser that a request looks like. */
export type BrowserFamily = "chrome" | "edge" | "firefox" | "safari";

/** A browser of one version on one platform. */
export interface Browser {
  /** libcurl-impersonate's name for it. */
  readonly target: string;
  readonly family: BrowserFamily;
  readonly userAgent: string;
  readonly acceptLanguage: string;
  /** Its Accept-Encoding over TLS, and on the loopback interface; to other hosts it says less. */
  readonly acceptEncoding: string;
  /**
   * Whether its ClientHello for wss differs only in ALPN from that for pages. Firefox up to 147 is known to offer
   * neither session tickets nor compressed certificates for wss; libcurl-impersonate says nothing like that of later
   * ones.
   */
  readonly wssLikePages: boolean;
}

const BR = "gzip, deflate, br";
const ZSTD = "gzip, deflate, br, zstd";
const PLAIN = "gzip, deflate";

const WINDOWS = "Windows NT 10.0; Win64; x64";
const MACINTOSH = "Macintosh; Intel Mac OS X 10_15_7";

function chrome(target: string, platform: string, version: string, mobile = ""): Browser {
  const userAgent =
    `Mozilla/5.0 (${platform}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}${mobile} Safari/537.36`;
  // zstd came with Chrome 123.
  const acceptEncoding = parseInt(version) >= 123 ? ZSTD : BR;
  return { target, family: "chrome", userAgent, acceptLanguage: "en-US,en;q=0.9", acceptEncoding, wssLikePages: true };
}

function edge(target: string, version: string, ownVersion: string): Browser {
  const base = chrome(target, WINDOWS, version);
  return { ...base, family: "edge", userAgent: `${base.userAgent} Edg/${ownVersion}` };
}

function firefox(target: string, platform: string, version: string, acceptLanguage: string): Browser {
  const userAgent = `Mozilla/5.0 (${platform}; rv:${version}) Gecko/20100101 Firefox/${version}`;
  // The Tor Browser, a Firefox 128, offers neither for pages.
  const wssLikePages = parseInt(version) >= 153 || target.startsWith("tor");
  return { target, family: "firefox", userAgent, acceptLanguage, acceptEncoding: ZSTD, wssLikePages };
}

function safari(target: string, version: string, acceptLanguage: string, acceptEncoding: string): Browser {
  const userAgent =
    `Mozilla/5.0 (${MACINTOSH}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/${version} Safari/605.1.15`;
  return { target, family: "safari", userAgent, acceptLanguage, acceptEncoding, wssLikePages: true };
}

function iphone(target: string, system: string, version: string, acceptEncoding: string): Browser {
  const userAgent = `Mozilla/5.0 (iPhone; CPU iPhone OS ${system} like Mac OS X) AppleWebKit/605.1.15 ` +
    `(KHTML, like Gecko) Version/${version} Mobile/15E148 Safari/604.1`;
  return { target, family: "safari", userAgent, acceptLanguage: "en-US,en;q=0.9", acceptEncoding, wssLikePages: true };
}

const MAC_FIREFOX = "Macintosh; Intel Mac OS X 10.15";

/** All browsers, the newest of each kind first: a bare name takes the first that libcurl knows. */
export const BROWSERS: readonly Browser[] = [
  chrome("chrome152", WINDOWS, "152.0.0.0"),
  chrome("chrome151", WINDOWS, "151.0.0.0"),
  chrome("chrome150", MACINTOSH, "150.0.0.0"),
  chrome("chrome146", MACINTOSH, "146.0.0.0"),
  chrome("chrome145", MACINTOSH, "145.0.0.0"),
  chrome("chrome142", MACINTOSH, "142.0.0.0"),
  chrome("chrome136", MACINTOSH, "136.0.0.0"),
  chrome("chrome133a", MACINTOSH, "133.0.0.0"),
  chrome("chrome131", MACINTOSH, "131.0.0.0"),
  chrome("chrome124", MACINTOSH, "124.0.0.0"),
  chrome("chrome123", MACINTOSH, "123.0.0.0"),
  chrome("chrome120", MACINTOSH, "120.0.0.0"),
  chrome("chrome119", MACINTOSH, "119.0.0.0"),
  chrome("chrome116", WINDOWS, "116.0.0.0"),
  chrome("chrome110", WINDOWS, "110.0.0.0"),
  chrome("chrome107", WINDOWS, "107.0.0.0"),
  chrome("chrome104", WINDOWS, "104.0.0.0"),
  chrome("chrome101", WINDOWS, "101.0.4951.67"),
  chrome("chrome100", WINDOWS, "100.0.4896.75"),
  chrome("chrome99", WINDOWS, "99.0.4844.51"),
  chrome("chrome152_macos", MACINTOSH, "152.0.0.0"),
  chrome("chrome151_macos", MACINTOSH, "151.0.0.0"),
  chrome("chrome131_android", "Linux; Android 10; K", "131.0.0.0", " Mobile"),
  chrome("chrome99_android", "Linux; Android 12; Pixel 6", "99.0.4844.58", " Mobile"),
  edge("edge101", "101.0.4951.64", "101.0.1210.47"),
  edge("edge99", "99.0.4844.51", "99.0.1150.30"),
  firefox("firefox155", WINDOWS, "155.0", "en-US,en;q=0.9"),
  firefox("firefox154", WINDOWS, "154.0", "en-US,en;q=0.9"),
  firefox("firefox153", WINDOWS, "153.0", "en-US,en;q=0.9"),
  firefox("firefox147", MAC_FIREFOX, "147.0", "en-US,en;q=0.9"),
  firefox("firefox144", MAC_FIREFOX, "144.0", "en-US,en;q=0.5"),
  firefox("firefox135", MAC_FIREFOX, "135.0", "en-US,en;q=0.5"),
  firefox("firefox133", MAC_FIREFOX, "133.0", "en-US,en;q=0.5"),
  // The Tor Browser is a Firefox ESR.
  firefox("tor145", MAC_FIREFOX, "128.0", "en-US,en;q=0.5"),
  safari("safari270", "27.0", "en-US,en;q=0.9", ZSTD),
  safari("safari2601", "26.0.1", "en-US,en;q=0.9", BR),
  safari("safari260", "26.0", "en-US,en;q=0.9", ZSTD),
  safari("safari184", "18.4", "en-US,en;q=0.9", BR),
  safari("safari180", "18.0", "en-US,en;q=0.9", BR),
  safari("safari170", "17.0", "en-US,en;q=0.9", BR),
  safari("safari155", "15.5", "en-GB,en-US;q=0.9,en;q=0.8", BR),
  safari("safari153", "15.3", "en-us", BR),
  // What older releases of libcurl-impersonate call the same browsers.
  safari("safari26_0", "26.0", "en-US,en;q=0.9", ZSTD),
  safari("safari26_0_1", "26.0.1", "en-US,en;q=0.9", BR),
  safari("safari18_4", "18.4", "en-US,en;q=0.9", BR),
  safari("safari18_0", "18.0", "en-US,en;q=0.9", BR),
  safari("safari17_0", "17.0", "en-US,en;q=0.9", BR),
  safari("safari15_5", "15.5", "en-GB,en-US;q=0.9,en;q=0.8", BR),
  safari("safari15_3", "15.3", "en-us", BR),
  iphone("safari270_ios", "18_7", "27.0", ZSTD),
  iphone("safari260_ios", "26_0", "26.0", ZSTD),
  iphone("safari184_ios", "18_0", "18.4", BR),
  iphone("safari180_ios", "18_0", "18.0", BR),
  iphone("safari172_ios", "17_2", "17.2", BR),
  iphone("safari26_0_ios", "26_0", "26.0", ZSTD),
  iphone("safari18_4_ios", "18_0", "18.4", BR),
  iphone("safari18_0_ios", "18_0", "18.0", BR),
  iphone("safari17_2_ios", "17_2", "17.2", BR),
];

/** Safari's versions are spelled in two ways: 18_4, and 184. */
const SAFARI = /^safari\d+(?:_\d+)*$/, SAFARI_IOS = /^safari\d+(?:_\d+)*_ios$/;

/**
 * Names that stand for the newest browser of a kind, each with the targets that it may mean. They are curl_cffi's, which
 * has no betas that are newer than its releases either.
 */
const ALIASES: ReadonlyMap<string, RegExp> = new Map([
  ["chrome", /^chrome\d+a?$/],
  ["edge", /^edge\d+$/],
  ["firefox", /^firefox\d+$/],
  ["safari", SAFARI],
  ["chrome_android", /^chrome\d+_android$/],
  ["safari_ios", SAFARI_IOS],
  ["tor", /^tor\d+$/],
  ["safari_beta", SAFARI],
  ["safari_ios_beta", SAFARI_IOS],
]);

/** The names that stand for the newest browser of a kind. */
export const BARE_NAMES: readonly string[] = [...ALIASES.keys()];

/** Returns the browsers that a name may mean, the best first: one for a target, several for a bare name. */
export function browsersNamed(name: string): readonly Browser[] {
  const targets = ALIASES.get(name);
  return BROWSERS.filter(({ target }) => targets === undefined ? target === name : targets.test(target));
}

/**
 * Returns whether a browser offers permessage-deflate with `client_max_window_bits`; `name` is a target or a bare name.
 */
export function offersClientWindow(name: string): boolean {
  return name.startsWith("chrome") || name.startsWith("edge");
}

/** What a request is about: the values of its fields; null if it has no such field. */
export interface BrowserRequest {
  readonly url: URL;
  readonly key: string;
  readonly origin: string | null;
  readonly cookie: string | null;
  readonly authorization: string | null;
  readonly extensions: string | null;
  readonly protocol: string | null;
}

/** The order in which each family sends its fields. The place of Authorization is not known for certain. */
const ORDER: Readonly<Record<"chromium" | "firefox" | "safari", readonly string[]>> = {
  chromium: [
    "Host",
    "Connection",
    "Pragma",
    "Cache-Control",
    "Authorization",
    "User-Agent",
    "Upgrade",
    "Origin",
    "Sec-WebSocket-Version",
    "Accept-Encoding",
    "Accept-Language",
    "Cookie",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Protocol",
  ],
  firefox: [
    "Host",
    "User-Agent",
    "Accept",
    "Accept-Language",
    "Accept-Encoding",
    "Sec-WebSocket-Version",
    "Origin",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Connection",
    "Cookie",
    "Sec-Fetch-Dest",
    "Sec-Fetch-Mode",
    "Sec-Fetch-Site",
    "Authorization",
    "Pragma",
    "Cache-Control",
    "Upgrade",
  ],
  safari: [
    "Host",
    "Upgrade",
    "Connection",
    "Pragma",
    "Cache-Control",
    "User-Agent",
    "Origin",
    "Sec-Fetch-Site",
    "Sec-Fetch-Mode",
    "Sec-Fetch-Dest",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Protocol",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Cookie",
  ],
};

/** Returns the fields of a browser's request, in its order; null marks the place of a field that is not sent. */
export function browserFields(browser: Browser, request: BrowserRequest): [name: string, value: string | null][] {
  const { url, key, cookie, authorization, extensions, protocol } = request;
  const { family, userAgent, acceptLanguage } = browser;
  const order = ORDER[family === "edge" || family === "chrome" ? "chromium" : family];
  const origin = request.origin ?? pageOrigin(url);
  // Browsers send W3C Fetch Metadata, and the newer content codings, only to potentially trustworthy URLs.
  const trustworthy = url.protocol === "wss:" || isLoopback(url.hostname);
  const metadata = (value: string) => trustworthy ? value : null;
  const values: Record<string, string | null> = {
    "Host": url.host,
    "Connection": family === "firefox" ? "keep-alive, Upgrade" : "Upgrade",
    "Upgrade": "websocket",
    "Pragma": "no-cache",
    "Cache-Control": "no-cache",
    "User-Agent": userAgent,
    "Accept": "*/*",
    "Accept-Encoding": trustworthy ? browser.acceptEncoding : PLAIN,
    "Accept-Language": acceptLanguage,
    "Origin": origin,
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": key,
    "Sec-WebSocket-Extensions": extensions,
    "Sec-WebSocket-Protocol": protocol,
    "Sec-Fetch-Dest": metadata(family === "firefox" ? "empty" : "websocket"),
    "Sec-Fetch-Mode": metadata("websocket"),
    "Sec-Fetch-Site": metadata(fetchSite(origin, url)),
    "Authorization": authorization,
    "Cookie": cookie,
  };
  return order.map((name) => [name, values[name]!]);
}

/** Returns the origin of a page of the same server. */
export function pageOrigin(url: URL): string {
  return httpUrl(url).origin;
}

/** Returns whether Chromium and Firefox take a host for the loopback interface, which they trust without TLS. */
function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" ||
    /^127(?:\.\d+){3}$/.test(hostname);
}

/**
 * Returns the value of Sec-Fetch-Site: how a page's origin and the server belong together. There is no Public Suffix
 * List here: a site is the last two labels of its name, or three if the last two are like `co.uk`.
 */
export function fetchSite(origin: string, url: URL): "same-origin" | "same-site" | "cross-site" {
  const page = URL.canParse(origin) ? new URL(origin) : null;
  const own = new URL(pageOrigin(url));
  if (page === null || page.protocol !== own.protocol) return "cross-site";
  if (page.origin === own.origin) return "same-origin";
  return site(page.hostname) === site(own.hostname) ? "same-site" : "cross-site";
}

/** Returns the site of a host: the host itself if it is an address. */
function site(hostname: string): string {
  if (hostname.startsWith("[") || /^[\d.]+$/.test(hostname)) return hostname;
  const labels = hostname.split(".");
  const [second = "", top = ""] = labels.slice(-2);
  const count = top.length === 2 && /^(?:com?|net|org|gov|edu|ac|go|ne|or|gob|gouv)$/.test(second) ? 3 : 2;
  return labels.slice(-count).join(".");
}
