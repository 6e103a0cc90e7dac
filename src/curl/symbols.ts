/** libcurl's functions, each with its C prototype. `long` is declared i64: it is 64 bits wherever an i64 differs. */

/**
 * `curl_easy_setopt` and `curl_easy_getinfo` are variadic. On arm64 macOS variadic arguments go on the stack, so there
 * the fixed arguments are padded to fill x0..x7 (six more): the ninth argument then lands where the callee looks.
 */
export const VARIADIC_PADDING = 6;

export const CURL_SYMBOLS = {
  // CURLSH *curl_share_init(void)
  curl_share_init: { parameters: [], result: "pointer" },
  // CURLSHcode curl_share_cleanup(CURLSH *)
  curl_share_cleanup: { parameters: ["pointer"], result: "i32" },
  // CURLcode curl_global_init(long flags)
  curl_global_init: { parameters: ["i64"], result: "i32" },
  // curl_version_info_data *curl_version_info(CURLversion age)
  curl_version_info: { parameters: ["i32"], result: "pointer" },
  // const char *curl_easy_strerror(CURLcode)
  curl_easy_strerror: { parameters: ["i32"], result: "pointer" },
  // CURL *curl_easy_init(void)
  curl_easy_init: { parameters: [], result: "pointer" },
  // void curl_easy_cleanup(CURL *)
  curl_easy_cleanup: { parameters: ["pointer"], result: "void" },
  // CURLcode curl_easy_recv(CURL *, void *buffer, size_t buflen, size_t *n)
  curl_easy_recv: { parameters: ["pointer", "buffer", "usize", "buffer"], result: "i32" },
  // CURLcode curl_easy_send(CURL *, const void *buffer, size_t buflen, size_t *n)
  curl_easy_send: { parameters: ["pointer", "buffer", "usize", "buffer"], result: "i32" },
  // struct curl_slist *curl_slist_append(struct curl_slist *, const char *)
  curl_slist_append: { parameters: ["pointer", "buffer"], result: "pointer" },
  // void curl_slist_free_all(struct curl_slist *)
  curl_slist_free_all: { parameters: ["pointer"], result: "void" },
  // CURLM *curl_multi_init(void)
  curl_multi_init: { parameters: [], result: "pointer" },
  // CURLMcode curl_multi_cleanup(CURLM *)
  curl_multi_cleanup: { parameters: ["pointer"], result: "i32" },
  // CURLMcode curl_multi_add_handle(CURLM *, CURL *)
  curl_multi_add_handle: { parameters: ["pointer", "pointer"], result: "i32" },
  // CURLMcode curl_multi_remove_handle(CURLM *, CURL *)
  curl_multi_remove_handle: { parameters: ["pointer", "pointer"], result: "i32" },
  // CURLMcode curl_multi_socket_action(CURLM *, curl_socket_t, int ev_bitmask, int *running_handles)
  curl_multi_socket_action: { parameters: ["pointer", "i32", "i32", "buffer"], result: "i32" },
  // CURLMcode curl_multi_socket_all(CURLM *, int *running_handles)
  curl_multi_socket_all: { parameters: ["pointer", "buffer"], result: "i32" },
  // CURLMsg *curl_multi_info_read(CURLM *, int *msgs_in_queue)
  curl_multi_info_read: { parameters: ["pointer", "buffer"], result: "pointer" },
  // CURLMcode curl_multi_wakeup(CURLM *)
  curl_multi_wakeup: { parameters: ["pointer"], result: "i32" },
  // CURLMcode curl_multi_poll(CURLM *, struct curl_waitfd[], unsigned int, int timeout_ms, int *numfds)
  curl_multi_poll: { parameters: ["pointer", "pointer", "u32", "i32", "pointer"], result: "i32" },
} as const;

/** Returns the variadic functions; `padded` as arm64 macOS needs them. */
export function variadicSymbols(padded: boolean): typeof VARIADIC_SYMBOLS {
  if (!padded) return VARIADIC_SYMBOLS;
  const padding = Array.from({ length: VARIADIC_PADDING }, () => "i64" as const);
  const pad = (fn: typeof VARIADIC_SYMBOLS[keyof typeof VARIADIC_SYMBOLS]) => {
    const fixed = fn.parameters.slice(0, 2), value = fn.parameters.slice(2);
    return { ...fn, parameters: [...fixed, ...padding, ...value] };
  };
  return Object.fromEntries(
    Object.entries(VARIADIC_SYMBOLS).map(([key, fn]) => [key, pad(fn)]),
  ) as unknown as typeof VARIADIC_SYMBOLS;
}

const VARIADIC_SYMBOLS = {
  // CURLcode curl_easy_setopt(CURL *, CURLoption, long)
  setopt_long: { name: "curl_easy_setopt", parameters: ["pointer", "i32", "i64"], result: "i32" },
  // CURLcode curl_easy_setopt(CURL *, CURLoption, void *)
  setopt_buffer: { name: "curl_easy_setopt", parameters: ["pointer", "i32", "buffer"], result: "i32" },
  // the same, for a pointer of C's: a list, a callback or NULL
  setopt_pointer: { name: "curl_easy_setopt", parameters: ["pointer", "i32", "pointer"], result: "i32" },
  // CURLMcode curl_multi_setopt(CURLM *, CURLMoption, void *)
  multi_setopt_pointer: { name: "curl_multi_setopt", parameters: ["pointer", "i32", "pointer"], result: "i32" },
  // CURLSHcode curl_share_setopt(CURLSH *, CURLSHoption, int)
  share_setopt: { name: "curl_share_setopt", parameters: ["pointer", "i32", "i64"], result: "i32" },
  // CURLcode curl_easy_getinfo(CURL *, CURLINFO, void *)
  getinfo: { name: "curl_easy_getinfo", parameters: ["pointer", "i32", "buffer"], result: "i32" },
} as const;
