/** What users and observers learn about a connection that stands. Types only: `curl/connection_info.ts` fills them. */

/** TLS as it was agreed. A property is null if libcurl's TLS library does not report it. */
export interface TlsInfo {
  /** For example `"TLSv1.3"`. */
  readonly version: string | null;
  /** The cipher suite, by the TLS library's name for it: `"TLS_AES_256_GCM_SHA384"`. */
  readonly cipher: string | null;
  /** The protocol agreed by ALPN, `"http/1.1"`; null also if the server knows no ALPN. */
  readonly alpn: string | null;
  /** Whether an earlier session was resumed; null if that is not known. */
  readonly resumed: boolean | null;
}

/** How long each phase of connecting took, in milliseconds; together they are the time from the start to the open event. */
export interface ConnectionTimes {
  /** Looking up the name of the server, or of its proxy. */
  readonly lookup: number;
  /** TCP, to the server or its proxy. */
  readonly tcp: number;
  /** TLS, and before it what a proxy took to connect on; with neither about 0. */
  readonly tls: number;
  /** The WebSocket's opening handshake. */
  readonly handshake: number;
}

/** A connection that stands: both its ends, and what is between them. */
export interface ConnectionInfo {
  /** This machine's address; `""` for a Unix socket. */
  readonly localAddress: string;
  /** This machine's port; 0 for a Unix socket. */
  readonly localPort: number;
  /** The address that TCP leads to, which is the proxy's if there is one; `""` for a Unix socket. */
  readonly remoteAddress: string;
  /** The port that TCP leads to; 0 for a Unix socket. */
  readonly remotePort: number;
  /** The server's TLS, or null for `ws:`. */
  readonly tls: TlsInfo | null;
  /** The proxy's URL without username and password, or null. */
  readonly proxy: string | null;
  /** How long each phase took. */
  readonly times: ConnectionTimes;
}
