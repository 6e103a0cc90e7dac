/**
 * OpenSSL's buffers for records, of which an idle connection needs none: one to read (16 KiB, and 64 KiB with libcurl 8.15
 * or later) and one to write (16 KiB). libcurl up to 8.7 lets OpenSSL free them after each record (SSL_MODE_RELEASE_BUFFERS);
 * but OpenSSL 3.0 makes one to write whenever it reads a session ticket, and keeps that until something is sent.
 *
 * That mode is not set for later ones: with the 64 KiB, a feed of 10,000 messages/s took 1.2 (Bun) and 1.4 times (Deno) the
 * CPU, one of 1,000 1.05 and 1.2 times. A flood did not change.
 */
import { ffi, isNull, type Pointer, type Symbols } from "../platform/ffi.ts";
import { oncePerLibrary } from "../platform/once.ts";
import * as C from "./constants.ts";
import { getPointer } from "./get_info.ts";
import type { Curl } from "./library.ts";

const OPENSSL = {
  // const SSL_METHOD *TLS_client_method(void)
  TLS_client_method: { parameters: [], result: "pointer" },
  // const char *SSL_rstate_string(const SSL *)
  SSL_rstate_string: { parameters: ["pointer"], result: "pointer" },
  // int SSL_has_pending(const SSL *)
  SSL_has_pending: { parameters: ["pointer"], result: "i32" },
  // int SSL_free_buffers(SSL *), from 1.1.1 on
  SSL_free_buffers: { parameters: ["pointer"], result: "i32" },
} as const;

type OpenSsl = Symbols<typeof OPENSSL>;

/**
 * The functions as the loader finds them for a libcurl, which is how libcurl itself finds them if it is linked to OpenSSL as
 * a shared library; null if there are none: another TLS library, or an OpenSSL that is built in.
 */
const functions = oncePerLibrary((path) => {
  try {
    return ffi().open(path, OPENSSL);
  } catch {
    return null;
  }
});

/** struct curl_tlssessioninfo {curl_sslbackend backend; void *internals}, and CURLSSLBACKEND_OPENSSL. */
const INTERNALS = 8, BACKEND_OPENSSL = 1;

/**
 * Frees the buffers of a connection that has just been read until nothing was left; the next read or send makes them anew.
 * They may be in use, by a record that has come in part. With some libcurls it is not possible.
 *
 * Only for a connection that something has been read from: before, libcurl does not say which one the handle has, and before
 * 7.85 it never does.
 */
export function freeTlsBuffers(curl: Curl, easy: Pointer): "freed" | "in use" | "not possible" {
  // Not for LibreSSL, BoringSSL and AWS-LC, which libcurl gives the same number. BoringSSL frees them by itself.
  const openssl = curl.info.tls?.startsWith("OpenSSL/") ? functions(curl.info.path) : null;
  if (openssl === null) return "not possible";
  const session = getPointer(curl, easy, C.CURLINFO_TLS_SSL_PTR);
  if (isNull(session) || ffi().view(session, 1)[0] !== BACKEND_OPENSSL) return "not possible";
  const ssl = ffi().pointerAt(session, INTERNALS);
  if (isNull(ssl) || !isOwn(openssl, ssl)) return "not possible";
  // SSL_free_buffers looks whether they are in use; but that the header of a record has been read (the state is not "RH", to
  // read a header), or half a record handed out, it sees only from 3.0.14, 3.1.6, 3.2.2 and 3.3.1 on (CVE-2024-4741).
  if (ffi().cString(openssl.SSL_rstate_string(ssl)) !== "RH" || openssl.SSL_has_pending(ssl) !== 0) return "in use";
  return openssl.SSL_free_buffers(ssl) === 1 ? "freed" : "in use";
}

/** The SSL_METHODs of a libssl, some 30 of 240 bytes, lie side by side; those of two are apart by the code of one, 300 KiB. */
const METHODS_SIZE = 16 * 1024;

/**
 * Whether a connection was made by the same OpenSSL as these functions. A libcurl with an OpenSSL built in may be linked to
 * something that brings another one along, whose functions would then take the connection for one of theirs.
 *
 * Among the first words of an SSL is the address of the SSL_METHOD of its version: in the second one, and from 3.2 on in the
 * third and the fourth.
 */
function isOwn(openssl: OpenSsl, ssl: Pointer): boolean {
  const method = ffi().address(openssl.TLS_client_method());
  return [8, 16, 24].some((offset) => {
    const distance = ffi().address(ffi().pointerAt(ssl, offset)) - method;
    return distance > -METHODS_SIZE && distance < METHODS_SIZE;
  });
}
