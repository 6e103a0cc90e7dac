/** The way to an open connection: one handshake attempt after another, with cookies, redirects and Digest challenges between. */
import type { ConnectionInfo } from "../observe/connection_info.ts";
import { isCaSourcePrepared, prepareCaSource } from "../curl/ca_source.ts";
import { needImpersonating, resolveBrowser } from "../curl/impersonate.ts";
import type { Curl } from "../curl/library.ts";
import type { Transport } from "../curl/transport.ts";
import { CurlWebSocketError, errorOf } from "../errors.ts";
import type { Agreement } from "../handshake/agreement.ts";
import { type Browser, pageOrigin } from "../handshake/browsers.ts";
import { cookiesFor, storeCookies } from "../handshake/cookies.ts";
import { type Challenge, type Hasher, nextChallenge } from "../handshake/digest.ts";
import type { HeaderList } from "../handshake/fields.ts";
import { makeKey } from "../handshake/key.ts";
import { RedirectChain } from "../handshake/redirect_chain.ts";
import { httpUrl } from "../handshake/url.ts";
import type { Observer } from "../observe/observer.ts";
import type { CompleteOptions } from "../options/options.ts";
import { Deadline } from "../platform/deadline.ts";
import { paced, pacedStart } from "../platform/fair_queue.ts";
import { runtime } from "../platform/runtime.ts";
import type { Reactor } from "../reactor/reactor.ts";
import { authorization } from "./authorization.ts";
import { type DialRequest, redirectedRequest } from "./redirected_request.ts";
import { type AttemptHandler, HandshakeAttempt } from "./handshake_attempt.ts";

/** How dialing ends: exactly one of `onOpened` and `onFailed` is called, unless it is closed before. */
export interface DialHandler {
  /** `rest` came behind the handshake, and belongs to the first frames. */
  onOpened(transport: Transport, agreement: Agreement, rest: Uint8Array, info: ConnectionInfo): void;
  onFailed(error: CurlWebSocketError): void;
  /** Who observes all attempts. */
  readonly observer: Observer;
}

/** Reads the hash when it is called: the runtime is chosen on first use. */
const hasher: Hasher = (algorithm, bytes) => runtime().hash(algorithm, bytes);

