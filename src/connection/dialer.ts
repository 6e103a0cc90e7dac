/** The way to an open connection: one handshake attempt after another, with cookies, redirects and Digest challenges between. */
import type { ConnectionInfo } from "../observe/connection_info.ts";
import { resolveBrowser } from "../curl/impersonate.ts";
import type { Curl } from "../curl/library.ts";
import type { Transport } from "../curl/transport.ts";
import { CurlWebSocketError, errorOf } from "../errors.ts";
import type { Agreement } from "../handshake/agreement.ts";
import { type Browser, pageOrigin } from "../handshake/browsers.ts";
import { type CompleteCookies, cookiesFor, storeCookies } from "../handshake/cookies.ts";
import { type Challenge, digestChallenge, digestCredentials, isStale } from "../handshake/digest.ts";
import { fieldValues, type HeaderList } from "../handshake/fields.ts";
import { makeKey } from "../handshake/key.ts";
import { redirectLocation, redirectTarget } from "../handshake/redirect.ts";
import { target } from "../handshake/request.ts";
import { httpUrl } from "../handshake/url.ts";
import type { Observer } from "../observe/observer.ts";
import { shownUrl } from "../observe/redact.ts";
import { withoutIdentity } from "../options/curl_options.ts";
import type { CompleteOptions } from "../options/options.ts";
import { Deadline } from "../platform/deadline.ts";
import { paced } from "../platform/fair_queue.ts";
import { runtime } from "../platform/runtime.ts";
import type { Reactor } from "../reactor/reactor.ts";
import { HandshakeAttempt } from "./handshake_attempt.ts";

/** How dialing ends: exactly one of `onOpened` and `onFailed` is called, unless it is closed before. */
export interface DialHandler {
  /** `rest` came behind the handshake, and belongs to the first frames. */
  onOpened(transport: Transport, agreement: Agreement, rest: Uint8Array, info: ConnectionInfo): void;
  onFailed(error: CurlWebSocketError): void;
  /** Who observes all attempts, or null. */
  readonly observer: Observer | null;
}

/** The caller's fields that are for the first origin alone: Host, and what authenticates by its name. */
const OWN_ORIGIN = /^host$|auth|cookie|credential|passw|secret|session|signature|token|api-?key|[-_]key$/i;

export class Dialer {
  readonly #curl: Curl;
  readonly #reactor: Reactor;
  readonly #protocols: readonly string[];
  readonly #options: CompleteOptions;
  readonly #handler: DialHandler;
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
  /** The redirect that is being followed: what to say if it is a wrong one. */
  #redirection: { location: string; status: number | undefined; headers: HeaderList | undefined } | null = null;
  /** Null before the first attempt, and between two. */
  #attempt: HandshakeAttempt | null = null;
  /** When the present attempt began, with the question for its cookies. */
  #startedAt = 0;
  /** Until libcurl has connected, and while cookies are stored. */
  readonly #deadline: Deadline = new Deadline();
  #refed = true;
  #closed = false;

  /** @throws {CurlWebSocketError} `ERR_IMPERSONATE` if libcurl cannot be the browser */
  constructor(
    curl: Curl,
    reactor: Reactor,
    url: URL,
    protocols: readonly string[],
    options: CompleteOptions,
    handler: DialHandler,
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

  /** Begins an attempt; the handler is called in a later task. */
  start(): void {
    const { connectTimeout } = this.#options;
    const url = this.#url;
    paced(() =>
      this.#guard(() => {
        this.#startedAt = performance.now();
        this.#limit(connectTimeout, () => {
          const proxy = this.#attempt?.proxyName ?? null, by = proxy === null ? "" : ` through the proxy ${proxy}`;
          const message = `connecting to ${url.host}${by} took longer than connectTimeout, ${connectTimeout} ms`;
          return new CurlWebSocketError("ERR_CONNECT_TIMEOUT", message);
        });
        const cookie = cookiesFor(this.#cookies, url);
        if (cookie instanceof Promise) cookie.then((value) => this.#guard(() => this.#try(value)), this.#onError);
        else if (!this.#closed) this.#try(cookie);
      })
    );
  }

  /** Whether dialing keeps the process alive. */
  setRef(refed: boolean): void {
    this.#refed = refed;
    this.#attempt?.setRef(refed);
    this.#deadline.setRef(refed);
  }

