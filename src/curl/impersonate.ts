/** libcurl-impersonate: the ClientHello of a browser. */
import { CurlWebSocketError } from "../errors.ts";
import { BARE_NAMES, type Browser, BROWSERS, browsersNamed } from "../handshake/browsers.ts";
import * as C from "./constants.ts";
import { ffi, isNull, type Pointer, type Symbols, toCString } from "../platform/ffi.ts";
import type { Curl } from "./library.ts";
import { oncePerLibrary } from "../platform/once.ts";

const SYMBOLS = {
  // CURLcode curl_easy_impersonate(CURL *, const char *target, int default_headers)
  curl_easy_impersonate: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
} as const;

/** `CURLOPT_SSL_ENABLE_TICKET` of libcurl-impersonate. */
const SSL_ENABLE_TICKET = 1004;
/** `CURLOPT_SSL_CERT_COMPRESSION` of libcurl-impersonate: codecs by name. */
const SSL_CERT_COMPRESSION = 11003;
/** `CURLOPT_SSL_ENABLE_ALPS`, by the number it had in libcurl-impersonate's first releases, which were all 7.84. */
const OLD_SSL_ENABLE_ALPS = 320;

/** What a thread knows of each library: its function, or null, and whether it knows each target that was tried. */
const libraries = oncePerLibrary((path) => {
  let symbols: Symbols<typeof SYMBOLS> | null = null;
  try {
    symbols = ffi().open(path, SYMBOLS);
  } catch {
    // A plain libcurl: it is open already, and only this function can be missing.
  }
  return { symbols, knows: new Map<string, boolean>() };
});

/** Returns whether a library knows a target. It is tried once, with a handle of its own. */
function knows(curl: Curl, target: string): boolean {
  const { symbols, knows } = libraries(curl.info.path);
  let known = knows.get(target);
  if (known === undefined && symbols !== null) {
    const easy = curl.curl_easy_init();
    if (isNull(easy)) throw new CurlWebSocketError("ERR_LIBCURL", "libcurl could not make a handle: out of memory");
    known = symbols.curl_easy_impersonate(easy, toCString(target), 0) === C.CURLE_OK;
    curl.curl_easy_cleanup(easy);
    knows.set(target, known);
  }
  return known ?? false;
}

/**
 * Throws unless the library is libcurl-impersonate; `what` is what needs it.
 *
 * @throws {CurlWebSocketError} `ERR_IMPERSONATE`
 */
export function needImpersonating(curl: Curl, what: string): void {
  const { path, version } = curl.info;
  if (libraries(path).symbols !== null) return;
  throw new CurlWebSocketError(
    "ERR_IMPERSONATE",
    `impersonate: ${what} needs libcurl-impersonate, and ${path} is a plain libcurl ${version}; fetch ` +
      "one with curlws install-impersonate, or install a release of https://github.com/lexiforest/curl-impersonate " +
      "(libcurl-impersonate-*.tar.gz), and name its library with the library option or CURLWS_LIBCURL",
  );
}

/**
 * Returns the browser for a name: of an exact target, or the newest of a kind that the library knows.
 *
 * @throws {CurlWebSocketError} `ERR_IMPERSONATE` if it is no libcurl-impersonate, or does not know the browser
 */
export function resolveBrowser(curl: Curl, name: string): Browser {
  needImpersonating(curl, `"${name}"`);
  const { path, version } = curl.info;
  const find = (name: string) => browsersNamed(name).find(({ target }) => knows(curl, target));
  const browser = find(name);
  if (browser !== undefined) return browser;
  const known = BROWSERS.filter(({ target }) => knows(curl, target)).map(({ target }) => target).join(", ");
  throw new CurlWebSocketError(
    "ERR_IMPERSONATE",
    `impersonate: libcurl-impersonate ${version}, ${path}, does not know "${name}"; it knows ${
      BARE_NAMES.filter((name) => find(name) !== undefined).join(", ")
    }, ${known}`,
  );
}

/**
 * Gives a handle a browser's ClientHello for wss, whose ALPN has only `http/1.1`. Call it after `CURLOPT_HTTP_VERSION`
 * is set, which decides the ALPN, and before the caller's own TLS options are, which take precedence.
 *
 * @throws {CurlWebSocketError} `ERR_IMPERSONATE` if libcurl refuses
 */
export function impersonate(curl: Curl, easy: Pointer, { target, family, wssLikePages }: Browser): void {
  const check = (what: string, code: number) => {
    if (code === C.CURLE_OK) return;
    const curlMessage = curl.message(code);
    const message = `libcurl ${curl.info.version} refuses ${what} of ${target}: ${curlMessage} (${code})`;
    throw new CurlWebSocketError("ERR_IMPERSONATE", message, { curlCode: code, curlMessage });
  };
  const { symbols } = libraries(curl.info.path);
  // 0: without its header fields, which are those for a page.
  check("impersonation", symbols!.curl_easy_impersonate(easy, toCString(target), 0));
  if (curl.versionNumber < 0x080000) {
    // curl_easy_impersonate() of 7.84 set HTTP/2 and, for Chromium, ALPS, which goes with HTTP/2.
    check("CURLOPT_HTTP_VERSION", curl.setLong(easy, C.CURLOPT_HTTP_VERSION, C.CURL_HTTP_VERSION_1_1));
    if (family !== "safari") check("CURLOPT_SSL_ENABLE_ALPS", curl.setLong(easy, OLD_SSL_ENABLE_ALPS, 0));
  }
  if (wssLikePages) return;
  check("CURLOPT_SSL_ENABLE_TICKET", curl.setLong(easy, SSL_ENABLE_TICKET, 0));
  check("CURLOPT_SSL_CERT_COMPRESSION", curl.setBuffer(easy, SSL_CERT_COMPRESSION, toCString("")));
}
