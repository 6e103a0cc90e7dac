// Tries one row of the comparison with one client, and prints what came of it as JSON: worker.mjs CLIENT ROW WORLD.
// A try is [url, options, how]; a client that has none for a row has no option for it.
import { readFileSync } from "node:fs";
import process from "node:process";

const [client, row, worldPath] = process.argv.slice(2);
const w = JSON.parse(readFileSync(worldPath, "utf8"));
const pem = (path) => readFileSync(path, "utf8");

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
const TRIES = {
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
    ownCa: () => [w.tls, http({ caCerts: [pem(w.caFile)] }), "client: caCerts"],
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
    headers: () => [w.raw, { headers: [["x-b", "1"], ["X-A", "2"]] }, "headers"],
    redirects: () => [w.old, {}, "by default"],
    unixSocket: () => [`ws+unix://${w.unix}:/feed`, {}, "ws+unix:"],
    keepAlive: () => [w.peer, {}, "by default"],
    maxMessageSize: () => [w.large, {}, "by default"],
    backpressure: () => [w.flood, {}, "a handler that blocks"],
    ping: () => [w.ping, {}, "ping()"],
    deadPeer: () => [w.silent, {}, "by default"],
  },
  undici: {
    httpProxy: (
      u,
    ) => [w.plain, { dispatcher: new u.ProxyAgent({ uri: w.httpProxy, proxyTunnel: true }) }, "dispatcher: ProxyAgent"],
    proxyPassword: (
      u,
    ) => [
      w.plain,
      { dispatcher: new u.ProxyAgent({ uri: w.passwordProxy, token: `Basic ${btoa("me:secret")}` }) },
      "dispatcher: ProxyAgent",
    ],
    httpsProxy: (
      u,
    ) => [
      w.plain,
      { dispatcher: new u.ProxyAgent({ uri: w.httpsProxy, proxyTls: { ca: pem(w.caFile) } }) },
      "dispatcher: ProxyAgent",
    ],
    socksProxy: (
      u,
    ) => [w.plain, {
      dispatcher: u.Socks5ProxyAgent
        ? new u.Socks5ProxyAgent(`socks5://${w.socks}`)
        : new u.ProxyAgent(`socks5://${w.socks}`),
    }, "dispatcher: Socks5ProxyAgent"],
    envProxy: (u) => [w.plain, { dispatcher: new u.EnvHttpProxyAgent() }, "dispatcher: EnvHttpProxyAgent"],
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
const BY_ITSELF = {
  envProxy: () => [w.plain, {}, "by default"],
  basicUrl: () => [w.account.replace("//", "//joe:secret@"), {}, "by default"],
  deflate: () => [w.extensions, {}, "by default"],
  // It counts by the whole path, and ends the first connection behind its message.
  reconnect: () => [`${w.restarts}?${process.pid}`, {}, "by default"],
};
const http = (options) => ({ client: globalThis.Deno.createHttpClient(options) });
const agent = (u, connect) => ({ dispatcher: new u.Agent({ connect }) });

let undici, make;
if (client === "curlws") {
  const { CurlWebSocket } = await import(w.module);
  make = (url, options) => new CurlWebSocket(url, options);
} else if (client === "ws") {
  const { WebSocket } = await import("ws");
  make = (url, options) => new WebSocket(url, options);
} else if (client === "undici") {
  undici = await import("undici");
  make = (url, options) => new undici.WebSocket(url, options);
} else if (client !== "impers") make = (url, options) => new WebSocket(url, options);

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const deadline = (promise, ms) => Promise.race([promise, delay(ms).then(() => "deadline")]);

/** Opens a socket as a browser's, and tells its first message or its end. */
function open(url, options) {
  let socket;
  try {
    socket = make(url, options);
  } catch (error) {
    return { socket: null, first: Promise.resolve({ error: `${error.message}` }) };
  }
  const first = new Promise((resolve) => {
    let error = "";
    socket.onmessage = (event) =>
      resolve({
        message: typeof event.data === "string" ? event.data : `binary ${event.data.size ?? event.data.byteLength}`,
        event,
      });
    socket.onerror = (event) => error ||= `${event.error?.message ?? event.message ?? "error"}`;
    socket.onclose = ({ code }) => resolve({ error: error || "closed", code });
  });
  return { socket, first };
}

/** Whether impers brings a message of another connection. */
async function another(socket) {
  // The close frame is a message to it.
  const { data } = await deadline(socket.recv(3).catch(() => ({})), 3_000);
  return { message: data?.toString() === "hello" ? "another" : undefined, error: "no other connection" };
}

async function impersTry(url, options) {
  const { wsConnect } = await import("impers");
  const socket = await wsConnect(url, { timeout: 4, ...options });
  if (row === "ping") await socket.ping("hello");
  if (row === "backpressure") await delay(2_000);
  let { data } = await socket.recv(3);
  // A pong is a message to it.
  if (row === "ping" && !data.toString().startsWith("pinged")) ({ data } = await socket.recv(3));
  return {
    message: data.length > 1e5 ? `binary ${data.length}` : data.toString("utf8"),
    ...row === "reconnect" ? await another(socket) : {},
    wait: row === "deadPeer" ? await deadline(socket.recv(3).then(() => "more", (e) => e.message), 3_000) : undefined,
  };
}

async function attempt(wrong) {
  const make_ = TRIES[client][row] ?? BY_ITSELF[row];
  if (make_ === undefined) return { none: true };
  const [url, options, how] = await (client === "undici" ? make_(undici, wrong) : make_(wrong));
  if (client === "impers") {
    return { how, ...await deadline(impersTry(url, options).catch((error) => ({ error: error.message })), 6_000) };
  }
  const { socket, first } = open(url, options);
  if (row === "abort") {
    const started = performance.now();
    const end = await deadline(first, 2_000);
    return {
      how,
      message: end !== "deadline" && performance.now() - started < 1_500 ? "aborted" : undefined,
      error: end === "deadline" ? "still connecting after 2 s" : end.error,
    };
  }
  if (row === "ping" && socket !== null) {
    socket.addEventListener("open", () => {
      if (client === "undici") undici.ping(socket, Buffer.from("hello"));
      else if (typeof socket.ping === "function") socket.ping("hello");
    });
  }
  const result = await deadline(first, 4_000);
  if (result === "deadline") return { how, error: "nothing came" };
  if (row === "backpressure" && socket !== null) {
    if (typeof socket.pause === "function") socket.pause();
    else for (const until = performance.now() + 2_000; performance.now() < until;);
    await delay(typeof socket.pause === "function" ? 2_000 : 0);
  }
  if (row === "deadPeer") {
    const end = await deadline(new Promise((resolve) => socket.onclose = ({ code }) => resolve(code)), 3_000);
    return { how, message: end === "deadline" ? undefined : `closed ${end}`, error: "not found dead" };
  }
  if (row === "reconnect") {
    const other = await deadline(new Promise((resolve) => socket.onmessage = resolve), 3_000);
    return { how, message: other === "deadline" ? undefined : "another", error: "no other connection" };
  }
  if (row === "keepAlive") await delay(900);
  const { event: _event, ...rest } = result;
  return { how, ...rest };
}

/** Rows that are about the class. */
async function classRow() {
  const { socket, first } = open(w.echo, {});
  await deadline(new Promise((resolve) => socket.addEventListener("open", resolve)), 3_000);
  if (row === "events") {
    socket.send("x");
    const { event } = await deadline(first, 3_000);
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.close(1000);
    const close = await deadline(closed, 3_000);
    const ok = event instanceof MessageEvent && typeof CloseEvent === "function" && close instanceof CloseEvent;
    return { how: "by default", message: ok ? "both" : undefined, error: "events of classes of its own" };
  }
  const kinds = [];
  for (const type of ["blob", "arraybuffer"]) {
    try {
      socket.binaryType = type;
    } catch { /* then it stays */ }
    const next = new Promise((resolve) => socket.onmessage = ({ data }) => resolve(data.constructor.name));
    socket.send(new Uint8Array([1, 2]));
    kinds.push(await deadline(next, 3_000));
  }
  const all = kinds.join() === "Blob,ArrayBuffer";
  return { how: "binaryType", message: all ? kinds.join() : undefined, error: kinds.join() };
}

async function cookieRow() {
  if (client !== "curlws") return { none: true };
  const { CookieJar } = await import("tough-cookie");
  const jar = new CookieJar();
  await open(w.plain, { cookies: jar }).first;
  return { how: "cookies: a jar", ...await open(w.headers, { cookies: jar }).first, event: undefined };
}

let result;
if (row === "cookieJar") result = await cookieRow();
else if (client === "curlws" && ["reconnect", "rotation", "redundancy"].includes(row)) {
  result = await (await import("./feed_rows.mjs")).feedRow(row, w);
} else if (row === "events" || row === "binaryType") result = client === "impers" ? { none: true } : await classRow();
else {
  result = await attempt(false);
  // What takes the wrong one too checks nothing.
  if (["pinnedKey", "ipVersion"].includes(row) && result.message !== undefined) {
    const other = await attempt(true);
    if (other.message !== undefined) result = { how: result.how, error: "the wrong one was taken too" };
  }
}
process.stdout.write(`\n${JSON.stringify(result)}\n`, () => process.exit(0));
