/** A library's own list of options: libcurl-impersonate 7.84 has some by numbers that are other options' in libcurl. */
import { ffi, isNull, toCString } from "../platform/ffi.ts";
import { oncePerLibrary } from "../platform/once.ts";
import type { Curl } from "./library.ts";

const NAMES = {
  // const struct curl_easyoption {const char *name; CURLoption id; ...} *curl_easy_option_by_id(CURLoption)
  curl_easy_option_by_id: { parameters: ["i32"], result: "pointer" },
  // const struct curl_easyoption *curl_easy_option_by_name(const char *)
  curl_easy_option_by_name: { parameters: ["buffer"], result: "pointer" },
} as const;

/** The functions; null before 7.73, which brought them. */
const lists = oncePerLibrary((path) => {
  try {
    return ffi().open(path, NAMES);
  } catch {
    // The library is open already: only these functions can be missing.
    return null;
  }
});

/** Returns a library's own name for an option's number; null if it has none. */
export function nameIn(curl: Curl, number: number): string | null {
  const option = lists(curl.info.path)?.curl_easy_option_by_id(number) ?? null;
  return isNull(option) ? null : ffi().cString(ffi().pointerAt(option, 0));
}

/** Returns a library's own number for an option's name, without `CURLOPT_`; null if it does not know it. */
export function numberIn(curl: Curl, name: string): number | null {
  const option = lists(curl.info.path)?.curl_easy_option_by_name(toCString(name)) ?? null;
  // The number follows the pointer to the name.
  return isNull(option) ? null : new DataView(ffi().view(option, 12).slice().buffer).getInt32(8, true);
}
