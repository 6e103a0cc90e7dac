/** libcurl's options: the name, the number and the kind of each. */
import { OPTION_TABLE } from "./curl_option_table.ts";

/** What an option takes; the names are those of {@linkcode OPTION_TABLE}. */
export type CurlOptionKind = keyof typeof OPTION_TABLE;

/** An option of libcurl. */
export interface EasyOption {
  /** The name in curl.h, without `CURLOPT_`; the number, if the option is newer than the table. */
  readonly name: string;
  /** The value of the `CURLOPT_` constant. */
  readonly number: number;
  readonly kind: CurlOptionKind;
}

/** Where the numbers of a kind begin: curl.h's CURLOPTTYPE_*. */
const BASES: Readonly<Record<CurlOptionKind, number>> = {
  long: 0,
  string: 10_000,
  list: 10_000,
  object: 10_000,
  callbackData: 10_000,
  callback: 20_000,
  offset: 30_000,
  blob: 40_000,
};

let byName: Map<string, EasyOption> | undefined;
let byNumber: Map<number, EasyOption> | undefined;

function load(): void {
  byName = new Map();
  byNumber = new Map();
  for (const [kind, words] of Object.entries(OPTION_TABLE) as [CurlOptionKind, string][]) {
    for (const [, name, number] of words.matchAll(/(\w+)=(\d+)/g)) {
      const option = { name: name!, number: BASES[kind] + Number(number), kind };
      byName.set(option.name, option);
      byNumber.set(option.number, option);
    }
  }
}

/**
 * Returns the option with a name, which may begin with `CURLOPT_`, or with a number; null if there is none. The kind of
 * a number that is not in the table follows from its range; in the range of pointers, it is a string.
 */
export function easyOption(key: string): EasyOption | null {
  if (byName === undefined) load();
  if (!/^\d+$/.test(key)) return byName!.get(key.replace(/^CURLOPT_/, "")) ?? null;
  const number = Number(key);
  const known = byNumber!.get(number);
  if (known !== undefined) return known;
  const kinds: readonly CurlOptionKind[] = ["long", "string", "callback", "offset", "blob"];
  const kind = kinds[Math.floor(number / 10_000)];
  return kind === undefined ? null : { name: String(number), number, kind };
}
