/** The way to an open connection as `ws` goes it: one request after another, with redirects between. */
import { Buffer } from "node:buffer";
import { unescape } from "node:querystring";
import type { CurlWebSocketError } from "../src/errors.ts";
import { offerDeflate } from "../src/handshake/extensions.ts";
import { fieldValues } from "../src/handshake/fields.ts";
import { becomeWs } from "../src/handshake/url.ts";
import { withParams } from "../src/options/handshake.ts";
import { type CompleteOptions, completeOptions, type CurlWebSocketOptions } from "../src/options/options.ts";
import type { Settings } from "./client_options.ts";
import type { Socket } from "./events.ts";
import { fieldsOf, HandshakeRequest, type RequestHost } from "./handshake_request.ts";

/** Who opens a connection. */
export interface OpeningHost {
  /** A request was made, and is to be completed: by `finishRequest`, or at once. */
  onRequest(request: HandshakeRequest, redirected: boolean): void;
  /** The request is to be sent. */
  connect(url: URL, options: CompleteOptions): void;
  /** The program gave the request up. */
  onDestroyed(request: HandshakeRequest, error: Error | undefined): void;
  /** The request cannot be sent. */
  giveUp(error: Error): void;
  /** Whether the program itself looks after what a redirect passes on. */
  readonly looksAfterRedirects: boolean;
}

/** A URL, and where it leads. */
interface Target {
  /** As the program sees it. */
  readonly shown: URL;
  /** What is connected to: `ws:` or `wss:`, without user and password. */
  readonly url: URL;
  readonly unixSocket: string | undefined;
  /** What tells one server from another. */
  readonly place: string;
  readonly secure: boolean;
}

const SCHEMES = 'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"';
/** What is for the first server alone, by the names of header fields. */
const CREDENTIALS = ["authorization", "cookie"];

export class Opening implements RequestHost {
  readonly #settings: Settings;
  /** The fields that offer subprotocols and compression. */
  readonly #offer: Readonly<Record<string, string>>;
  readonly #host: OpeningHost;
  readonly #first: Target;
  #target: Target;
  /** The program's fields, with their names in lower case: of the first request, and of those after redirects. */
  readonly #fields: Map<string, readonly [name: string, value: string | number | readonly string[]]> = new Map();
  #redirects = 0;
  /** Whether the caller of the constructor has got its socket: what is wrong from then on is an event. */
  #started = false;
  /** The last request that was made. */
  request: HandshakeRequest | null = null;

  /** @throws {SyntaxError} for a URL that is none of a WebSocket */
  constructor(address: string | URL, protocols: readonly string[], settings: Settings, host: OpeningHost) {
    this.#settings = settings;
    this.#host = host;
    // Bad options are found here too, if a program is still to finish the request.
    const { deflate } = completeOptions(settings.curl);
    this.#offer = {
      ...deflate !== null && { "Sec-WebSocket-Extensions": offerDeflate(deflate.offer) },
      ...protocols.length > 0 && { "Sec-WebSocket-Protocol": protocols.join(", ") },
    };
    this.#first = this.#target = targetOf(withParams(urlOf(address), settings.curl.params));
    for (const [name, value] of Object.entries(settings.headers)) {
      if (value !== undefined) this.#fields.set(name.toLowerCase(), [name, value]);
    }
    if (settings.origin !== undefined) this.#fields.set("origin", ["Origin", settings.origin]);
    const authorization = basic(this.#target.shown, settings.auth);
    if (authorization !== null && !this.#fields.has("authorization")) {
      this.#fields.set("authorization", ["Authorization", authorization]);
    }
  }

  /** The URL that is, or was last, connected to. */
  get url(): string {
    return this.#target.shown.href;
  }

  /** Makes the first request. */
  start(): void {
    this.#begin(false);
    this.#started = true;
  }

  /** Whether compression is offered. */
  get offersDeflate(): boolean {
    return this.#settings.curl.perMessageDeflate !== false;
  }

  /** Has the program finish a request, or sends it at once. */
  finish(request: HandshakeRequest, socket: Socket): void {
    const { finishRequest } = this.#settings;
    if (finishRequest === undefined) request.end();
    else finishRequest(request, socket);
  }

