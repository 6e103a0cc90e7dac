/** The rows of docs/options.md about the request and about proxies. */
import { feature, impersonates, type Libcurl, type Row, since } from "./option_row.ts";

const AUTH = "options/handshake_auth_test.ts",
  COOKIES = "connection/dialer_cookies_test.ts",
  REDIRECT = "connection/dialer_redirects_test.ts";
const PROXY = "options/proxy_test.ts", PROXY_FAILURES = "options/proxy_failures_test.ts";
const PROXY_ENVIRONMENT = "options/proxy_environment_test.ts", PROGRAMS = "options/proxy_programs_test.ts";
const WIRE = "web/wire_test.ts";
const IMPERSONATE = "curl/impersonate_test.ts";
const PARTS = "curl/fingerprint_test.ts", PARTS_GUIDE = "impersonation.md#a-clienthello-by-its-parts";
const OWN_JA3 = "JA3 for JA3: a browser's own one, given by itself, is sent again (libcurl {libcurl})";
const PLAIN_LIBCURL = "a ClientHello by its parts needs libcurl-impersonate";
/** libcurl-impersonate 7.84 has no option for these. */
const partly = (libcurl: Libcurl) => impersonates(libcurl) ?? since(80000, "ERR_IMPERSONATE")(libcurl);
const SCHEMES = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
const through = (...schemes: string[]) => schemes.map((scheme) => `wss through a ${scheme} proxy`);
const CREDENTIALS = "an HTTP proxy gets username and password, from the URL and from the option";
const PROXY_TLS = "an https proxy's certificate is checked by proxy.tls, not by tls";

