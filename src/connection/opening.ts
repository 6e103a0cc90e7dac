/** The way to an open connection: libcurl connects, the handshake is made, and redirects and challenges are answered. */
import { type CompleteCookies, cookiesFor, storeCookies } from "../handshake/cookies.ts";
import type { CompleteOptions } from "../options/options.ts";
import { withHandshake } from "../curl/connection_info.ts";
import type { ConnectionInfo } from "../observe/connection_info.ts";
import { Connector } from "../curl/connector.ts";
import { READABLE, WRITABLE } from "../curl/constants.ts";
import { allocate } from "../platform/ffi.ts";
import { runtime } from "../platform/runtime.ts";
import { resolveBrowser } from "../curl/impersonate.ts";
import type { Curl } from "../curl/library.ts";
import { withoutIdentity } from "../options/curl_options.ts";
import type { Reactor, Source } from "../reactor/reactor.ts";
import { END, type Transport, WOULD_BLOCK } from "../curl/transport.ts";
import type { DebugLog } from "../observe/debug_log.ts";
import { CurlWebSocketError, errorOf } from "../errors.ts";
import { Deadline } from "../platform/deadline.ts";
import { paced } from "../platform/fair_queue.ts";
import { type Browser, pageOrigin } from "../handshake/browsers.ts";
import { type Challenge, digestChallenge, digestCredentials, isStale } from "../handshake/digest.ts";
import {
  acceptFor,
  type Agreement,
  type HandshakeOffer,
  type HeaderList,
  makeKey,
  ResponseReader,
} from "../handshake/response.ts";
import { redirectLocation, redirectTarget } from "../handshake/redirect.ts";
import { buildRequest, target } from "../handshake/request.ts";
import { httpUrl } from "../handshake/url.ts";
import { shownUrl } from "../observe/redact.ts";
import { SendQueue } from "./send_queue.ts";
import { ResponseTrace, tracer } from "../observe/trace.ts";
import { loadZlib } from "../platform/zlib.ts";

/** How it ends, exactly once, unless it is closed before. */
export interface OpeningHandler {
  /** `rest` came behind the handshake, and belongs to the first frames. */
  onOpened(transport: Transport, agreement: Agreement, rest: Uint8Array, info: ConnectionInfo): void;
  onFailed(error: CurlWebSocketError): void;
  /** A server answered, whatever it was. */
  onAnswer(url: URL, status: number, headers: HeaderList): void;
  readonly log: DebugLog | null;
}

/** What an answer's header is read into, one a thread: an answer is seldom larger. */
const READ_SIZE = 16 * 1024;
let readBuffer: Uint8Array<ArrayBuffer> | undefined;

/**
 * How long a refusal's body is waited for, ms, once its header is there: some servers neither say how long it is nor close
 * the connection. What comes in that time goes into the error, which is then told within a second.
 */
const BODY_TIME = 750;

/** The caller's fields that are for the first origin alone: Host, and what authenticates by its name. */
const OWN_ORIGIN = /^host$|auth|cookie|credential|passw|secret|session|signature|token|api-?key|[-_]key$/i;

export class Opening implements Source {
  readonly #curl: Curl;
  readonly #reactor: Reactor;
  readonly #protocols: readonly string[];
  readonly #options: CompleteOptions;
  readonly #handler: OpeningHandler;
  readonly #browser: Browser | null;
  /** A browser's Origin, which redirects do not change. */
  readonly #origin: string | null;
  /** What the request is made of now; a redirect to another origin takes from it. */
  #url: URL;
  #headers: HeaderList;
  #cookies: CompleteCookies;
  #auth: CompleteOptions["auth"];
  #tls: CompleteOptions["tls"];
  #curlOptions: CompleteOptions["curlOptions"];
  /** The Digest challenge to answer. */
  #challenge: Challenge | null = null;
  #redirects = 0;
  /** Each request so far, with its cookies: the same again would end the same way. */
  readonly #seen: Set<string> = new Set();
  /** The redirect that is being followed: what to say where it is a wrong one. */
  #redirection: { location: string; status: number | undefined; headers: HeaderList | undefined } | null = null;
  #cookie: string | null = null;
  #connector: Connector | null = null;
  #transport: Transport | null = null;
  #info: ConnectionInfo | null = null;
  /** When this attempt began, and when its handshake did. */
  #startedAt = 0;
  #connectedAt = 0;
  #response: ResponseReader | null = null;
  /** Null where nobody listens. */
  #trace: ResponseTrace | null = null;
  /** What of the request is still to be sent. */
  #out: SendQueue = new SendQueue();
  /** Why the rest of the request could not be sent. The server may have refused before it had read all of it. */
  #unsent: CurlWebSocketError | null = null;
  /** Whether a refusal is there but for its body. */
  #awaitsBody = false;
  readonly #deadline: Deadline = new Deadline();
  #refed = true;
  #closed = false;

