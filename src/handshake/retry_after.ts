/** How long a server that refuses asks to wait: `Retry-After`, RFC 9110 section 10.2.3. Pure. */
import { fieldValues, type HeaderList } from "./fields.ts";

/** The longest that is obeyed, ms: a day. A server whose clock is wrong is not to end a feed for ever. */
const MAX_RETRY_AFTER = 86_400_000;
/** Too Many Requests (RFC 6585 section 4) and Service Unavailable (RFC 9110 section 15.6.4): those for which it is meant. */
const STATUSES: readonly (number | undefined)[] = [429, 503];

/** Returns what a response asks for, seconds or a date, in ms; 0 if nothing. `now` is the time of day, epoch ms. */
export function retryAfter(status: number | undefined, headers: HeaderList, now: number): number {
  if (!STATUSES.includes(status)) return 0;
  const value = fieldValues(headers, "retry-after")[0]?.trim() ?? "";
  const time = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isNaN(time) ? 0 : Math.min(MAX_RETRY_AFTER, Math.max(0, time));
}