export const HTTP: Row[] = [
  {
    option: "protocols",
    what: "subprotocols to offer",
    default: "none",
    guide: "handshake.md#header-fields",
    tests: [["web/protocols_test.ts", "subprotocols: the protocols option takes the same values as the argument"]],
  },
  {
    option: "headers",
    what: "header fields, in exact order and case",
    default: "none",
    guide: "handshake.md#header-fields",
    tests: [[
      WIRE,
      "headers are sent in their order and case",
      "headers can be a record",
      "headers cannot inject lines",
    ]],
  },
  {
    option: "impersonate",
    what: "a browser's ClientHello and handshake",
    default: "none",
    guide: "handshake.md#impersonation",
    tests: [[
      IMPERSONATE,
      "the ClientHello for wss is the browser's (libcurl {libcurl})",
      "chrome is its newest version, with that version's handshake and compression offer (libcurl {libcurl})",
      "impersonate with a plain libcurl says what to install",
    ]],
    lacks: impersonates,
  },
  {
    option: 'impersonate: "firefox"',
    what: "the same of Firefox",
    default: "none",
    guide: "handshake.md#impersonation",
    tests: [[
      IMPERSONATE,
      "firefox is its newest version, with that version's handshake and compression offer (libcurl {libcurl})",
      "a browser that the library lacks is an error that names those it has (libcurl {libcurl})",
      "impersonate with a plain libcurl says what to install",
    ]],
    lacks: partly,
  },
  {
    option: "impersonate.base",
    what: "the browser to begin with",
    default: "none",
    guide: PARTS_GUIDE,
    tests: [[PARTS, OWN_JA3, PLAIN_LIBCURL]],
    lacks: impersonates,
  },
  {
    option: "impersonate.ja3",
    what: "ciphers, extensions and groups, each in its order",
    default: "the base's",
    guide: PARTS_GUIDE,
    tests: [[
      PARTS,
      OWN_JA3,
      "JA3 for JA3: ciphers, extensions and groups of no browser, in their order (libcurl {libcurl})",
      "7.84 says which parts of a ClientHello it cannot send (libcurl {libcurl})",
      "what libcurl cannot send names the part, and no request is sent (libcurl {libcurl})",
      PLAIN_LIBCURL,
    ]],
    lacks: impersonates,
  },
  {
    option: "impersonate.signatureAlgorithms",
    what: "signature algorithms in their order",
    default: "the base's",
    guide: PARTS_GUIDE,
    tests: [[
      PARTS,
      "signature algorithms are those that were asked for, in their order (libcurl {libcurl})",
      PLAIN_LIBCURL,
    ]],
    lacks: impersonates,
  },
  {
    option: "impersonate.certificateCompression",
    what: "how a certificate may be compressed",
    default: "the base's",
    guide: PARTS_GUIDE,
    tests: [[
      PARTS,
      "certificate compression is that which was asked for, or none (libcurl {libcurl})",
      PLAIN_LIBCURL,
    ]],
    lacks: impersonates,
  },
  {
    option: "impersonate.delegatedCredentials, impersonate.recordSizeLimit",
    what: "values of extensions that Firefox sends",
    default: "the base's",
    guide: PARTS_GUIDE,
    tests: [[
      PARTS,
      "what is Firefox's alone: delegated credentials and a record size limit (libcurl {libcurl})",
      "7.84 says which parts of a ClientHello it cannot send (libcurl {libcurl})",
      PLAIN_LIBCURL,
    ]],
    lacks: partly,
  },
  {
    option: "impersonate.keyShares, impersonate.grease, impersonate.permuteExtensions",
    what: "for how many groups a key is sent, meaningless values, shuffled extensions",
    default: "the base's",
    guide: PARTS_GUIDE,
    tests: [[
      PARTS,
      "key shares, GREASE and the shuffling of extensions (libcurl {libcurl})",
      "7.84 says which parts of a ClientHello it cannot send (libcurl {libcurl})",
      PLAIN_LIBCURL,
    ]],
    lacks: partly,
  },
  {
    option: "origin",
    what: "the value of Origin",
    default: "none; the URL's with `impersonate`",
    guide: "handshake.md#impersonation",
    tests: [[
      "options/handshake_params_test.ts",
      "origin is sent exactly as given",
      "an invalid origin is a TypeError",
    ]],
  },
  {
    option: "auth",
    what: "Basic, Bearer or Digest to the server",
    default: "the URL's username and password, by Basic",
    guide: "handshake.md#who-asks",
    tests: [[AUTH, "auth overrides the URL's username and password"]],
  },
  {
    option: "auth.username",
    what: "who asks",
    default: "–",
    guide: "handshake.md#who-asks",
    tests: [[AUTH, "Basic: username and password are sent in UTF-8, without waiting for a challenge"]],
  },
  {
    option: "auth.password",
    what: "the password",
    default: "–",
    guide: "handshake.md#who-asks",
    tests: [[AUTH, "Basic: username and password are sent in UTF-8, without waiting for a challenge"]],
  },
  {
    option: "auth.type",
    what: "`basic` or `digest` (MD5, SHA-256)",
    default: "`basic`",
    guide: "handshake.md#who-asks",
    tests: [[
      AUTH,
      "Digest with MD5: the response to the challenge uses another connection",
      "Digest with SHA-256: the response to the challenge uses another connection",
      "Digest: a stale nonce is renewed once",
    ]],
  },
  {
    option: "auth.bearer",
    what: "a token",
    default: "–",
    guide: "handshake.md#who-asks",
    tests: [[AUTH, "Bearer: the token is sent"]],
  },
  {
    option: "cookies",
    what: "text, a record, or a jar that stores Set-Cookie",
    default: "none",
    guide: "handshake.md#cookies",
    tests: [[
      COOKIES,
      "cookies as text and as a record",
      "tough-cookie's jar: Set-Cookie is stored before open, and goes to the URLs it is for",
    ]],
  },
  {
    option: "maxRedirects",
    what: "how many redirects are followed, 0 to 100",
    default: "0",
    guide: "handshake.md#redirects",
    tests: [[
      REDIRECT,
      "by default none is followed",
      "302 is followed",
      "for another origin credentials are left out, and stay so on the way back",
      "loops end",
    ]],
  },
  {
    option: "params",
    what: "parameters behind the URL's query",
    default: "none",
    guide: "handshake.md#parameters",
    tests: [[
      "options/handshake_params_test.ts",
      "params: /a? becomes /a?x=1",
      "params: / becomes /?list=a&list=1&list=false",
    ]],
  },
];

