/** A row of docs/options.md. */

/** The properties of a libcurl that options depend on. */
export interface Libcurl {
  /** Major, minor and patch as one number: 8.9.0 is 80900. */
  readonly version: number;
  readonly tls: string;
  readonly features: readonly string[];
  readonly impersonates: boolean;
}

export interface Row {
  /** Its name, or the path of one inside another: `proxy.auth`. */
  readonly option: string;
  readonly what: string;
  readonly default: string;
  /** A page of docs/ and its heading: `proxy.md#which-kind`. */
  readonly guide: string;
  /** Their files in tests/, and their exact names; `{libcurl}` is the name of the column. */
  readonly tests: readonly (readonly [file: string, ...names: string[]])[];
  /** The error that the tests expect with a libcurl that lacks it, or undefined if it has it. */
  readonly lacks?: (libcurl: Libcurl) => string | undefined;
}

/** A libcurl that is older gives an error. */
export const since = (version: number, code = "ERR_LIBCURL") => (libcurl: Libcurl) =>
  libcurl.version < version ? code : undefined;
/** A libcurl without a feature gives an error. */
export const feature = (name: string, code: string) => (libcurl: Libcurl) =>
  libcurl.features.includes(name) ? undefined : code;
/** A plain libcurl gives an error. */
export const impersonates = ({ impersonates }: Libcurl) => impersonates ? undefined : "ERR_IMPERSONATE";
