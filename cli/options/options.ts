/** The table of the options of `curlws URL`. Options of curl have curl's names and meanings. */
import { FINGERPRINT, IMPERSONATE } from "./fingerprint_options.ts";
import type { Option, Topic } from "./option.ts";

/** Sets the topic of options. */
function topic(name: Topic, options: readonly Option[]): Option[] {
  return options.map((option) => ({ ...option, topic: name }));
}

const TLS_VERSIONS = ["1.0", "1.1", "1.2", "1.3"];

/** The TLS options for the server, or for an https: proxy. */
function tlsOptions(to: "" | "proxy-"): Option[] {
  const sets = (name: string) => to === "" ? `tls.${name}` : `proxy.tls.${name}`;
  const whom = to === "" ? "" : "to the proxy: ";
  const short = (letter: string) => to === "" ? { short: letter } : {};
  const brief = (words: string) => to === "" ? { brief: words } : {};
  return [
    {
      name: `${to}insecure`,
      ...short("k"),
      help: `${whom}do not check the certificate`,
      sets: sets("verify"),
      ...brief("do not check the server's certificate"),
    },
    {
      name: `${to}cacert`,
      value: "FILE",
      help: `${whom}trust these certificates instead of the system's`,
      complete: "file",
      sets: sets("ca"),
      ...brief("certificates to trust"),
    },
    {
      name: `${to}extra-cacert`,
      value: "FILE",
      help: `${whom}trust these certificates in addition to the system's`,
      complete: "file",
      sets: sets("extraCa"),
    },
    { name: `${to}ca-native`, help: `${whom}trust the operating system's store`, sets: sets("systemStore") },
    {
      name: `${to}cert`,
      ...short("E"),
      value: "FILE[:PASSWORD]",
      help: `${whom}the client certificate, PEM or with --${to}cert-type P12`,
      complete: "file",
      sets: sets("cert"),
      ...brief("client certificate; --key FILE"),
    },
    {
      name: `${to}cert-type`,
      value: "TYPE",
      help: `${whom}PEM (default) or P12`,
      complete: ["PEM", "P12"],
      sets: sets("pfx"),
    },
    {
      name: `${to}key`,
      value: "FILE",
      help: `${whom}the certificate's private key, PEM`,
      complete: "file",
      sets: sets("key"),
    },
    { name: `${to}pass`, value: "PHRASE", help: `${whom}the passphrase of the key`, sets: sets("passphrase") },
    ...(to === "" ? TLS_VERSIONS : []).map((version): Option => ({
      name: `tlsv${version}`,
      help: `TLS ${version} or newer`,
      ...(version === "1.2" ? { sets: sets("minVersion") } : {}),
    })),
    {
      name: `${to}tls-max`,
      value: "VERSION",
      help: `${whom}the newest version of TLS to offer`,
      complete: TLS_VERSIONS,
      sets: sets("maxVersion"),
    },
    { name: `${to}ciphers`, value: "LIST", help: `${whom}ciphers of TLS 1.2 and older`, sets: sets("ciphers") },
    { name: `${to}tls13-ciphers`, value: "LIST", help: `${whom}cipher suites of TLS 1.3`, sets: sets("cipherSuites") },
    {
      name: `${to}pinnedpubkey`,
      value: "FILE|HASHES",
      help: `${whom}the public keys to accept, sha256//…`,
      complete: "file",
      sets: sets("pinnedPublicKey"),
    },
    ...(to === ""
      ? [{ name: "no-sessionid", help: "resume no TLS sessions, and keep none", sets: sets("sessions") }]
      : []),
  ];
}

