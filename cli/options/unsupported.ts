/** curl's options that curlws does not support, and why: an error that explains is better than "unknown option". */
import type { Unsupported } from "./option.ts";

const BODY = "the opening handshake is a GET without a body; messages come from standard input";
const METHOD = "the opening handshake is a GET";
const OUTPUT = "messages go to standard output; use the shell's > FILE";
const VERSION = "a WebSocket is opened by HTTP/1.1";
const VERBOSE = "use -v, which shows the request and the response";
const RATE = "messages are read as fast as they arrive";
const COOKIES = "cookies are neither read from a file nor written to one; give them with -b NAME=VALUE";
const AUTH = "authentication is by Basic, --digest or --oauth2-bearer";
const RETRY =
  "it repeats a transfer from its start; --reconnect goes on over the next connection, with --max-attempts N and --max-delay";
const CONFIG = "configuration files are not read";

const names = (why: string, ...list: string[]): Unsupported[] =>
  list.map((each) => {
    const [name = "", short] = each.split(" ");
    return short === undefined ? { name, why } : { name, short, why };
  });

/** Name, then the short name if there is one. */
export const UNSUPPORTED: readonly Unsupported[] = [
  ...names(BODY, "data d", "data-ascii", "data-binary", "data-raw", "data-urlencode", "form F", "form-string"),
  ...names(BODY, "upload-file T", "get G"),
  ...names(METHOD, "request X", "head I", "range r", "continue-at C", "time-cond z"),
  ...names(OUTPUT, "output o", "remote-name O", "remote-header-name J", "output-dir", "create-dirs", "append a"),
  ...names(VERSION, "http1.0 0", "http2", "http2-prior-knowledge", "http3", "http3-only", "http0.9"),
  ...names("the oldest version of TLS is 1.0", "sslv2 2", "sslv3 3"),
  ...names("give --tlsv1.0, --tlsv1.1, --tlsv1.2 or --tlsv1.3", "tlsv1"),
  ...names(VERBOSE, "include i", "show-headers", "dump-header D", "write-out w", "trace", "trace-ascii", "trace-time"),
  ...names("use --stats for figures at the end", "progress-bar #"),
  ...names("standard error has only errors, unless -v or --stats asks for more", "silent"),
  ...names(RATE, "limit-rate", "speed-limit Y", "speed-time y", "rate"),
  ...names(COOKIES, "cookie-jar c", "junk-session-cookies j"),
  ...names(AUTH, "anyauth", "ntlm", "negotiate", "aws-sigv4", "netrc", "netrc-file", "netrc-optional"),
  ...names(CONFIG, "config K"),
  ...names(RETRY, "retry", "retry-delay", "retry-max-time", "retry-connrefused", "retry-all-errors"),
  ...names("one connection at a time; run several", "parallel Z", "next :"),
  ...names("credentials are never sent to another host", "location-trusted"),
  ...names("the URL is parsed as the URL standard says", "path-as-is", "proto", "proto-default", "url"),
  ...names("the request's target is the URL's path", "request-target"),
];
