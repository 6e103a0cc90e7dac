/** The options about what a server sees of the client before it has said anything, and what is made of them. */
import { BARE_NAMES, BROWSERS } from "../../src/handshake/browsers.ts";
import type { CurlWebSocketInit, ImpersonateOptions } from "../../mod.ts";
import type { Option } from "./option.ts";
import type { Values } from "./values.ts";

const COMPRESSIONS = ["zlib", "brotli", "zstd"];

/** The browser, and the parts of a ClientHello. Those of curl-impersonate have its names. */
export const IMPERSONATE: readonly Option[] = [
  {
    name: "impersonate",
    value: "BROWSER",
    help: "appear as a browser, such as chrome; needs libcurl-impersonate",
    complete: [...BARE_NAMES, ...BROWSERS.map(({ target }) => target)],
    sets: "impersonate",
    brief: "be chrome, edge, firefox, safari …; --fingerprint",
  },
  {
    name: "ja3",
    value: "TEXT",
    help: "send this ClientHello, alone or instead of the browser's: JA3's text; an error if libcurl cannot",
    sets: "impersonate.ja3",
  },
  {
    name: "sigalgs",
    value: "LIST",
    help: "the signature algorithms of the ClientHello",
    sets: "impersonate.signatureAlgorithms",
  },
  {
    name: "cert-compression",
    value: "LIST",
    help: "how a certificate may be compressed: zlib, brotli, zstd, or '' for not at all",
    complete: COMPRESSIONS,
    sets: "impersonate.certificateCompression",
  },
  {
    name: "tls-delegated-credentials",
    value: "LIST",
    help: "the signature algorithms of Firefox's extension delegated_credential",
    sets: "impersonate.delegatedCredentials",
  },
  {
    name: "tls-record-size-limit",
    value: "BYTES",
    help: "the value of Firefox's extension record_size_limit",
    sets: "impersonate.recordSizeLimit",
  },
  {
    name: "tls-key-shares-limit",
    value: "N",
    help: "for how many groups a key is sent, 1 to 3",
    complete: ["1", "2", "3"],
    sets: "impersonate.keyShares",
  },
  { name: "tls-grease", help: "put in values that mean nothing, as Chrome does", sets: "impersonate.grease" },
  {
    name: "tls-permute-extensions",
    help: "shuffle the extensions, as Chrome does",
    sets: "impersonate.permuteExtensions",
  },
];

/** What is to be seen of it. */
export const FINGERPRINT: Option = {
  name: "fingerprint",
  help: "print JA3, JA4 and the request that go out with the other options, without any network; -v hides no secret",
};

/** The option `impersonate`, from all of them. */
export function impersonate(values: Values): CurlWebSocketInit["impersonate"] {
  const base = values.text("impersonate");
  const list = (name: string) =>
    values.text(name)?.split(/[:,]/).map((item) => item.trim()).filter((item) => item !== "");
  const parts: Record<keyof Omit<ImpersonateOptions, "base">, unknown> = {
    ja3: values.text("ja3"),
    signatureAlgorithms: list("sigalgs"),
    certificateCompression: list("cert-compression"),
    delegatedCredentials: list("tls-delegated-credentials"),
    recordSizeLimit: values.integer("tls-record-size-limit", 0),
    keyShares: values.integer("tls-key-shares-limit", 1, 3),
    grease: values.has("tls-grease") ? true : undefined,
    permuteExtensions: values.has("tls-permute-extensions") ? true : undefined,
  };
  const given = Object.entries(parts).filter(([, value]) => value !== undefined);
  if (given.length === 0) return base;
  return { ...base === undefined ? {} : { base }, ...Object.fromEntries(given) };
}
