// How each client of the comparison is asked for each row: [url, options, how], with its own names of options. A client
// that has none for a row has no option for it.
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";

/** The world's description: where its servers and files are. */
export const w = JSON.parse(readFileSync(process.argv[4], "utf8"));
const pem = (path) => readFileSync(path, "utf8");

/** A checkServerIdentity that compares the public key, as curl's pins are written. */
const pinned = (pin) => (_host, { raw }) => {
  const key = new X509Certificate(raw).publicKey.export({ type: "spki", format: "der" });
  const found = `sha256//${createHash("sha256").update(key).digest("base64")}`;
  return found === pin ? undefined : new Error(`its key is ${found}`);
};

/** Everything by the options of CurlWebSocket. */
const CURLWS = {
  httpProxy: () => [w.plain, { proxy: w.httpProxy }, "proxy"],
  proxyPassword:
    () => [w.plain, { proxy: { url: w.passwordProxy, username: "me", password: "secret" } }, "proxy.username"],
  httpsProxy: () => [w.plain, { proxy: { url: w.httpsProxy, tls: { ca: w.caFile } } }, "proxy.tls"],
  socksProxy: () => [w.plain, { proxy: `socks5h://${w.socks}` }, "proxy"],
  envProxy: () => [w.plain, {}, "by default"],
  ownCa: () => [w.tls, { tls: { ca: w.caFile } }, "tls.ca"],
  clientCert: () => [w.mtls, { tls: { ca: w.caFile, cert: w.certFile, key: w.keyFile } }, "tls.cert"],
  verifyOff: () => [w.tls, { tls: { verify: false } }, "tls.verify"],
  serverName: () => [w.sni, { tls: { verify: false, serverName: "other.example" } }, "tls.serverName"],
  pinnedKey: (
    wrong,
  ) => [w.tls, { tls: { ca: w.caFile, pinnedPublicKey: wrong ? w.wrongPin : w.pin } }, "tls.pinnedPublicKey"],
  impersonate:
    () => [w.hello, { impersonate: "chrome", library: w.impersonate, tls: { verify: false } }, "impersonate"],
  browserHeaders: () => CURLWS.impersonate(),
  headers: () => [w.raw, { headers: [["x-b", "1"], ["X-A", "2"]] }, "headers"],
  basicUrl: () => [w.account.replace("//", "//joe:secret@"), {}, "by default"],
  digest: () => [w.account, { auth: { username: "joe", password: "secret", type: "digest" } }, "auth.type"],
  redirects: () => [w.old, { maxRedirects: 3 }, "maxRedirects"],
  unixSocket: () => ["ws://localhost/feed", { unixSocket: w.unix }, "unixSocket"],
  localAddress: () => [w.peer, { localAddress: "127.0.0.3" }, "localAddress"],
  resolve: () => [w.named, { resolve: { "name.invalid": "127.0.0.1" } }, "resolve"],
  ipVersion: (wrong) => [w.plain, { ipVersion: wrong ? 6 : 4 }, "ipVersion"],
  keepAlive: () => [w.peer, { keepAlive: true }, "keepAlive"],
  doh:
    () => [w.named, { dohUrl: w.doh, curlOptions: { DOH_SSL_VERIFYPEER: false, DOH_SSL_VERIFYHOST: false } }, "dohUrl"],
  deflate: () => [w.extensions, {}, "by default"],
  maxMessageSize: () => [w.large, { maxMessageSize: 1_000_000 }, "maxMessageSize"],
  backpressure: () => [w.flood, {}, "pause()"],
  ping: () => [w.ping, {}, "ping()"],
  deadPeer: () => [w.silent, { pingInterval: 300 }, "pingInterval"],
  abort: () => [w.never, { signal: AbortSignal.timeout(300) }, "signal"],
};

