/** What libcurl reports only in its verbose log: the TLS that was agreed, and a proxy's response. */
import type { HeaderList } from "../handshake/fields.ts";
import type { TlsInfo } from "../observe/connection_info.ts";

/** A proxy's response to CONNECT. */
export interface ProxyResponse {
  readonly status: string;
  readonly headers: HeaderList;
  /** Whether its header has ended. */
  readonly complete: boolean;
}

/** curl_infotype */
const CURLINFO_TEXT = 0, CURLINFO_HEADER_IN = 1;

/** How many fields of a response are kept: proxies send a few, and one may send any number. */
const MAX_FIELDS = 200;

export class TransferLog {
  /** The TLS sessions: with an https proxy, the proxy's comes first. */
  readonly sessions: TlsInfo[] = [];
  /** Whether a peer asked for a client certificate. */
  certificateRequested = false;
  /** Of the TLS handshake that is under way: whether a session was offered, and whether the peer sent a certificate. */
  #offered = false;
  #certificate = false;
  #response: { status: string; headers: [string, string][]; complete: boolean } | null = null;

  /** The proxy's last response. */
  get response(): ProxyResponse | null {
    return this.#response;
  }

  /** Returns whether entries of a kind, a curl_infotype, are of use. */
  static wants(kind: number): boolean {
    return kind === CURLINFO_TEXT || kind === CURLINFO_HEADER_IN;
  }

  add(kind: number, text: string): void {
    if (kind === CURLINFO_HEADER_IN) this.#addHeader(text);
    else this.#addText(text);
  }

  #addText(text: string): void {
    // "SSL re-using session ID", later "SSL reusing session ID" and "SSL reusing session with ALPN 'http/1.1'"
    if (/^SSL re-?using session/.test(text)) this.#offered = true;
    // "TLSv1.3 (IN), TLS handshake, Certificate (11):": a server that resumes a session sends none.
    if (text.includes("(IN), TLS handshake, Certificate (11)")) this.#certificate = true;
    // "SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384 / X25519 / RSASSA-PSS"
    const session = /^SSL connection using (\S+) \/ (\S+)/.exec(text);
    if (session !== null) {
      // GnuTLS writes TLS1.3.
      const version = session[1]!.replace(/^TLS(?=\d)/, "TLSv"), resumed = this.#offered && !this.#certificate;
      this.sessions.push({ version, cipher: session[2]!, alpn: null, resumed });
      this.#offered = this.#certificate = false;
      return;
    }
    // "TLSv1.3 (IN), TLS handshake, Request CERT (13):"
    if (text.includes("Request CERT")) this.certificateRequested = true;
    // "ALPN: server accepted http/1.1", before 7.86 "ALPN, server accepted to use http/1.1"
    const alpn = /^ALPN[:,] server accepted (?:to use )?(\S+)/.exec(text)?.[1];
    if (alpn === undefined) return;
    const last = this.sessions.pop();
    this.sessions.push({
      version: last?.version ?? null,
      cipher: last?.cipher ?? null,
      alpn,
      resumed: last?.resumed ?? null,
    });
  }

  #addHeader(text: string): void {
    const line = text.trimEnd();
    if (line.startsWith("HTTP/")) {
      this.#response = { status: line, headers: [], complete: false };
      return;
    }
    if (line === "" && this.#response !== null) this.#response.complete = true;
    const colon = line.indexOf(":"), headers = this.#response?.headers;
    if (colon > 0 && headers !== undefined && headers.length < MAX_FIELDS) {
      headers.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
    }
  }
}
