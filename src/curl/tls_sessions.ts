/** TLS sessions that are kept to be resumed, in a CURLSH for each identity. */
import { isNull, type Pointer } from "../platform/ffi.ts";
import { runtime } from "../platform/runtime.ts";
import type { CompleteProxy } from "../options/proxy.ts";
import * as C from "./constants.ts";
import type { ConnectTarget } from "./handle_options.ts";
import type { Curl } from "./library.ts";
import { stampsOf } from "./ca_source.ts";
import { type Digest, identityFiles, sessionIdentity, wantsSessions } from "./session_identity.ts";

/**
 * How many CURLSHs are kept that no handle uses: the identities that a program has of late. Each holds 8 sessions with
 * libcurl up to 8.11, 50 with later ones, of some KiB each.
 */
export const KEPT = 16;
/** Digests of texts that are remembered: bundles of certificates are given again and again. */
const REMEMBERED = 16;

/** What a handle holds for as long as it lives. */
export interface SessionLease {
  /** For CURLOPT_SHARE. */
  readonly share: Pointer;
  /** The handle is freed. To be called once. */
  release(): void;
}

interface Kept {
  readonly share: Pointer;
  /** Handles that have it: before the last one is freed, so is not the CURLSH. */
  users: number;
}

/** One a thread and libcurl. A CURLSH has no locks: only the JavaScript thread touches its handles. */
export class TlsSessions {
  readonly #curl: Curl;
  /** By identity; those that were used last are the last. */
  readonly #all: Map<string, Kept> = new Map();
  readonly #digests: Map<string, string> = new Map();
  /** How many of them no handle has. */
  #idle = 0;
  #hasEnded = false;

  constructor(curl: Curl) {
    this.#curl = curl;
  }

  /** Returns the sessions for an attempt; null if it is to have none, or libcurl can keep none. */
  lease(target: ConnectTarget, proxy: CompleteProxy | null): SessionLease | null {
    // GnuTLS waits for a session of TLS 1.3 inside the call, for a round trip and 60 ms, before libcurl 8.12.
    if (!wantsSessions(target, proxy) || this.#curl.info.tls?.includes("GnuTLS") || this.#hasEnded) return null;
    const stamps = stampsOf(identityFiles(this.#curl.cas.defaults, target, proxy));
    const key = sessionIdentity(target, proxy, this.#digest) + stamps.join();
    const kept = this.#all.get(key) ?? this.#make();
    if (kept === null) return null;
    if (this.#all.delete(key) && kept.users === 0) this.#idle--;
    this.#all.set(key, kept);
    kept.users++;
    return { share: kept.share, release: () => this.#release(kept) };
  }

  /** How many CURLSHs there are. */
  get size(): number {
    return this.#all.size;
  }

  /** No handle follows. */
  end(): void {
    this.#hasEnded = true;
    this.#trim(0);
  }

  #make(): Kept | null {
    const share = this.#curl.curl_share_init();
    if (isNull(share)) return null;
    if (this.#curl.setShare(share, C.CURLSHOPT_SHARE, C.CURL_LOCK_DATA_SSL_SESSION) === 0) return { share, users: 0 };
    this.#curl.curl_share_cleanup(share);
    return null;
  }

  #release(kept: Kept): void {
    if (--kept.users > 0) return;
    this.#idle++;
    this.#trim(this.#hasEnded ? 0 : KEPT);
  }

  /** Frees those that were not used for the longest time, but for this many. */
  #trim(most: number): void {
    for (const [key, { share, users }] of this.#all) {
      if (this.#idle <= most) return;
      if (users > 0) continue;
      this.#all.delete(key);
      this.#idle--;
      this.#curl.curl_share_cleanup(share);
    }
  }

  readonly #digest: Digest = (data) => {
    if (typeof data !== "string") return runtime().hash("sha256", data);
    let digest = this.#digests.get(data);
    if (digest !== undefined) return digest;
    digest = runtime().hash("sha256", new TextEncoder().encode(data));
    if (this.#digests.size >= REMEMBERED) this.#digests.clear();
    this.#digests.set(data, digest);
    return digest;
  };
}
