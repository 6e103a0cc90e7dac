/** Explains a failed TLS handshake, by libcurl's code and its TLS library's words. */
import type { TlsOptions } from "../options/tls.ts";
import * as C from "./constants.ts";

/** The peer of the handshake, and the option that its settings come from. */
export interface TlsPeer {
  readonly peer: string;
  readonly what: "tls" | "proxy.tls";
  readonly options: TlsOptions;
  /** Whether the peer asked for a client certificate. */
  readonly certificateRequested?: boolean;
}

/** Returns what went wrong and what to do, or null if it was not TLS that failed. */
export function explainTls(curlCode: number, curlMessage: string, tls: TlsPeer): string | null {
  const words = plain(curlMessage);
  const { peer, what, options } = tls;
  switch (curlCode) {
    case C.CURLE_PEER_FAILED_VERIFICATION:
      return explainVerification(words, tls);
    case C.CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return `the public key of ${peer} is not one of ${what}.pinnedPublicKey; its certificate was renewed, or this is another server`;
    case C.CURLE_BAD_FUNCTION_ARGUMENT: // from libcurl 8.23 on; 58 before
      return /private key|certificate/i.test(words) ? explainIdentity(words, tls) : null;
    case C.CURLE_SSL_CERTPROBLEM:
      return explainIdentity(words, tls);
    case C.CURLE_SSL_CLIENTCERT:
      return clientCertificate(tls);
    case C.CURLE_SSL_CIPHER:
      return `the TLS library does not accept ${what}.ciphers or ${what}.cipherSuites; each must have the syntax of that library`;
    case C.CURLE_SSL_CACERT_BADFILE:
      return `the CA certificates could not be read; check ${
        options.extraCa === undefined ? `${what}.ca` : `${what}.extraCa`
      }`;
    case C.CURLE_SSL_CRL_BADFILE:
      return "the list of revoked certificates could not be read; check curlOptions: { CRLFILE }";
    case C.CURLE_SSL_INVALIDCERTSTATUS:
      return `${peer} did not prove by OCSP that its certificate is still valid`;
    case C.CURLE_SSL_ISSUER_ERROR:
      return `the certificate of ${peer} has another issuer than the one required`;
    case C.CURLE_SSL_CONNECT_ERROR:
      // With GnuTLS, libcurl has no code for an unusable certificate of the client's.
      if (/reading X\.509/i.test(words)) return explainIdentity(words, tls);
      return explainAlert(words, tls) ??
        `the TLS handshake with ${peer} failed; is it a ${what === "tls" ? "wss server" : "https proxy"}?`;
    default:
      return null;
  }
}

function explainVerification(words: string, { peer, what }: TlsPeer): string {
  if (/expired/i.test(words)) {
    return `the certificate of ${peer} has expired; it must be renewed there, or this machine's clock is wrong`;
  }
  if (/not yet valid|not yet activated/i.test(words)) {
    return `the certificate of ${peer} is not valid yet; is this machine's clock right?`;
  }
  if (/does not match|no alternative certificate subject|not match target/i.test(words)) {
    const name = what === "tls" ? "; if the server has another name, give it with tls: { serverName }" : "";
    return `the certificate of ${peer} is for another host${name}`;
  }
  if (/self.signed certificate in certificate chain/i.test(words)) {
    return `the certificate of ${peer} is signed by a CA that is not trusted; give that CA with ${
      option(what, "extraCa")
    }, or with ${option(what, "ca")} to trust only that CA`;
  }
  if (/self.signed/i.test(words)) {
    return `the certificate of ${peer} is self-signed; give it with ${option(what, "ca")}, or, for tests only, ${
      option(what, "verify: false")
    }`;
  }
  // With GnuTLS, libcurl says this whatever is wrong.
  if (/server certificate verification failed\. CAfile/i.test(words)) {
    return `the certificate of ${peer} is not trusted, or not valid now; give its CA with ${option(what, "ca")} or ${
      option(what, "extraCa")
    }, or, for tests only, ${option(what, "verify: false")}`;
  }
  if (/revoked/i.test(words)) return `the certificate of ${peer} was revoked`;
  return `the certificate of ${peer} is not trusted; give its CA with ${option(what, "ca")} or ${
    option(what, "extraCa")
  }, or, for tests only, ${option(what, "verify: false")}`;
}

const option = (what: TlsPeer["what"], text: string) =>
  what === "tls" ? `tls: { ${text} }` : `proxy: { tls: { ${text} } }`;

