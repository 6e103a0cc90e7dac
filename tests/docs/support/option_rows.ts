/**
 * The rows of docs/options.md: each option, and each option inside one, with its default, where the guides show it, and the
 * tests that try it. What is supported with which libcurl is not written here but recorded; see `scripts/options.ts`.
 */

import type { Row } from "./option_row.ts";
import { MESSAGES, PLACES, SECURE } from "./option_rows_connection.ts";
import { HTTP, PROXIES } from "./option_rows_http.ts";

export type { Libcurl, Row } from "./option_row.ts";

export const ROWS: readonly Row[] = [...HTTP, ...PROXIES, ...SECURE, ...PLACES, ...MESSAGES];
