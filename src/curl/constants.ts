/** The constants of libcurl's headers that are used here, by libcurl's names. */

export const CURL_GLOBAL_DEFAULT = 3;

export const CURLE_OK = 0;
export const CURLE_UNSUPPORTED_PROTOCOL = 1;
export const CURLE_FAILED_INIT = 2;
export const CURLE_NOT_BUILT_IN = 4;
export const CURLE_COULDNT_RESOLVE_PROXY = 5;
export const CURLE_COULDNT_RESOLVE_HOST = 6;
export const CURLE_COULDNT_CONNECT = 7;
export const CURLE_WEIRD_SERVER_REPLY = 8;
export const CURLE_OUT_OF_MEMORY = 27;
export const CURLE_OPERATION_TIMEDOUT = 28;
export const CURLE_SSL_CONNECT_ERROR = 35;
export const CURLE_BAD_FUNCTION_ARGUMENT = 43;
export const CURLE_INTERFACE_FAILED = 45;
export const CURLE_UNKNOWN_OPTION = 48;
export const CURLE_GOT_NOTHING = 52;
export const CURLE_SEND_ERROR = 55;
export const CURLE_RECV_ERROR = 56;
export const CURLE_SSL_CERTPROBLEM = 58;
export const CURLE_SSL_CIPHER = 59;
export const CURLE_PEER_FAILED_VERIFICATION = 60;
export const CURLE_SSL_CACERT_BADFILE = 77;
export const CURLE_AGAIN = 81;
export const CURLE_SSL_CRL_BADFILE = 82;
export const CURLE_SSL_ISSUER_ERROR = 83;
export const CURLE_SSL_PINNEDPUBKEYNOTMATCH = 90;
export const CURLE_SSL_INVALIDCERTSTATUS = 91;
export const CURLE_PROXY = 97;
export const CURLE_SSL_CLIENTCERT = 98;

export const CURLOPT_HTTP_VERSION = 84;
export const CURLOPT_BUFFERSIZE = 98;
export const CURLOPT_ERRORBUFFER = 10010;
export const CURLOPT_XFERINFODATA = 10057;
export const CURLOPT_SHARE = 10100;
export const CURLOPT_DEBUGFUNCTION = 20094;
export const CURLOPT_XFERINFOFUNCTION = 20219;
export const CURL_HTTP_VERSION_1_1 = 2;
export const CURL_ERROR_SIZE = 256;

export const CURLSSLOPT_NATIVE_CA = 16;
export const CURLHEADER_SEPARATE = 1;
export const CURL_IPRESOLVE_V4 = 1;
export const CURL_IPRESOLVE_V6 = 2;

export const CURLINFO_PRIMARY_IP = 0x100020;
export const CURLINFO_LOCAL_IP = 0x100029;
export const CURLINFO_HTTP_CONNECTCODE = 0x200016;
export const CURLINFO_OS_ERRNO = 0x200019;
export const CURLINFO_PRIMARY_PORT = 0x200028;
export const CURLINFO_LOCAL_PORT = 0x20002a;
export const CURLINFO_PROXY_ERROR = 0x20003b;
export const CURLINFO_ACTIVESOCKET = 0x50002c;
export const CURLINFO_TLS_SSL_PTR = 0x40002d;
export const CURLINFO_TOTAL_TIME_T = 0x600032;
export const CURLINFO_NAMELOOKUP_TIME_T = 0x600033;
export const CURLINFO_CONNECT_TIME_T = 0x600034;
export const CURLINFO_APPCONNECT_TIME_T = 0x600038;

export const CURLMOPT_SOCKETFUNCTION = 20001;
export const CURLMOPT_SOCKETDATA = 10002;
export const CURLMOPT_TIMERFUNCTION = 20004;
export const CURL_SOCKET_TIMEOUT = -1;
export const CURL_POLL_REMOVE = 4;

export const CURLSHOPT_SHARE = 1;
export const CURL_LOCK_DATA_SSL_SESSION = 4;

/** `curl_waitfd` events. */
export const CURL_WAIT_POLLIN = 1;
export const CURL_WAIT_POLLOUT = 4;