export class Dialer implements AttemptHandler {
  readonly reactor: Reactor;
  readonly options: CompleteOptions;
  readonly #curl: Curl;
  readonly #protocols: readonly string[];
  readonly #handler: DialHandler;
  readonly #browser: Browser | null;
  /** A browser's Origin, which redirects do not change. */
  readonly #origin: string | null;
  /** What the next attempt asks for; redirects change it. */
  #request: DialRequest;
  /** The Digest challenge to answer. */
  #challenge: Challenge | null = null;
  /** Null if none is followed. */
  readonly #redirects: RedirectChain | null;
  /** Null before the first attempt, and between two. */
  #attempt: HandshakeAttempt | null = null;
  /** When the present attempt began, with the question for its cookies. */
  #startedAt = 0;
  /** Until libcurl has connected, and while cookies are stored; null before the first attempt, which may have to wait. */
  #deadline: Deadline | null = null;
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
    this.reactor = reactor;
    this.#protocols = protocols;
    this.options = options;
    this.#handler = handler;
    const { headers, cookies, auth, tls, curlOptions } = options;
    this.#request = { url, headers, cookies, auth, tls, curlOptions };
    this.#redirects = options.maxRedirects === 0 ? null : new RedirectChain(options.maxRedirects);
    this.#browser = options.impersonate === null ? null : resolveBrowser(curl, options.impersonate);
    if (options.fingerprint !== null) needImpersonating(curl, "a ClientHello by its parts");
    this.#origin = options.origin ?? (this.#browser === null ? null : pageOrigin(url));
  }

  /** Begins an attempt; the handler is called in a later task. */
  start(): void {
    pacedStart(() =>
      this.#guard(() => {
        const { url: { protocol }, tls: { ca, verify } } = this.#request;
        const readsCas = protocol === "wss:" && ca === undefined && verify !== false;
        if (readsCas && !isCaSourcePrepared(this.#curl.cas)) this.#prepare();
        else this.#begin();
      })
    );
  }

  /**
   * The first of a process reads the system's certificates. That is a step of its own, and neither in the turn of the
   * event loop of the constructor, which has loaded libcurl, nor in that of the next step.
   */
  #prepare(): void {
    runtime().defer(() =>
      paced(() =>
        this.#guard(() => {
          prepareCaSource(this.#curl.cas);
          paced(() => this.#guard(() => this.#begin()));
        })
      )
    );
  }

  #begin(): void {
    const { connectTimeout } = this.options;
    const { url, cookies } = this.#request;
    this.#startedAt = performance.now();
    this.#limit(connectTimeout, () => {
      const proxy = this.#attempt?.proxyName ?? null, by = proxy === null ? "" : ` through the proxy ${proxy}`;
      const message = `connecting to ${url.host}${by} took longer than connectTimeout, ${connectTimeout} ms`;
      return new CurlWebSocketError("ERR_CONNECT_TIMEOUT", message);
    });
    const cookie = cookiesFor(cookies, url);
    if (cookie instanceof Promise) {
      cookie.then((value) => this.#guard(() => this.#try(value)), (cause) => this.#onError(cause));
    } else if (!this.#closed) this.#try(cookie);
  }

  /** Says whether dialing keeps the process alive; it does by default. */
  setRef(refed: boolean): void {
    this.#refed = refed;
    this.#attempt?.setRef(refed);
    this.#deadline?.setRef(refed);
  }

  /** Gives up, at any time; the handler is not called any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#deadline?.clear();
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

  #onError(cause: unknown): void {
    this.#fail(errorOf("connecting", cause));
  }

  #fail(error: CurlWebSocketError): void {
    if (this.#closed) return;
    this.close();
    this.#handler.onFailed(error);
  }

  /** Makes an attempt with these cookies. */
  #try(cookie: string | null): void {
    const { url, headers, tls, curlOptions } = this.#request;
    this.#redirects?.visit(url, cookie, this.#challenge !== null);
    const { proxy, network, fingerprint, deflate, connectTimeout, handshakeTimeout } = this.options;
    const browser = this.#browser;
    const left = connectTimeout - (performance.now() - this.#startedAt);
    const request = {
      url,
      target: {
        url: httpUrl(url),
        tls,
        proxy,
        network,
        curlOptions,
        browser,
        fingerprint,
        timeout: connectTimeout === 0 ? 0 : Math.max(1, left),
        observer: this.#handler.observer,
      },
      headers,
      offer: { protocols: this.#protocols, deflate: deflate?.offer ?? null },
      origin: this.#origin,
      cookie,
      browser,
      authorization: authorization(this.#request, this.#challenge, makeKey, hasher),
      handshakeTimeout,
    };
    this.#attempt = new HandshakeAttempt(this.#curl, this.reactor, request, this);
    this.#attempt.setRef(this.#refed);
    this.#attempt.start();
  }

  onConnected(): void {
    this.#deadline?.clear();
  }

  onAccepted(agreement: Agreement, rest: Uint8Array, info: ConnectionInfo): void {
    this.#guard(() => this.#accepted(agreement, rest, info));
  }

  onRefused(status: number, headers: HeaderList, error: CurlWebSocketError): void {
    this.#guard(() => this.#refused(status, headers, error));
  }

  onFailed(error: CurlWebSocketError): void {
    this.#fail(error);
  }

  #accepted(agreement: Agreement, rest: Uint8Array, info: ConnectionInfo): void {
    this.#handler.observer.responseReceived?.(this.#request.url, 101, agreement.headers);
    if (this.#closed) return;
    this.#stored(agreement.headers, () => {
      this.#closed = true;
      this.#deadline?.clear();
      this.#handler.onOpened(this.#attempt!.take(), agreement, rest, info);
    });
  }

  /** Runs `then` when the cookies of a response are stored: at once, or in a task of its own. */
  #stored(headers: HeaderList, then: () => void): void {
    const stored = storeCookies(this.#request.cookies, this.#request.url, headers);
    if (stored === null) return this.#closed ? undefined : then();
    stored.then(() => runtime().defer(() => this.#guard(then)), (cause) => this.#onError(cause));
    if (this.#closed) return;
    const { handshakeTimeout } = this.options;
    this.#limit(handshakeTimeout, () => {
      const message = `the cookie jar took longer than handshakeTimeout, ${handshakeTimeout} ms`;
      return new CurlWebSocketError("ERR_HANDSHAKE_TIMEOUT", message);
    });
  }

  /** The server refused, which may be an invitation to another attempt. */
  #refused(status: number, headers: HeaderList, error: CurlWebSocketError): void {
    this.#handler.observer.responseReceived?.(this.#request.url, status, headers);
    if (this.#closed) return;
    this.#stored(headers, () => {
      if (!this.isFollowed(status, headers)) return this.#fail(error);
      if (status === 401) this.#challenge = this.#nextChallenge(headers);
      else this.#redirect(status, headers);
      this.#attempt!.close();
      this.#attempt = null;
      // The next attempt has limits of its own, from when it begins.
      this.#deadline?.clear();
      this.start();
    });
  }

  /** Returns whether a response leads to another attempt. */
  isFollowed(status: number, headers: HeaderList): boolean {
    return status === 401 ? this.#nextChallenge(headers) !== null : this.#redirects?.follows(status, headers) ?? false;
  }

  #nextChallenge(headers: HeaderList): Challenge | null {
    return this.#request.auth?.type === "digest" ? nextChallenge(headers, this.#challenge) : null;
  }

  #redirect(status: number, headers: HeaderList): void {
    const url = this.#redirects!.follow(this.#request.url, status, headers);
    this.#request = redirectedRequest(this.#request, url);
    this.#challenge = null;
  }

  #limit(milliseconds: number, onTime: () => CurlWebSocketError): void {
    if (this.#deadline === null) {
      this.#deadline = new Deadline(paced);
      this.#deadline.setRef(this.#refed);
    }
    this.#deadline.limit(milliseconds, () => this.#fail(onTime()));
  }
}