export const PROXIES: Row[] = [
  {
    option: "proxy",
    what: "the proxy, `false` for none",
    default: "the environment's, by curl's rules",
    guide: "proxy.md#proxies",
    tests: [[
      PROXY_ENVIRONMENT,
      "environment variables name the proxy, by curl's rules",
      "proxy: false and the option proxy override the environment",
    ], [PROXY_FAILURES, "a proxy that refuses is ERR_PROXY with the proxy's own text"]],
  },
  ...SCHEMES.map((scheme): Row => ({
    option: `proxy.url: "${scheme}:…"`,
    what: { http: "HTTP CONNECT", https: "HTTP CONNECT over TLS" }[scheme] ?? scheme.toUpperCase().replace("H", "h"),
    default: "–",
    guide: "proxy.md#which-kind",
    tests: [
      [PROXY, ...through(scheme)],
      [
        PROGRAMS,
        { http: "tinyproxy: HTTP CONNECT", https: "squid: HTTP CONNECT over TLS" }[scheme] ??
          "dante: SOCKS4, SOCKS4a and SOCKS5, and what its rules reject",
      ],
    ],
  })),
  {
    option: "proxy.url",
    what: "also with username and password, or a SOCKS proxy at a Unix socket",
    default: "–",
    guide: "proxy.md#which-kind",
    tests: [[PROXY, CREDENTIALS, "a SOCKS proxy at a Unix socket works"]],
    lacks: since(78400, "ERR_PROXY_CONNECT"),
  },
  {
    option: "proxy.username",
    what: "who asks",
    default: "the URL's",
    guide: "proxy.md#username-and-password",
    tests: [[PROXY, CREDENTIALS, "SOCKS5 gets username and password, SOCKS4 the username"]],
  },
  {
    option: "proxy.password",
    what: "the password; in no error",
    default: "the URL's",
    guide: "proxy.md#username-and-password",
    tests: [
      [PROXY, CREDENTIALS],
      [PROXY_FAILURES, "missing and rejected proxy credentials are ERR_PROXY_AUTH"],
      [PROGRAMS, "tinyproxy: Basic authentication, and its rules", "microsocks: SOCKS5 with and without a password"],
    ],
  },
  {
    option: "proxy.auth",
    what: "`basic`, `digest`, `any`",
    default: "`basic`",
    guide: "proxy.md#username-and-password",
    tests: [[PROXY_FAILURES, "a proxy that does not accept Basic is an error that says what it accepts"], [
      PROGRAMS,
      "squid: Digest authentication",
    ]],
  },
  {
    option: 'proxy.auth: "ntlm"',
    what: "NTLM",
    default: "–",
    guide: "proxy.md#username-and-password",
    tests: [[PROGRAMS, "squid: NTLM, with a helper that accepts every password"]],
  },
  {
    option: 'proxy.auth: "negotiate"',
    what: "SPNEGO; only that it is asked for was tried",
    default: "–",
    guide: "proxy.md#username-and-password",
    tests: [[PROXY_FAILURES, "auth negotiate without a ticket is ERR_PROXY_AUTH, and ERR_LIBCURL if libcurl lacks it"]],
    lacks: feature("SPNEGO", "ERR_LIBCURL"),
  },
  {
    option: "proxy.headers",
    what: "header fields of CONNECT",
    default: "none",
    guide: "proxy.md#tls-to-the-proxy-header-fields",
    tests: [[PROXY, "proxy.headers go to the proxy only"]],
  },
  {
    option: "proxy.tls",
    what: "TLS to an `https:` proxy: as `tls`, without `serverName`",
    default: "as `tls`",
    guide: "proxy.md#tls-to-the-proxy-header-fields",
    tests: [[PROXY, PROXY_TLS]],
  },
  {
    option: "proxy.noProxy",
    what: "hosts to reach without it",
    default: "the environment's `no_proxy`",
    guide: "proxy.md#the-environment",
    tests: [[PROXY, "noProxy excludes hosts"], [
      "options/no_proxy_test.ts",
      "noProxy matches as in curl's own test cases",
    ]],
  },
];
