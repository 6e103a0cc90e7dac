/** Constants of libcurl's headers that we use; their names are libcurl's. */

export const CURL_GLOBAL_DEFAULT = 3;

export const CURLE_OK = 0;
export const CURLE_COULDNT_RESOLVE_PROXY = 5;
export const CURLE_COULDNT_RESOLVE_HOST = 6;
export const CURLE_COULDNT_CONNECT = 7;
export const CURLE_OPERATION_TIMEDOUT = 28;
export const CURLE_SSL_CONNECT_ERROR = 35;
export const CURLE_GOT_NOTHING = 52;
export const CURLE_PEER_FAILED_VERIFICATION = 60;
export const CURLE_SSL_CACERT_BADFILE = 77;
export const CURLE_AGAIN = 81;

export const CURLOPT_HTTPPROXYTUNNEL = 61;
export const CURLOPT_SSL_VERIFYPEER = 64;
export const CURLOPT_SSL_VERIFYHOST = 81;
export const CURLOPT_HTTP_VERSION = 84;
export const CURLOPT_BUFFERSIZE = 98;
export const CURLOPT_NOSIGNAL = 99;
export const CURLOPT_TCP_NODELAY = 121;
export const CURLOPT_CONNECT_ONLY = 141;
export const CURLOPT_CONNECTTIMEOUT_MS = 156;
export const CURLOPT_QUICK_EXIT = 322;
export const CURLOPT_URL = 10002;
export const CURLOPT_ERRORBUFFER = 10010;
export const CURLOPT_CAINFO = 10065;
export const CURLOPT_CAINFO_BLOB = 40309;
export const CURL_HTTP_VERSION_1_1 = 2;
export const CURL_ERROR_SIZE = 256;

export const CURLINFO_ACTIVESOCKET = 0x50002c;

export const CURLMOPT_SOCKETFUNCTION = 20001;
export const CURLMOPT_TIMERFUNCTION = 20004;
export const CURL_SOCKET_TIMEOUT = -1;
export const CURL_POLL_REMOVE = 4;

/** Readiness, in the bits of `CURL_POLL_*` and `CURL_CSELECT_*`, which agree. */
export const READABLE = 1;
export const WRITABLE = 2;

/** `curl_waitfd` events. */
export const CURL_WAIT_POLLIN = 1;
export const CURL_WAIT_POLLOUT = 4;