  /** @throws {CurlWebSocketError} `ERR_IMPERSONATE` where libcurl cannot be the browser */
  constructor(
    curl: Curl,
    reactor: Reactor,
    url: URL,
    protocols: readonly string[],
    options: CompleteOptions,
    handler: OpeningHandler,
  ) {
    this.#curl = curl;
    this.#reactor = reactor;
    this.#url = url;
    this.#protocols = protocols;
    this.#options = options;
    this.#handler = handler;
    this.#headers = options.headers;
    this.#cookies = options.cookies;
    this.#auth = options.auth;
    this.#tls = options.tls;
    this.#curlOptions = options.curlOptions;
    this.#browser = options.impersonate === null ? null : resolveBrowser(curl, options.impersonate);
    this.#origin = options.origin ?? (this.#browser === null ? null : pageOrigin(url));
  }

  /** Begins; whatever comes of it is told in a later task. */
  start(): void {
    const { connectTimeout } = this.#options;
    const url = this.#url;
    paced(() =>
      this.#guard(() => {
        this.#startedAt = performance.now();
        this.#limit(connectTimeout, () => {
          const proxy = this.#connector?.proxyName ?? null, by = proxy === null ? "" : ` through the proxy ${proxy}`;
          const message = `connecting to ${url.host}${by} took longer than connectTimeout, ${connectTimeout} ms`;
          return new CurlWebSocketError("ERR_CONNECT_TIMEOUT", message);
        });
        const cookie = cookiesFor(this.#cookies, url);
        if (cookie instanceof Promise) cookie.then((value) => this.#guard(() => this.#connect(value)), this.#onError);
        else if (!this.#closed) this.#connect(cookie);
      })
    );
  }

  setRef(refed: boolean): void {
    this.#refed = refed;
    this.#connector?.setRef(refed);
    this.#reactor.setRef(this, refed);
    this.#deadline.setRef(refed);
  }

  /** Gives up, at any time; the handler hears nothing more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#deadline.clear();
    this.#release()?.close();
  }

  onReactorError(error: CurlWebSocketError): void {
    this.#fail(error);
  }

  onReady(_fd: number, events: number): boolean {
    this.#guard(() => {
      // What has come goes first: a send that fails may end reading too, as it does in GnuTLS.
      if (this.#response !== null) this.#read();
      if (events & WRITABLE && this.#response !== null && !this.#closed) this.#flush();
    });
    return false;
  }

  /**
   * Runs a step; what it throws is the end. A step that calls code of the caller's, be it a cookie jar, a subscriber or a
   * log, has to look at `#closed` behind each such call: the caller may have given up inside it.
   */
  #guard(step: () => void): void {
    if (this.#closed) return;
    try {
      step();
    } catch (cause) {
      this.#onError(cause);
    }
  }

  readonly #onError = (cause: unknown): void => {
    this.#fail(errorOf("connecting", cause));
  };

  #fail(error: CurlWebSocketError): void {
    if (this.#closed) return;
    this.close();
    this.#handler.onFailed(error);
  }

  #connect(cookie: string | null): void {
    this.#cookie = cookie;
    const identity = `${this.#url.href} ${cookie}`;
    if (this.#challenge === null && this.#seen.has(identity)) {
      throw this.#notFollowed("it leads where it came from, and would have no end");
    }
    this.#seen.add(identity);
    const url = httpUrl(this.#url);
    const { proxy, network } = this.#options;
    const curlOptions = this.#curlOptions;
    const { log } = this.#handler;
    log?.write("connect", `to ${shownUrl(this.#url)}`);
    if (this.#closed) return;
    const { connectTimeout } = this.#options;
    const left = connectTimeout - (performance.now() - this.#startedAt);
    const timeout = connectTimeout === 0 ? 0 : Math.max(1, left);
    const connectTo = { url, tls: this.#tls, proxy, network, curlOptions, browser: this.#browser, timeout, log };
    const connector = new Connector(this.#curl, this.#reactor, connectTo, {
      onConnected: (transport, info) => {
        this.#info = info;
        this.#guard(() => this.#onConnected(transport));
      },
      onFailed: (error) => this.#fail(error),
    });
    // libcurl's first words go to the log.
    if (this.#closed) return connector.close();
    this.#connector = connector;
    connector.setRef(this.#refed);
  }

  #onConnected(transport: Transport): void {
    this.#connector = null;
    this.#transport = transport;
    this.#connectedAt = performance.now();
    this.#handler.log?.write("connect", `connected ${describe(this.#info!)}`);
    if (this.#closed) return;
    const { deflate, handshakeTimeout } = this.#options;
    const offer: HandshakeOffer = {
      protocols: this.#protocols,
      deflate: deflate === null || loadZlib() === null ? null : deflate.offer,
    };
    const key = makeKey();
    const accept = acceptFor(key, (text) => runtime().sha1(text));
    const authorization = this.#authorization();
    const authorized = typeof authorization === "string" ||
      (authorization === undefined && (this.#url.username !== "" || this.#url.password !== "")) ||
      this.#headers.some(([name]) => name.toLowerCase() === "authorization");
    const followed = (status: number, headers: HeaderList) => this.#isFollowed(status, headers);
    this.#response = new ResponseReader(accept, offer, followed, authorized);
    this.#deadline.limit(handshakeTimeout, this.#onTimeout);
    const request = buildRequest(this.#url, key, offer, this.#headers, {
      origin: this.#origin,
      cookie: this.#cookie,
      authorization,
      browser: this.#browser,
    });
    tracer()?.("request", new TextDecoder("latin1").decode(request));
    this.#trace = tracer() === null ? null : new ResponseTrace();
    this.#out = new SendQueue();
    this.#unsent = null;
    this.#awaitsBody = false;
    this.#handler.log?.request(request);
    if (this.#closed) return;
    this.#reactor.attach(this);
    this.#reactor.setRef(this, this.#refed);
    this.#out.pushRaw(request);
    this.#flush();
  }

  #authorization(): string | null | undefined {
    const auth = this.#auth;
    // Only the URL's own user and password are left.
    if (auth === null) return undefined;
    if (auth.type === "header") return auth.authorization;
    if (this.#challenge === null) return null;
    const cnonce = makeKey();
    const request = { ...auth, method: "GET", uri: target(this.#url), cnonce };
    return digestCredentials(this.#challenge, request, (algorithm, bytes) => runtime().hash(algorithm, bytes));
  }

  /** The time for the answer is up. */
  readonly #onTimeout = (): void => {
    this.#guard(() => {
      const message =
        `${this.#url.host} did not answer the handshake within handshakeTimeout, ${this.#options.handshakeTimeout} ms`;
      this.#ended(new CurlWebSocketError("ERR_HANDSHAKE_TIMEOUT", message));
    });
  };

  #flush(): void {
    const transport = this.#transport!;
    try {
      this.#out.flush((bytes) => transport.send(bytes));
    } catch (error) {
      this.#unsent = this.#lost(errorOf("sending the handshake", error));
      this.#out.close();
      return this.#read();
    }
    this.#reactor.watch(transport.fd, this, READABLE | (this.#out.empty ? 0 : WRITABLE));
  }

  /** Reads what there is of the answer. The reader bounds how much that can be. */
  #read(): void {
    const buffer = readBuffer ??= allocate(READ_SIZE);
    const transport = this.#transport!, response = this.#response!;
    for (;;) {
      let count: number, answer;
      try {
        count = transport.recv(buffer);
      } catch (error) {
        return this.#ended(this.#lost(errorOf("receiving the handshake", error)));
      }
      if (count === END) {
        const message = `${this.#url.host} closed the connection without answering the handshake`;
        return this.#ended(this.#lost(new CurlWebSocketError("ERR_CONNECTION_LOST", message)));
      }
      if (count === WOULD_BLOCK) break;
      this.#trace?.push(buffer.subarray(0, count));
      if (this.#closed) return;
      try {
        answer = response.push(buffer.subarray(0, count));
      } catch (error) {
        return this.#refused(errorOf("reading the handshake", error));
      }
      if (answer !== null) return this.#accepted(answer.agreement, answer.rest.slice());
      // A socket that gave less than asked for is drained, unless libcurl reads ahead.
      if (!transport.readsAhead && count < buffer.length && this.#unsent === null) break;
    }
    if (this.#unsent !== null) return this.#ended(this.#unsent);
    if (response.refusing) this.#awaitBody();
  }

  /** The error of a connection that was lost, with what may be the reason: by an end or a reset, as the server's timing has it. */
  #lost(error: CurlWebSocketError): CurlWebSocketError {
    const { hint } = this.#transport!;
    if (hint === null || error.code !== "ERR_CONNECTION_LOST") return error;
    return new CurlWebSocketError(error.code, `${error.message}; ${hint}`, { ...error });
  }

  /** No more of the answer comes: what came of a refusal counts, else `error`. */
  #ended(error: CurlWebSocketError): void {
    this.#refused(this.#response!.end() ?? error);
  }

  /** Bounds the wait for a refusal's body. */
  #awaitBody(): void {
    if (this.#awaitsBody) return;
    this.#awaitsBody = true;
    const { handshakeTimeout } = this.#options;
    const left = handshakeTimeout === 0 ? BODY_TIME : handshakeTimeout - (performance.now() - this.#connectedAt);
    this.#deadline.set(Math.max(0, Math.min(BODY_TIME, left)), this.#onTimeout);
  }

  #accepted(agreement: Agreement, rest: Uint8Array): void {
    this.#handler.onAnswer(this.#url, 101, agreement.headers);
    if (this.#closed) return;
    const info = withHandshake(this.#info!, performance.now() - this.#connectedAt);
    this.#stored(agreement.headers, () => {
      this.#closed = true;
      this.#deadline.clear();
      const transport = this.#release() as Transport;
      this.#handler.onOpened(transport, agreement, rest, info);
    });
  }

  /** Runs `then` when the cookies of an answer are stored: at once, or in a task of its own. */
  #stored(headers: HeaderList, then: () => void): void {
    this.#response = null;
    const stored = storeCookies(this.#cookies, this.#url, headers);
    if (stored === null) return this.#closed ? undefined : then();
    stored.then(() => runtime().defer(() => this.#guard(then)), this.#onError);
    if (this.#closed) return;
    this.#reactor.watch(this.#transport!.fd, this, 0);
    const { handshakeTimeout } = this.#options;
    this.#limit(handshakeTimeout, () => {
      const message = `the cookie jar took longer than handshakeTimeout, ${handshakeTimeout} ms`;
      return new CurlWebSocketError("ERR_HANDSHAKE_TIMEOUT", message);
    });
  }

  /** The server said something else than yes, or nothing. */
  #refused(error: CurlWebSocketError): void {
    const { status, headers = [] } = error;
    if (status === undefined) return this.#fail(error);
    this.#handler.onAnswer(this.#url, status, headers);
    if (this.#closed) return;
    this.#stored(headers, () => {
      if (!this.#isFollowed(status, headers)) return this.#fail(error);
      const location = redirectLocation(status, headers);
      if (location !== null) this.#redirect(location, error);
      else this.#challenge = this.#answerable(headers);
      this.#release()!.close();
      this.start();
    });
  }

  /** Whether an answer is the beginning of another attempt. */
  #isFollowed(status: number, headers: HeaderList): boolean {
    if (status === 401) return this.#answerable(headers) !== null;
    return this.#options.maxRedirects > 0 && redirectLocation(status, headers) !== null;
  }

  /** The challenge of a refusal that is worth an answer: the first, or one with a new nonce because the old one was stale. */
  #answerable(headers: HeaderList): Challenge | null {
    if (this.#auth?.type !== "digest") return null;
    const fields = headers.filter(([name]) => name.toLowerCase() === "www-authenticate").map(([, value]) => value);
    const challenge = digestChallenge(fields);
    if (challenge === null || this.#challenge === null) return challenge;
    const renewed = challenge.parameters.get("nonce") !== this.#challenge.parameters.get("nonce");
    // A server that calls each answer stale would have no end.
    return isStale(challenge) && !isStale(this.#challenge) && renewed ? challenge : null;
  }

  /** Sets out for where a redirect leads. */
  #redirect(location: string, { status, headers }: CurlWebSocketError): void {
    this.#redirection = { location, status, headers };
    const { maxRedirects } = this.#options;
    if (++this.#redirects > maxRedirects) {
      throw this.#notFollowed(`it would be one more than maxRedirects, ${maxRedirects}`);
    }
    const before = this.#url;
    let url: URL;
    try {
      url = redirectTarget(before, location);
    } catch (error) {
      throw this.#notFollowed((error as TypeError).message);
    }
    this.#url = url;
    this.#challenge = null;
    if (url.origin !== before.origin) this.#forgetCredentials();
    else if (url.username === "" && url.password === "") {
      url.username = before.username;
      url.password = before.password;
    }
  }

  /** What is for one origin is not for another. A jar knows by itself. */
  #forgetCredentials(): void {
    this.#headers = this.#headers.filter(([name]) => !OWN_ORIGIN.test(name));
    this.#auth = null;
    if (typeof this.#cookies === "string") this.#cookies = null;
    const { cert: _cert, key: _key, pfx: _pfx, passphrase: _passphrase, serverName: _name, ...tls } = this.#tls;
    this.#tls = tls;
    this.#curlOptions = withoutIdentity(this.#curlOptions);
  }

  #notFollowed(why: string): CurlWebSocketError {
    const { location, status, headers } = this.#redirection!;
    const message = `the server redirects to ${shownUrl(location)} (${status}), which is not followed: ${why}`;
    return new CurlWebSocketError("ERR_HANDSHAKE_REDIRECT", message, { status, headers });
  }

  /** Takes this out of the reactor; what was under way is the caller's to close or keep. */
  #release(): { close(): void } | null {
    const connector = this.#connector, transport = this.#transport;
    this.#connector = this.#transport = this.#response = null;
    this.#out.close();
    if (transport !== null) {
      this.#reactor.watch(transport.fd, this, 0);
      this.#reactor.detach(this);
    }
    return transport ?? connector;
  }

  #limit(milliseconds: number, onTime: () => CurlWebSocketError): void {
    this.#deadline.limit(milliseconds, () => this.#fail(onTime()));
  }
}

/** A connection that stands, for the log. */
function describe({ localAddress, localPort, remoteAddress, remotePort, tls, proxy, times }: ConnectionInfo): string {
  const to = remoteAddress === ""
    ? "by a Unix socket"
    : `${localAddress}:${localPort} to ${remoteAddress}:${remotePort}`;
  const through = proxy === null ? "" : `, through the proxy ${proxy}`;
  const secure = tls === null ? "" : `, ${tls.version ?? "TLS"}, ${tls.cipher ?? "cipher unknown"}`;
  const took = `; name ${times.lookup.toFixed(1)}, TCP ${times.tcp.toFixed(1)}, TLS ${times.tls.toFixed(1)} ms`;
  return to + through + secure + took;
}
