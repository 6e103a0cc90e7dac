/**
 * What a socket can be ready for, as bits. libcurl's `CURL_POLL_*` and `CURL_CSELECT_*` have the same values, so nothing is
 * converted on the way to them.
 */

/** Bytes, an end or an error can be read. */
export const READABLE = 1;
/** The kernel takes bytes to send. */
export const WRITABLE = 2;
