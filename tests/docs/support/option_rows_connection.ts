/** The rows of docs/options.md about TLS, the network and messages. */
import { type Row, since } from "./option_row.ts";

const TLS = "options/tls_test.ts", NETWORK = "options/network_test.ts", CONNECT = "curl/connector_test.ts";
const HEALTH = "connection/heartbeat_test.ts", DEFLATE = "options/deflate_test.ts";
const offers = (options: string, offer: string) => `perMessageDeflate: ${options} offers ${offer}`;
const ALL_OFFERS =
  "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=8";
const EVERY = '{"serverNoContextTakeover":true,"clientNoContextTakeover":true,"serverMaxWindowBits":9,' +
  '"clientMaxWindowBits":8}';
const echoes = (what: string) => `a real server echoes compressed messages with ${what}`;

const tlsRow = (name: string, what: string, fallback: string, heading: string, ...names: string[]): Row => ({
  option: name === "" ? "tls" : `tls.${name}`,
  what,
  default: fallback,
  guide: `tls.md#${heading}`,
  tests: [[TLS, ...names]],
});
const CLIENT = "a client certificate can be text, bytes, paths and PKCS#12";
const VERSIONS = "minVersion and maxVersion limit the TLS version";
const CIPHERS = "ciphers and cipherSuites choose the cipher, and invalid ones are named";
const SESSIONS = "the second connection to a server resumes the first one's TLS session, if tls.sessions is not false";
const PASSPHRASE = "a wrong passphrase or key is an error, and nothing prompts at the terminal";

export const SECURE: Row[] = [
  tlsRow("", "TLS to the server", "checked", "tls", "each bad certificate has a help text of its own"),
  tlsRow("ca", "CAs instead of the system's", "the system's", "own-ca", "ca can be text, bytes and a path"),
  tlsRow("extraCa", "CAs on top", "none", "own-ca", "extraCa adds to the system's certificates and to ca"),
  tlsRow(
    "systemStore",
    "the system's store, whatever libcurl was built with",
    "false",
    "own-ca",
    "systemStore trusts only the system's certificates",
  ),
  tlsRow("cert", "the client's certificate", "none", "client-certificate", CLIENT),
  tlsRow("key", "its key", "in `cert`", "client-certificate", CLIENT),
  {
    ...tlsRow("pfx", "both, in PKCS#12", "none", "client-certificate", CLIENT),
    lacks: ({ tls }) => tls.includes("GnuTLS") ? "ERR_LIBCURL" : undefined,
  },
  tlsRow("passphrase", "of `key` or `pfx`", "none", "client-certificate", CLIENT, PASSPHRASE),
  tlsRow(
    "verify",
    "whether certificate and name are checked",
    "true",
    "without-checking",
    "each bad certificate has a help text of its own",
  ),
  tlsRow("minVersion", "the oldest version", "libcurl's: 1.2", "versions-and-ciphers", VERSIONS),
  tlsRow("maxVersion", "the newest version", "the newest there is", "versions-and-ciphers", VERSIONS),
  {
    ...tlsRow("ciphers", "for TLS 1.2 and older", "the TLS library's", "versions-and-ciphers", CIPHERS),
    lacks: (libcurl) => libcurl.tls.includes("GnuTLS") ? since(81400)(libcurl) : undefined,
  },
  {
    ...tlsRow("cipherSuites", "for TLS 1.3", "the TLS library's", "versions-and-ciphers", CIPHERS),
    lacks: ({ tls }) => /BoringSSL|GnuTLS/.test(tls) ? "ERR_LIBCURL" : undefined,
  },
  tlsRow(
    "pinnedPublicKey",
    "the only keys to accept",
    "any",
    "pinned-key",
    "pinnedPublicKey accepts that key only, also without verify",
  ),
  {
    ...tlsRow("sessions", "whether TLS sessions are resumed", "true", "sessions"),
    tests: [["options/tls_sessions_test.ts", SESSIONS]],
    lacks: ({ tls }) => tls.includes("GnuTLS") ? "ERR_LIBCURL" : undefined,
  },
  tlsRow(
    "serverName",
    "SNI, and the name that is checked",
    "the URL's host",
    "another-name",
    "serverName replaces the URL's host in TLS and in the certificate check",
  ),
];

