// Tries one row of the comparison with one client, and prints what came of it as JSON: worker.mjs CLIENT ROW WORLD.
import process from "node:process";
import { BY_ITSELF, TRIES, w } from "./tries.mjs";

const [client, row] = process.argv.slice(2);

let undici, wreq, make;
if (client === "curlws") {
  const { CurlWebSocket } = await import(w.module);
  make = (url, options) => new CurlWebSocket(url, options);
} else if (client === "ws") {
  const { WebSocket } = await import("ws");
  make = (url, options) => new WebSocket(url, options);
} else if (client === "undici") {
  undici = await import("undici");
  make = (url, options) => new undici.WebSocket(url, options);
} else if (client === "wreq-js") {
  wreq = await import("wreq-js");
  make = async (url, { session, ...options }) =>
    session === undefined
      ? new wreq.WebSocket(url, options)
      : await (await wreq.createSession(session)).websocket(url, options);
} else if (client !== "impers") make = (url, options) => new WebSocket(url, options);

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const deadline = (promise, ms) => Promise.race([promise, delay(ms).then(() => "deadline")]);

/** Opens a socket as a browser's, and tells its first message or its end. */
async function open(url, options) {
  let socket;
  try {
    socket = await make(url, options);
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

const STREAMS = { deno: () => globalThis.WebSocketStream, undici: () => undici.WebSocketStream };

/** Whether a WebSocketStream gives up when its signal says so. */
async function abortedStream(url, options) {
  const started = performance.now();
  const end = await deadline(new (STREAMS[client]())(url, options).opened.then(() => "opened", (e) => e), 2_000);
  const aborted = end instanceof Error && performance.now() - started < 1_500;
  return { message: aborted ? "aborted" : undefined, error: `${end}` };
}

async function attempt(wrong) {
  const make_ = TRIES[client][row] ?? BY_ITSELF[row];
  if (make_ === undefined) return { none: true };
  const [url, options, how] = await (client === "undici" ? make_(undici, wrong) : make_(wrong));
  if (client === "impers") {
    return { how, ...await deadline(impersTry(url, options).catch((error) => ({ error: error.message })), 6_000) };
  }
  if (row === "abort" && client in STREAMS) return { how, ...await abortedStream(url, options) };
  const { socket, first } = await open(url, options);
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
  const { socket, first } = await open(w.echo, {});
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
  if (client === "wreq-js") {
    const session = await wreq.createSession();
    const first = (socket) => new Promise((resolve) => socket.onmessage = ({ data }) => resolve(data));
    await first(await session.websocket(w.plain));
    return { how: "session", message: await deadline(first(await session.websocket(w.headers)), 3_000) };
  }
  if (client !== "curlws") return { none: true };
  const { CookieJar } = await import("tough-cookie");
  const jar = new CookieJar();
  await (await open(w.plain, { cookies: jar })).first;
  return { how: "cookies: a jar", ...await (await open(w.headers, { cookies: jar })).first, event: undefined };
}

/** Whether the cookie of an HTTP request goes with the WebSocket of the same session. */
async function httpSessionRow() {
  if (client !== "wreq-js") return { none: true };
  const session = await wreq.createSession();
  await session.fetch(w.login);
  const socket = await session.websocket(w.session);
  const message = new Promise((resolve) => socket.onmessage = ({ data }) => resolve(data));
  return { how: "session: fetch(), websocket()", message: await deadline(message, 3_000) };
}

let result;
if (row === "cookieJar") result = await cookieRow();
else if (row === "httpSession") result = await httpSessionRow();
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