  /**
   * Follows a redirect, if there is one and the options say so. Returns whether another request was made.
   *
   * @throws {Error} if it cannot be followed
   */
  follow(error: CurlWebSocketError): boolean {
    const { followRedirects, maxRedirects } = this.#settings;
    if (!followRedirects || error.code !== "ERR_HANDSHAKE_REDIRECT") return false;
    if (++this.#redirects > maxRedirects) throw new Error("Maximum redirects exceeded", { cause: error });
    const location = fieldValues(error.headers!, "location")[0]!;
    const url = URL.parse(location, this.#target.shown);
    if (url === null) throw new SyntaxError(`Invalid URL: ${location}`, { cause: error });
    this.#target = targetOf(url);
    this.#begin(true);
    return true;
  }

  /** As {@linkcode RequestHost.send}. */
  send(request: HandshakeRequest): void {
    try {
      const { url, unixSocket } = this.#target;
      const { params: _added, ...curl } = this.#options;
      const headers = fieldsOf(request);
      this.#host.connect(url, completeOptions({ ...curl, ...unixSocket !== undefined && { unixSocket }, headers }));
    } catch (error) {
      if (!this.#started) throw error;
      this.#host.giveUp(error as Error);
    }
  }

  /** As {@linkcode RequestHost.destroyed}. */
  destroyed(request: HandshakeRequest, error: Error | undefined): void {
    this.#host.onDestroyed(request, error);
  }

  #begin(redirected: boolean): void {
    const request = this.request = new HandshakeRequest(this.#target.url, this.#offer, this);
    const fields = new Map(this.#fields);
    if (redirected && !this.#host.looksAfterRedirects) {
      const elsewhere = this.#isElsewhere;
      if (elsewhere || (this.#first.secure && !this.#target.secure)) CREDENTIALS.forEach((name) => fields.delete(name));
      if (elsewhere) fields.delete("host");
    }
    for (const [name, value] of fields.values()) request.setHeader(name, value);
    this.#host.onRequest(request, redirected);
  }

  get #isElsewhere(): boolean {
    return this.#target.place !== this.#first.place;
  }

  /** The options of a `CurlWebSocket`: to another server, or without TLS, without those that say who this client is. */
  get #options(): CurlWebSocketOptions {
    const { curl } = this.#settings;
    if (!this.#isElsewhere && this.#first.secure === this.#target.secure) return curl;
    const { auth: _auth, cookies, tls, unixSocket: _unixSocket, ...rest } = curl;
    const { cert: _cert, key: _key, pfx: _pfx, passphrase: _passphrase, serverName: _name, ...trust } = tls ?? {};
    // A jar knows by itself which cookies are for whom.
    const jar = typeof cookies === "object" && typeof cookies.setCookie === "function" ? { cookies } : {};
    return { ...rest, ...jar, ...tls !== undefined && { tls: trust } };
  }
}

function urlOf(address: string | URL): URL {
  const url = URL.parse(`${address}`);
  if (url === null) throw new SyntaxError(`Invalid URL: ${address}`);
  return url;
}

function targetOf(shown: URL): Target {
  if (shown.protocol === "ws+unix:") return socketTarget(shown);
  if (!becomeWs(shown)) throw new SyntaxError(SCHEMES);
  if (shown.hash !== "") throw new SyntaxError("The URL contains a fragment identifier");
  const url = new URL(shown);
  url.username = url.password = url.hash = "";
  return { shown, url, unixSocket: undefined, place: url.host, secure: url.protocol === "wss:" };
}

/** `ws+unix:` has the socket's path, and behind a colon the request's. */
function socketTarget(shown: URL): Target {
  if (shown.pathname === "") throw new SyntaxError("The URL's pathname is empty");
  if (shown.hash !== "") throw new SyntaxError("The URL contains a fragment identifier");
  const path = shown.pathname + shown.search, colon = path.indexOf(":");
  const unixSocket = colon < 0 ? path : path.slice(0, colon);
  const url = new URL(`ws://localhost${colon < 0 ? "/" : path.slice(colon + 1)}`);
  return { shown, url, unixSocket, place: unixSocket, secure: false };
}

/** Returns the value of Authorization for the URL's user and password, else for the option's; null for none. */
function basic(url: URL, auth: string | undefined): string | null {
  const given = url.username === "" && url.password === ""
    ? auth
    : `${unescape(url.username)}:${unescape(url.password)}`;
  return given === undefined ? null : `Basic ${Buffer.from(given).toString("base64")}`;
}