const networkRow = (option: string, what: string, fallback: string, heading: string, ...names: string[]): Row => ({
  option,
  what,
  default: fallback,
  guide: `network.md#${heading}`,
  tests: [[NETWORK, ...names]],
});
const WHENCE = "from-which-address", WHITHER = "to-which-address", TIMES = "time-outs-and-keep-alive";
const LOCAL = "localAddress and localPort set where the connection comes from";
const KEEP_ALIVE = "keepAlive starts the kernel's timer";

export const PLACES: Row[] = [
  networkRow(
    "interface",
    "a network interface",
    "any",
    WHENCE,
    "interface binds to that interface, and an unknown one is an error",
  ),
  networkRow("localAddress", "an address of this machine", "any", WHENCE, LOCAL),
  {
    ...networkRow(
      "interface, localAddress",
      "both together",
      "–",
      WHENCE,
      "interface and localAddress work together, from libcurl 8.9",
    ),
    lacks: since(80900),
  },
  networkRow("localPort", "a port of this machine, or a range", "any", WHENCE, LOCAL),
  networkRow(
    "resolve",
    "addresses for names",
    "DNS",
    WHITHER,
    "resolve maps host names to addresses, with and without a port",
  ),
  networkRow(
    "connectTo",
    "another host and port",
    "the URL's",
    WHITHER,
    "connectTo changes the server, and the request keeps the URL's host",
    "connectTo and serverName work together",
  ),
  networkRow(
    "unixSocket",
    "a Unix socket, also an abstract one",
    "TCP",
    "unix-sockets",
    "unixSocket connects to a path",
    "unixSocket connects to an abstract socket, named by @ or by NUL",
  ),
  networkRow("ipVersion", "4 or 6 alone", "both", "ipv4-and-ipv6", "ipVersion uses addresses of one version only"),
  networkRow(
    "happyEyeballsTimeout",
    "when IPv4 is tried too, ms",
    "200",
    "ipv4-and-ipv6",
    "happy eyeballs: a dead IPv6 address does not delay IPv4",
  ),
  networkRow("dohUrl", "DNS over HTTPS", "the system's DNS", "dns-over-https", "dohUrl resolves names over HTTPS"),
  networkRow("keepAlive", "the kernel's probes", "false", TIMES, KEEP_ALIVE),
  networkRow("keepAlive.idle", "silence before the first, ms", "60,000", TIMES, KEEP_ALIVE),
  networkRow("keepAlive.interval", "between two, ms", "60,000", TIMES, KEEP_ALIVE),
  {
    ...networkRow(
      "keepAlive.count",
      "how many go unanswered",
      "the kernel's",
      TIMES,
      "keepAlive.count works from libcurl 8.9",
    ),
    lacks: since(80900),
  },
  {
    option: "curlOptions",
    what: "libcurl's own options, by name or number",
    default: "none",
    guide: "network.md#libcurls-own-options",
    tests: [[
      "options/curl_options_test.ts",
      "curlOptions takes names, full names and numbers, of each kind",
      "curlOptions override the other options",
      "an option that the loaded libcurl lacks is ERR_LIBCURL with the option and the version",
    ]],
  },
  {
    ...networkRow("connectTimeout", "DNS, TCP and TLS, ms", "30,000", TIMES),
    tests: [[CONNECT, "connectTimeout ends an attempt whose TLS handshake hangs"]],
  },
  {
    ...networkRow("handshakeTimeout", "the answer to the request, ms", "30,000", TIMES),
    tests: [[
      CONNECT,
      "handshakeTimeout ends an attempt without a response",
      "handshakeTimeout ends an attempt in the middle of the response",
    ]],
  },
  {
    ...networkRow("closeTimeout", "the answer to a close, ms", "5,000", TIMES),
    tests: [["web/close_test.ts", "closeTimeout ends a connection whose server sends no close frame"]],
  },
  {
    ...networkRow("signal", "an AbortSignal for connecting", "none", TIMES),
    tests: [[CONNECT, "an AbortSignal aborts the handshake", "an AbortSignal has no effect on an open connection"]],
  },
];