  /** Gives up, at any time; the handler is not called any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#deadline.clear();
    this.#attempt?.close();
  }

  /**
   * Runs a step; what it throws is the end. A step that calls the caller's code, such as a cookie jar or an observer, must
   * look at `#closed` after each such call: the caller may have given up inside it.
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

  /** Makes an attempt with these cookies. */
  #try(cookie: string | null): void {
    const identity = `${this.#url.href} ${cookie}`;
    if (this.#challenge === null && this.#seen.has(identity)) {
      throw this.#notFollowed("it leads where it came from, and would have no end");
    }
    this.#seen.add(identity);
    const { proxy, network, deflate, connectTimeout, handshakeTimeout } = this.#options;
    const left = connectTimeout - (performance.now() - this.#startedAt);
    const request = {
      url: this.#url,
      target: {
        url: httpUrl(this.#url),
        tls: this.#tls,
        proxy,
        network,
        curlOptions: this.#curlOptions,
        browser: this.#browser,
        timeout: connectTimeout === 0 ? 0 : Math.max(1, left),
        observer: this.#handler.observer,
      },
      headers: this.#headers,
      protocols: this.#protocols,
      deflate: deflate?.offer ?? null,
      origin: this.#origin,
      cookie,
      authorization: this.#authorization(),
      handshakeTimeout,
    };
    this.#attempt = new HandshakeAttempt(this.#curl, this.#reactor, request, this.#refed, {
      onConnected: () => this.#deadline.clear(),
      isFollowed: (status, headers) => this.#isFollowed(status, headers),
      onAccepted: (agreement, rest, info) => this.#guard(() => this.#accepted(agreement, rest, info)),
      onRefused: (error) => this.#guard(() => this.#refused(error)),
      onFailed: (error) => this.#fail(error),
    });
    this.#attempt.start();
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

  #accepted(agreement: Agreement, rest: Uint8Array, info: ConnectionInfo): void {
    this.#handler.observer?.responseReceived?.(this.#url, 101, agreement.headers);
    if (this.#closed) return;
    this.#stored(agreement.headers, () => {
      this.#closed = true;
      this.#deadline.clear();
      this.#handler.onOpened(this.#attempt!.take(), agreement, rest, info);
    });
  }

  /** Runs `then` when the cookies of a response are stored: at once, or in a task of its own. */
  #stored(headers: HeaderList, then: () => void): void {
    const stored = storeCookies(this.#cookies, this.#url, headers);
    if (stored === null) return this.#closed ? undefined : then();
    stored.then(() => runtime().defer(() => this.#guard(then)), this.#onError);
    if (this.#closed) return;
    const { handshakeTimeout } = this.#options;
    this.#limit(handshakeTimeout, () => {
      const message = `the cookie jar took longer than handshakeTimeout, ${handshakeTimeout} ms`;
      return new CurlWebSocketError("ERR_HANDSHAKE_TIMEOUT", message);
    });
  }

  /** The server refused, which may be an invitation to another attempt. */
  #refused(error: CurlWebSocketError): void {
    const { status, headers = [] } = error;
    this.#handler.observer?.responseReceived?.(this.#url, status!, headers);
    if (this.#closed) return;
    this.#stored(headers, () => {
      if (!this.#isFollowed(status!, headers)) return this.#fail(error);
      const location = redirectLocation(status!, headers);
      if (location !== null) this.#redirect(location, error);
      else this.#challenge = this.#answerable(headers);
      this.#attempt!.close();
      this.#attempt = null;
      this.start();
    });
  }

  /** Whether a response leads to another attempt. */
  #isFollowed(status: number, headers: HeaderList): boolean {
    if (status === 401) return this.#answerable(headers) !== null;
    return this.#options.maxRedirects > 0 && redirectLocation(status, headers) !== null;
  }

  /** The challenge of a refusal that is worth an answer: the first, or one with a new nonce because the old one was stale. */
  #answerable(headers: HeaderList): Challenge | null {
    if (this.#auth?.type !== "digest") return null;
    const fields = fieldValues(headers, "www-authenticate");
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

  #limit(milliseconds: number, onTime: () => CurlWebSocketError): void {
    this.#deadline.limit(milliseconds, () => this.#fail(onTime()));
  }
}