function explainIdentity(words: string, { what, options }: TlsPeer): string {
  if (options.pfx !== undefined) {
    return /mac verify|password|parse|key file/i.test(words)
      ? `${what}.pfx cannot be opened; check ${what}.passphrase, and that it is PKCS#12`
      : `${what}.pfx cannot be used; is it PKCS#12?`;
  }
  if (/does not match/i.test(words)) return `${what}.key does not belong to ${what}.cert`;
  const { key, passphrase } = options;
  // With GnuTLS, libcurl does not say which of the two it is.
  if (key === undefined && /key or certificate file/i.test(words)) {
    return `${what}.cert cannot be used; is it PEM, and is its private key in it, or in ${what}.key?`;
  }
  if (/private key|key file|key or certificate/i.test(words)) {
    if (key === undefined) {
      const password = passphrase === undefined ? "" : `, and check ${what}.passphrase`;
      return `the private key of ${what}.cert cannot be read; it must be in the same PEM, or in ${what}.key${password}`;
    }
    return passphrase === undefined
      ? `${what}.key cannot be used: it is another certificate's, or an encrypted one, which needs ${what}.passphrase`
      : `${what}.key cannot be used; check ${what}.passphrase, and that it belongs to ${what}.cert`;
  }
  return `${what}.cert cannot be used; is it PEM?`;
}

/** Returns BoringSSL's words like OpenSSL's: `SSLV3_ALERT_HANDSHAKE_FAILURE` is `sslv3 alert handshake failure`. */
function plain(words: string): string {
  return words.replace(/(?<=[A-Z\d])_(?=[A-Z])/g, " ");
}

/**
 * Returns whether libcurl's words, after the client's part of the handshake, are an alert: the server has refused it.
 */
export function isLateAlert(curlMessage: string): boolean {
  const words = plain(curlMessage);
  return isCertificateAlert(words) || /alert handshake failure|TLS fatal alert/i.test(words);
}

function isCertificateAlert(words: string): boolean {
  return /alert (certificate (required|expired|unknown|revoked)|bad certificate|unknown ca|unsupported certificate)|certificate required|CA is unknown/i
    .test(words);
}

/** Returns what an alert means, or null: the peer says by an alert why it refuses. */
function explainAlert(words: string, tls: TlsPeer): string | null {
  const { peer, what } = tls;
  if (isCertificateAlert(words)) return clientCertificate(tls);
  if (/protocol version|unsupported protocol|version too low|no protocols available/i.test(words)) {
    return `${peer} and this client have no version of TLS in common; check ${what}.minVersion and ${what}.maxVersion`;
  }
  if (/no ciphers available|no shared cipher/i.test(words)) {
    return `${peer} and this client have no cipher in common; check ${what}.ciphers, ${what}.cipherSuites and the versions`;
  }
  if (/handshake fail/i.test(words) && tls.certificateRequested) return clientCertificate(tls);
  if (/handshake fail/i.test(words)) {
    return `${peer} ended the TLS handshake: there is no cipher in common, or it wants a client certificate; check ${what}.ciphers and ${what}.cert`;
  }
  // Some servers, such as Node, end the connection without an alert.
  const none = tls.options.cert === undefined && tls.options.pfx === undefined;
  if (tls.certificateRequested && /SSL.ERROR.SYSCALL|reset|closed|unexpected eof/i.test(words)) {
    if (none) return clientCertificate(tls);
    return `${peer} ended the TLS handshake; it may not accept the client certificate, ${what}.${
      tls.options.pfx === undefined ? "cert" : "pfx"
    }`;
  }
  // With GnuTLS, libcurl does not say whether the peer asked for a certificate.
  if (none && /broken pipe|reset|terminated/i.test(words)) {
    return `${peer} ended the TLS handshake; is it a ${
      what === "tls" ? "wss server" : "https proxy"
    }, and one that wants a client certificate, ${what}.cert?`;
  }
  if (/unrecognized name/i.test(words)) {
    return `${peer} does not know the name it was asked for; check ${what}.serverName`;
  }
  return null;
}

/** Returns what to do if the peer does not accept this client's certificate, or that there is none. */
export function clientCertificate({ peer, what, options }: TlsPeer): string {
  return options.cert === undefined && options.pfx === undefined
    ? `${peer} wants a client certificate; give it with ${option(what, "cert, key")} or ${option(what, "pfx")}`
    : `${peer} does not accept the client certificate, ${what}.${options.pfx === undefined ? "cert" : "pfx"}`;
}