const deflateRow = (name: string, what: string, fallback: string, ...names: string[]): Row => ({
  option: `perMessageDeflate.${name}`,
  what,
  default: fallback,
  guide: "messages.md#compression",
  tests: [[DEFLATE, ...names]],
});

export const MESSAGES: Row[] = [
  {
    option: "pingInterval",
    what: "how often a ping is sent, ms; 0 for never",
    default: "0",
    guide: "health.md#pings",
    tests: [[
      HEALTH,
      "pingInterval: a server that stops replying is ERR_PING_TIMEOUT and 1006",
      "a real server replies to the pings",
    ]],
  },
  {
    option: "autoPong",
    what: "whether the server's pings get their pongs at once",
    default: "true",
    guide: "health.md#the-servers-pings",
    tests: [["web/parity_test.ts", "autoPong: false sends no pong but the program's"]],
  },
  {
    option: "idleTimeout",
    what: "how long silence may last, ms; 0 for ever",
    default: "0",
    guide: "health.md#silence",
    tests: [[
      HEALTH,
      "idleTimeout: a silent server is ERR_IDLE_TIMEOUT and 1006, one that sends is not",
    ]],
  },
  {
    option: "maxMessageSize",
    what: "the largest message, bytes",
    default: "64 MiB",
    guide: "messages.md#sizes",
    tests: [
      ["web/violations_test.ts", "a message of exactly maxMessageSize arrives"],
      [
        DEFLATE,
        "maxMessageSize limits the inflated size: a message of exactly that size arrives, even if it is longer compressed",
      ],
    ],
  },
  {
    option: "maxReceiveDelay",
    what: "how long a message of a dense stream may wait, ms",
    default: "1",
    guide: "messages.md#sizes",
    tests: [[
      "curl/reactors_test.ts",
      "a dense stream takes many messages a wake-up, unless maxReceiveDelay is 0",
    ]],
  },
  {
    option: "highWaterMark",
    what: "when the iterator pauses reading, bytes",
    default: "1 MiB",
    guide: "messages.md#sizes",
    tests: [["curl/reactors_test.ts", "the iterator pauses reading at highWaterMark and misses nothing"]],
  },
  {
    option: "perMessageDeflate",
    what: "whether compression is offered",
    default: "true, where zlib is found",
    guide: "messages.md#compression",
    tests: [[
      DEFLATE,
      echoes("the defaults"),
      offers("false", "nothing"),
      "compressed messages over TLS",
    ]],
  },
  deflateRow(
    "threshold",
    "the smallest message that is compressed, bytes",
    "1,024",
    "a message shorter than the threshold is sent as it is, a longer one compressed",
  ),
  deflateRow("level", "zlib's, -1 to 9", "-1", echoes("a client window of 2^12 that the server asks for")),
  deflateRow(
    "memLevel",
    "zlib's, 1 to 9",
    "8",
    "an option of perMessageDeflate of the wrong type is a TypeError that names it",
  ),
  deflateRow(
    "serverNoContextTakeover",
    "each of the server's messages by itself",
    "false",
    echoes("no context takeover on either side"),
  ),
  deflateRow(
    "clientNoContextTakeover",
    "each of this client's by itself",
    "false",
    echoes("no context takeover on either side"),
  ),
  deflateRow("serverMaxWindowBits", "the server's window, 8 to 15", "15", echoes("a server window of 2^9")),
  deflateRow("clientMaxWindowBits", "this client's window, 8 to 15", "true", offers(EVERY, ALL_OFFERS)),
  {
    option: "library",
    what: "the libcurl to use",
    default: "`CURLWS_LIBCURL`, or what is found",
    guide: "messages.md#which-libcurl",
    tests: [[
      "curl/library_test.ts",
      "a missing library is an error that names it and says what to install",
      "CURLWS_LIBCURL names the library",
    ]],
  },
];
