/** The redirects of one connection: how many there may be, where each leads, and whether they repeat. Pure. */
import { CurlWebSocketError } from "../errors.ts";
import { shownUrl } from "../observe/redact.ts";
import type { HeaderList } from "./fields.ts";
import { redirectLocation, redirectTarget } from "./redirect.ts";

/** A redirect as the server sent it. */
interface Redirect {
  readonly location: string;
  readonly status: number;
  readonly headers: HeaderList;
}

export class RedirectChain {
  readonly #maxRedirects: number;
  /** Each request so far, with its cookies: the same request again would be redirected again. */
  readonly #seen: Set<string> = new Set();
  /** How many redirects were followed. */
  #followed = 0;
  /** The last redirect: what an error is about. */
  #last: Redirect | null = null;

  /** Begins a chain of at most `maxRedirects` redirects; 0 follows none. */
  constructor(maxRedirects: number) {
    this.#maxRedirects = maxRedirects;
  }

  /** Returns whether a response is a redirect, and redirects are followed at all. */
  follows(status: number, headers: HeaderList): boolean {
    return this.#maxRedirects > 0 && redirectLocation(status, headers) !== null;
  }

  /**
   * Returns where a redirect leads, a `ws:` or `wss:` URL. {@linkcode follows} must have returned true for it.
   *
   * @throws {CurlWebSocketError} `ERR_HANDSHAKE_REDIRECT` if it is one too many, or leads where it may not
   */
  follow(from: URL, status: number, headers: HeaderList): URL {
    const location = redirectLocation(status, headers)!;
    this.#last = { location, status, headers };
    if (++this.#followed > this.#maxRedirects) {
      throw this.#notFollowed(`it would be one more than maxRedirects, ${this.#maxRedirects}`);
    }
    try {
      return redirectTarget(from, location);
    } catch (error) {
      throw this.#notFollowed((error as TypeError).message);
    }
  }

  /**
   * Notes a request that is to be sent, with the value of its Cookie field or null. If it `repeats` the one before with
   * other credentials, it may be the same otherwise.
   *
   * @throws {CurlWebSocketError} `ERR_HANDSHAKE_REDIRECT` if the redirects lead to a request that was sent before
   */
  visit(url: URL, cookie: string | null, repeats: boolean): void {
    const request = `${url.href} ${cookie}`;
    if (!repeats && this.#seen.has(request)) {
      throw this.#notFollowed("it leads where it came from, and would have no end");
    }
    this.#seen.add(request);
  }

  #notFollowed(why: string): CurlWebSocketError {
    const { location, status, headers } = this.#last!;
    const message = `the server redirects to ${shownUrl(location)} (${status}), which is not followed: ${why}`;
    return new CurlWebSocketError("ERR_HANDSHAKE_REDIRECT", message, { status, headers });
  }
}