/** All of them, in the order of the help. */
export const OPTIONS: readonly Option[] = [
  ...topic("message", [
    { name: "text", help: "each line of standard input is a text message (the default)" },
    {
      name: "binary",
      help: "each chunk of standard input is a binary message; messages are printed as bytes, with nothing in between",
      brief: "bytes, not lines, both ways",
    },
    {
      name: "count",
      short: "n",
      value: "N",
      help: "close after N messages",
      brief: "close after N messages; -1 one; -m SECONDS",
    },
    { name: "one", short: "1", help: "close after one message: -n 1" },
    {
      name: "wait",
      value: "SECONDS",
      help:
        "after the end of standard input, close once no message came for this long, or forever; default 1, with -n forever",
      complete: ["forever"],
      brief: "close when quiet after the end of input; def. 1",
    },
    { name: "listen", help: "do not read standard input at all" },
    {
      name: "hello",
      value: "TEXT",
      help: "send this text as the first message of each connection; repeat it for several",
    },
    {
      name: "ping-interval",
      value: "SECONDS",
      help: "ping the server this often, and give up if it does not reply; default 20 with --reconnect, else never",
      sets: "pingInterval",
    },
    { name: "idle-timeout", value: "SECONDS", help: "give up if nothing arrives for this long", sets: "idleTimeout" },
    {
      name: "close-timeout",
      value: "SECONDS",
      help: "how long a close may wait for the server; default 5",
      sets: "closeTimeout",
    },
    {
      name: "max-message-size",
      value: "BYTES",
      help: "the largest message to accept, and the longest line to send; k, M, G; default 64M",
      sets: "maxMessageSize",
    },
    { name: "no-compress", help: "do not offer permessage-deflate", sets: "perMessageDeflate" },
    { name: "slash", help: "in a terminal, enable /ping [TEXT] and /close [CODE [REASON]]" },
    { name: "no-history", help: "in a terminal, neither read nor write the history" },
  ]),
  ...topic("output", [
    {
      name: "json",
      help: "print JSON: indented and coloured on a terminal, else one line per message",
      brief: "print JSON: indented on a terminal, else lines",
    },
    { name: "timestamps", help: "print the time of each message" },
    {
      name: "stats",
      help: "print messages, bytes, rates and CPU at the end, on standard error",
      brief: "messages, bytes, rates and CPU at the end",
    },
    {
      name: "har",
      value: "FILE",
      help: "record handshakes and messages, with their times, in a HAR file; curlws replay serves it again",
      complete: "file",
    },
    { name: "har-secrets", help: "keep credentials, cookies and the values of the URL's query in it" },
    {
      name: "verbose",
      short: "v",
      help: "print connection, TLS, proxy and handshake, on standard error",
      brief: "connection, TLS and handshake, as curl's",
    },
    FINGERPRINT,
    { name: "help", short: "h", value: "[TOPIC]", help: "this, a topic of it, or all" },
    { name: "version", short: "V", help: "the versions of curlws, libcurl and the runtime" },
  ]),
  ...topic("reconnect", [
    {
      name: "reconnect",
      help: "connect again when a connection ends, unless it is of no use; tell gaps on standard error",
      brief: "connect again; --hello TEXT, --rotate 23h",
    },
    {
      name: "rotate",
      value: "TIME",
      help: "as --reconnect; and replace each connection after this long, such as 23h, without a gap",
      sets: "rotate.after",
    },
    {
      name: "rotate-key",
      value: "MEMBER",
      help: "the member of JSON messages, such as data.id, by which what both connections bring is printed once",
    },
    {
      name: "max-attempts",
      value: "N",
      help: "give up after N attempts in a row that failed",
      sets: "reconnect.maxAttempts",
    },
    {
      name: "max-delay",
      value: "SECONDS",
      help: "the longest wait between two attempts; default 30",
      sets: "reconnect.maxDelay",
    },
  ]),
  ...topic("http", [
    {
      name: "header",
      short: "H",
      value: "LINE|@FILE",
      help: "a field of the request, 'Name: value'",
      complete: "file",
      sets: "headers",
      brief: "a field of the request, 'Name: value'",
    },
    {
      name: "subprotocol",
      short: "s",
      value: "NAME",
      apart: "curl's -s (silent) is not needed, as standard error has only errors",
      help: "offer a subprotocol; for several repeat it, or use commas",
      brief: "offer a subprotocol",
    },
    { name: "origin", value: "ORIGIN", help: "the request's Origin", sets: "origin" },
    {
      name: "user",
      short: "u",
      value: "NAME:PASSWORD",
      help: "authenticate by Basic",
      sets: "auth",
      brief: "credentials, by Basic; --digest, --oauth2-bearer",
    },
    { name: "digest", help: "send --user by Digest" },
    { name: "oauth2-bearer", value: "TOKEN", help: "authenticate by a token", sets: "auth.bearer" },
    {
      name: "cookie",
      short: "b",
      value: "NAME=VALUE",
      help: "cookies, separated by semicolons",
      sets: "cookies",
      brief: "cookies; -A User-Agent, -e Referer, --origin",
    },
    { name: "user-agent", short: "A", value: "NAME", help: "the request's User-Agent" },
    { name: "referer", short: "e", value: "URL", help: "the request's Referer" },
    { name: "url-query", value: "NAME=VALUE", help: "add a parameter to the URL's query", sets: "params" },
    { name: "location", short: "L", help: "follow redirects", sets: "maxRedirects", brief: "follow redirects" },
    { name: "max-redirs", value: "N", help: "the most redirects to follow, 0 to 100; default 50" },
    ...IMPERSONATE,
  ]),
  ...topic("network", [
    {
      name: "connect-timeout",
      value: "SECONDS",
      help: "how long DNS, TCP and TLS may take; default 30",
      sets: "connectTimeout",
    },
    {
      name: "handshake-timeout",
      value: "SECONDS",
      help: "how long the server may take to reply to the handshake; default 30",
      sets: "handshakeTimeout",
    },
    {
      name: "max-time",
      short: "m",
      value: "SECONDS",
      help: "close after this long, with exit code 28",
    },
    {
      name: "resolve",
      value: "HOST:PORT:ADDRESS",
      help: "connect to this address for a host name",
      sets: "resolve",
      brief: "the address of a host; --connect-to, -4, -6",
    },
    { name: "connect-to", value: "HOST:PORT:HOST2:PORT2", help: "connect to another host and port", sets: "connectTo" },
    {
      name: "interface",
      value: "NAME|ADDRESS",
      help: "the network interface or the address to connect from",
      sets: "interface",
    },
    { name: "local-port", value: "N[-M]", help: "the port to connect from", sets: "localPort" },
    { name: "unix-socket", value: "PATH", help: "connect to a Unix socket", complete: "file", sets: "unixSocket" },
    { name: "abstract-unix-socket", value: "NAME", help: "connect to an abstract Unix socket" },
    { name: "ipv4", short: "4", help: "IPv4 only", sets: "ipVersion" },
    { name: "ipv6", short: "6", help: "IPv6 only" },
    {
      name: "happy-eyeballs-timeout-ms",
      value: "MS",
      help: "how long IPv6 is tried before IPv4 is tried too; default 200",
      sets: "happyEyeballsTimeout",
    },
    { name: "doh-url", value: "URL", help: "resolve names by DNS over HTTPS", sets: "dohUrl" },
    { name: "dns-servers", value: "ADDRESSES", help: "resolve names at these servers; needs a libcurl with c-ares" },
    {
      name: "keepalive-time",
      value: "SECONDS",
      help: "silence before the kernel probes the connection; default 60",
      sets: "keepAlive.idle",
    },
    {
      name: "keepalive-cnt",
      value: "N",
      help: "how many probes without a reply end the connection",
      sets: "keepAlive.count",
    },
    { name: "no-keepalive", help: "do not probe the connection" },
    { name: "tcp-fastopen", help: "TCP Fast Open" },
    { name: "library", value: "PATH", help: "the libcurl to use", complete: "file", sets: "library" },
  ]),
  ...topic("proxy", [
    {
      name: "proxy",
      short: "x",
      value: "URL",
      help: "the proxy: http, https, socks4, socks4a, socks5 or socks5h; '' for none",
      sets: "proxy.url",
      brief: "http, https, socks4, socks5 or socks5h proxy",
    },
    {
      name: "proxy-user",
      short: "U",
      value: "NAME:PASSWORD",
      help: "credentials for the proxy",
      sets: "proxy.username",
    },
    ...["basic", "digest", "ntlm", "negotiate", "anyauth"].map((auth): Option => ({
      name: `proxy-${auth}`,
      help: auth === "anyauth"
        ? "send them by the safest scheme that the proxy offers"
        : `send them by ${auth[0]!.toUpperCase()}${auth.slice(1)}`,
    })),
    { name: "proxy-header", value: "LINE", help: "a field of the request to the proxy", sets: "proxy.headers" },
    {
      name: "noproxy",
      value: "HOSTS",
      help: "connect to these without the proxy",
      complete: "host",
      sets: "proxy.noProxy",
    },
    { name: "socks4", value: "HOST[:PORT]", help: "as -x socks4://HOST" },
    { name: "socks4a", value: "HOST[:PORT]", help: "as -x socks4a://HOST" },
    { name: "socks5", value: "HOST[:PORT]", help: "as -x socks5://HOST" },
    { name: "socks5-hostname", value: "HOST[:PORT]", help: "as -x socks5h://HOST: the proxy resolves the name" },
    ...tlsOptions("proxy-"),
  ]),
  ...topic("tls", [
    ...tlsOptions(""),
    {
      name: "servername",
      value: "NAME",
      help: "the name that is sent to the server and that its certificate must have",
      sets: "tls.serverName",
    },
    {
      name: "capath",
      value: "FOLDER",
      help: "trust the certificates of a folder made by openssl rehash",
      complete: "folder",
    },
    { name: "crlfile", value: "FILE", help: "certificates that were revoked, PEM", complete: "file" },
    { name: "curves", value: "LIST", help: "the key exchanges to offer" },
  ]),
  ...topic("accepted", [
    { name: "basic", help: "--user is sent by Basic" },
    { name: "compressed", help: "compression is offered" },
    { name: "disable", short: "q", help: "no configuration file is read" },
    { name: "fail", short: "f", help: "a server that refuses is a failure" },
    { name: "globoff", short: "g", help: "URLs have no globs" },
    { name: "http1.1", help: "the request is HTTP/1.1" },
    { name: "no-buffer", short: "N", help: "messages are printed as they arrive" },
    { name: "no-progress-meter", help: "there is no progress meter" },
    { name: "proxytunnel", short: "p", help: "HTTP proxies get a CONNECT" },
    { name: "show-error", short: "S", help: "errors are printed" },
    { name: "tcp-nodelay", help: "small messages are sent at once" },
  ]),
];