/** What each takes, in its own words. */
export const TRIES = {
  curlws: CURLWS,
  ws: {
    httpProxy: async () => [
      w.plain,
      { agent: new (await import("https-proxy-agent")).HttpsProxyAgent(w.httpProxy) },
      "agent: https-proxy-agent",
    ],
    proxyPassword: async () => [w.plain, {
      agent: new (await import("https-proxy-agent")).HttpsProxyAgent(w.passwordProxy.replace("//", "//me:secret@")),
    }, "agent: https-proxy-agent"],
    httpsProxy: async () => [w.plain, {
      agent: new (await import("https-proxy-agent")).HttpsProxyAgent(w.httpsProxy, { ca: pem(w.caFile) }),
    }, "agent: https-proxy-agent"],
    socksProxy: async () => [
      w.plain,
      { agent: new (await import("socks-proxy-agent")).SocksProxyAgent(`socks5h://${w.socks}`) },
      "agent: socks-proxy-agent",
    ],
    ownCa: () => [w.tls, { ca: pem(w.caFile) }, "ca"],
    clientCert: () => [w.mtls, { ca: pem(w.caFile), cert: pem(w.certFile), key: pem(w.keyFile) }, "cert"],
    verifyOff: () => [w.tls, { rejectUnauthorized: false }, "rejectUnauthorized"],
    serverName: () => [w.sni, { servername: "other.example", rejectUnauthorized: false }, "servername"],
    pinnedKey: (wrong) => [
      w.tls,
      { ca: pem(w.caFile), checkServerIdentity: pinned(wrong ? w.wrongPin : w.pin) },
      "checkServerIdentity",
    ],
    headers: () => [w.raw, { headers: { "x-b": "1", "X-A": "2" } }, "headers"],
    redirects: () => [w.old, { followRedirects: true }, "followRedirects"],
    unixSocket: () => [`ws+unix:${w.unix}:/feed`, {}, "ws+unix:"],
    localAddress: () => [w.peer, { localAddress: "127.0.0.3" }, "localAddress"],
    resolve: () => [w.named, {
      lookup: (_n, o, done) => o.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
    }, "lookup"],
    ipVersion: (wrong) => [w.local, { family: wrong ? 6 : 4 }, "family"],
    keepAlive: async () => [
      w.peer,
      { agent: new (await import("node:http")).Agent({ keepAlive: true }) },
      "agent: keepAlive",
    ],
    maxMessageSize: () => [w.large, { maxPayload: 1_000_000 }, "maxPayload"],
    backpressure: () => [w.flood, {}, "pause()"],
    ping: () => [w.ping, {}, "ping()"],
    abort: () => [w.never, { signal: AbortSignal.timeout(300) }, "signal"],
  },
  deno: {
    // To ws: it does not ask for a tunnel, which this proxy refuses.
    httpProxy: () => [
      w.tls,
      http({ proxy: { url: w.httpProxy }, caCerts: [pem(w.caFile)] }),
      "client: proxy, for wss: alone",
    ],
    proxyPassword: () => [
      w.tls,
      http({
        proxy: { url: w.passwordProxy, basicAuth: { username: "me", password: "secret" } },
        caCerts: [pem(w.caFile)],
      }),
      "client: proxy.basicAuth, for wss: alone",
    ],
    httpsProxy: () => [
      w.tls,
      http({ proxy: { url: w.httpsProxy }, caCerts: [pem(w.caFile)] }),
      "client: proxy, caCerts, for wss: alone",
    ],
    socksProxy: () => [w.plain, http({ proxy: { url: `socks5h://${w.socks}` } }), "client: proxy"],
    // To ws: it sends the request to the proxy itself, which this proxy refuses.
    envProxy: () => [
      w.tls,
      http({ caCerts: [pem(w.caFile)] }),
      "HTTPS_PROXY, ALL_PROXY; ws: by forward proxying",
    ],
    ownCa: () => [w.tls, http({ caCerts: [pem(w.caFile)] }), "client: caCerts"],
    http2: () => [w.h2, http({ caCerts: [pem(w.caFile)] }), "by default"],
    abort: () => [w.never, { signal: AbortSignal.timeout(300) }, "signal of WebSocketStream"],
    clientCert:
      () => [w.mtls, http({ caCerts: [pem(w.caFile)], cert: pem(w.certFile), key: pem(w.keyFile) }), "client: cert"],
    headers: () => [w.raw, { headers: [["x-b", "1"], ["X-A", "2"]] }, "headers"],
    redirects: () => [w.old, {}, "by default"],
    unixSocket:
      () => ["ws://localhost/feed", http({ proxy: { transport: "unix", path: w.unix } }), "client: proxy.transport"],
    localAddress: () => [w.peer, http({ localAddress: "127.0.0.3" }), "client: localAddress"],
    keepAlive: () => [w.peer, {}, "by default"],
    maxMessageSize: () => [w.large, {}, "by default"],
    backpressure: () => [w.flood, {}, "a handler that blocks"],
    deadPeer: () => [w.silent, {}, "by default"],
  },
  bun: {
    httpProxy: () => [w.plain, { proxy: w.httpProxy }, "proxy"],
    proxyPassword: () => [w.plain, { proxy: w.passwordProxy.replace("//", "//me:secret@") }, "proxy"],
    httpsProxy: () => [w.plain, { proxy: { url: w.httpsProxy, tls: { ca: pem(w.caFile) } } }, "proxy.tls"],
    socksProxy: () => [w.plain, { proxy: `socks5://${w.socks}` }, "proxy"],
    ownCa: () => [w.tls, { tls: { ca: pem(w.caFile) } }, "tls.ca"],
    clientCert: () => [w.mtls, { tls: { ca: pem(w.caFile), cert: pem(w.certFile), key: pem(w.keyFile) } }, "tls.cert"],
    verifyOff: () => [w.tls, { tls: { rejectUnauthorized: false } }, "tls.rejectUnauthorized"],
    serverName: () => [
      w.sni,
      { tls: { rejectUnauthorized: false, serverName: "other.example", servername: "other.example" } },
      "tls.serverName",
    ],
    pinnedKey: (wrong) => [
      w.tls,
      { tls: { ca: pem(w.caFile), checkServerIdentity: pinned(wrong ? w.wrongPin : w.pin) } },
      "tls.checkServerIdentity",
    ],
    http2: () => [w.h2, { tls: { ca: pem(w.caFile) } }, "by default"],
    headers: () => [w.raw, { headers: [["x-b", "1"], ["X-A", "2"]] }, "headers"],
    redirects: () => [w.old, {}, "by default"],
    unixSocket: () => [`ws+unix://${w.unix}:/feed`, {}, "ws+unix:"],
    keepAlive: () => [w.peer, {}, "by default"],
    maxMessageSize: () => [w.large, {}, "by default"],
    backpressure: () => [w.flood, {}, "pause()"],
    ping: () => [w.ping, {}, "ping()"],
    deadPeer: () => [w.silent, {}, "by default"],
  },
  undici: {
    httpProxy: (
      u,
    ) => [
      w.plain,
      { dispatcher: new u.ProxyAgent({ uri: w.httpProxy, proxyTunnel: true }) },
      "dispatcher: ProxyAgent, proxyTunnel",
    ],
    proxyPassword: (
      u,
    ) => [
      w.plain,
      {
        dispatcher: new u.ProxyAgent({ uri: w.passwordProxy, proxyTunnel: true, token: `Basic ${btoa("me:secret")}` }),
      },
      "dispatcher: ProxyAgent, proxyTunnel",
    ],
    httpsProxy: (
      u,
    ) => [
      w.plain,
      { dispatcher: new u.ProxyAgent({ uri: w.httpsProxy, proxyTunnel: true, proxyTls: { ca: pem(w.caFile) } }) },
      "dispatcher: ProxyAgent, proxyTunnel",
    ],
    socksProxy: (
      u,
    ) => [w.plain, {
      dispatcher: u.Socks5ProxyAgent
        ? new u.Socks5ProxyAgent(`socks5://${w.socks}`)
        : new u.ProxyAgent(`socks5://${w.socks}`),
    }, "dispatcher: Socks5ProxyAgent"],
    envProxy: (
      u,
    ) => [
      w.plain,
      { dispatcher: new u.EnvHttpProxyAgent({ proxyTunnel: true }) },
      "dispatcher: EnvHttpProxyAgent, proxyTunnel",
    ],
    ownCa: (u) => [w.tls, agent(u, { ca: pem(w.caFile) }), "dispatcher: connect.ca"],
    clientCert: (
      u,
    ) => [
      w.mtls,
      agent(u, { ca: pem(w.caFile), cert: pem(w.certFile), key: pem(w.keyFile) }),
      "dispatcher: connect.cert",
    ],
    verifyOff: (u) => [w.tls, agent(u, { rejectUnauthorized: false }), "dispatcher: connect"],
    serverName: (
      u,
    ) => [
      w.sni,
      agent(u, { rejectUnauthorized: false, servername: "other.example" }),
      "dispatcher: connect.servername",
    ],
    pinnedKey: (u, wrong) => [
      w.tls,
      agent(u, { ca: pem(w.caFile), checkServerIdentity: pinned(wrong ? w.wrongPin : w.pin) }),
      "dispatcher: connect.checkServerIdentity",
    ],
    http2: (u) => [
      w.h2,
      { dispatcher: new u.Agent({ allowH2: true, connect: { ca: pem(w.caFile) } }) },
      "dispatcher: allowH2, to servers that send Sec-WebSocket-Accept",
    ],
    abort: () => [w.never, { signal: AbortSignal.timeout(300) }, "signal of WebSocketStream"],
    headers: () => [w.raw, { headers: [["x-b", "1"], ["X-A", "2"]] }, "headers"],
    redirects: () => [w.old, {}, "by default"],
    unixSocket: (u) => ["ws://localhost/feed", agent(u, { socketPath: w.unix }), "dispatcher: connect.socketPath"],
    localAddress: (
      u,
    ) => [
      w.peer,
      { dispatcher: new u.Agent({ localAddress: "127.0.0.3", connect: { localAddress: "127.0.0.3" } }) },
      "dispatcher: localAddress",
    ],
    resolve: (
      u,
    ) => [
      w.named,
      agent(u, {
        lookup: (_n, o, done) => o.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
      }),
      "dispatcher: connect.lookup",
    ],
    ipVersion: (
      u,
      wrong,
    ) => [w.local, agent(u, { family: wrong ? 6 : 4, autoSelectFamily: false }), "dispatcher: connect.family"],
    keepAlive: () => [w.peer, {}, "by default"],
    maxMessageSize: (
      u,
    ) => [
      w.large,
      { dispatcher: new u.Agent({ webSocket: { maxPayloadSize: 1_000_000 } }) },
      "dispatcher: webSocket.maxPayloadSize",
    ],
    backpressure: () => [w.flood, {}, "a handler that blocks"],
    ping: () => [w.ping, {}, "ping(socket)"],
    deadPeer: () => [w.silent, {}, "by default"],
  },
  // Its own CAs are OpenSSL's variables; what a session has is given to its WebSockets.
  "wreq-js": {
    // To ws: it sends the request to the proxy itself, which this proxy refuses.
    httpProxy: () => [w.tls, { session: { proxy: w.httpProxy, ...defaultCas() } }, "proxy, for wss: alone"],
    proxyPassword: () => [
      w.tls,
      { session: { proxy: w.passwordProxy.replace("//", "//me:secret@"), ...defaultCas() } },
      "proxy, for wss: alone",
    ],
    httpsProxy: () => [
      w.tls,
      { session: { proxy: w.httpsProxy, ...defaultCas() } },
      "session: proxy, SSL_CERT_FILE, for wss: alone",
    ],
    envProxy: () => [w.tls, { session: defaultCas() }, "HTTPS_PROXY, for wss: alone"],
    socksProxy: () => [w.plain, { proxy: `socks5h://${w.socks}` }, "proxy"],
    ownCa: () => [w.tls, { session: defaultCas() }, "session: trustStore, SSL_CERT_FILE"],
    verifyOff: () => [w.tls, { session: { insecure: true } }, "session: insecure"],
    impersonate: () => [w.hello, { session: { browser: "chrome", os: "windows", insecure: true } }, "browser"],
    browserHeaders: () => [w.hello, { session: { browser: "chrome", os: "windows", insecure: true } }, "browser"],
    headers: () => [w.raw, { headers: [["x-b", "1"], ["X-A", "2"]] }, "headers"],
    redirects: () => [w.old, {}, "by default"],
    keepAlive: () => [w.peer, {}, "by default"],
    http2: () => [w.h2, { session: { insecure: true } }, "by default"],
    maxMessageSize: () => [w.large, { maxMessageSize: 1_000_000 }, "maxMessageSize"],
    backpressure: () => [w.flood, {}, "a handler that blocks"],
    deadPeer: () => [w.silent, {}, "by default"],
  },
  impers: {
    httpProxy: () => [w.plain, { proxy: w.httpProxy }, "proxy"],
    proxyPassword: () => [w.plain, { proxy: w.passwordProxy.replace("//", "//me:secret@") }, "proxy"],
    socksProxy: () => [w.plain, { proxy: `socks5h://${w.socks}` }, "proxy"],
    verifyOff: () => [w.tls, { verify: false }, "verify"],
    impersonate: () => [w.hello, { impersonate: "chrome", verify: false }, "impersonate"],
    browserHeaders: () => [w.hello, { impersonate: "chrome", verify: false }, "impersonate"],
    headers: () => [w.raw, { headers: { "x-b": "1", "X-A": "2" } }, "headers"],
    digest: () => [w.account, { auth: { username: "joe", password: "secret", type: "digest" } }, "auth.type"],
    redirects: () => [w.old, {}, "by default"],
    keepAlive: () => [w.peer, {}, "by default"],
    maxMessageSize: () => [w.large, { maxMessageSize: 1_000_000 }, "maxMessageSize"],
    backpressure: () => [w.flood, {}, "no recv()"],
    ping: () => [w.ping, {}, "ping()"],
    deadPeer: () => [w.silent, {}, "by default"],
    reconnect: () => [`${w.restarts}?${process.pid}`, { autoReconnect: true, reconnectDelay: 10 }, "autoReconnect"],
  },
};
/** What each but curlws would do by itself. */
export const BY_ITSELF = {
  envProxy: () => [w.plain, {}, "by default"],
  basicUrl: () => [w.account.replace("//", "//joe:secret@"), {}, "by default"],
  deflate: () => [w.extensions, {}, "by default"],
  runtimes: () => [w.plain, {}, "by default"],
  // It counts by the whole path, and ends the first connection behind its message.
  reconnect: () => [`${w.restarts}?${process.pid}`, {}, "by default"],
};
/** Trust in what the environment names; it is read when the session is made. */
function defaultCas() {
  process.env.SSL_CERT_FILE = w.caFile;
  return { trustStore: "defaultPaths" };
}
const http = (options) => ({ client: globalThis.Deno.createHttpClient(options) });
const agent = (u, connect) => ({ dispatcher: new u.Agent({ connect }) });
