/** `curlws install-libcurl` and `curlws install-impersonate`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CurlWebSocketError, libcurl, type LibcurlInfo } from "../../mod.ts";
import type { CachedKind } from "../../src/curl/library_cache.ts";
import { type Command, printNotice } from "../options/command.ts";
import { shownUrl } from "../../src/observe/redact.ts";
import { checkDigest, download } from "./download.ts";
import { CommandError, messageOf, UsageError } from "../errors.ts";
import type { Option } from "../options/option.ts";
import { IMPERSONATE, IMPERSONATE_HOSTS, PYCURL, WHEELS } from "./pins.ts";
import { installedIn, replaceFolder } from "./replace_folder.ts";
import { printLine } from "../terminal/output.ts";
import { cachePathOf, platformOf } from "./platform.ts";
import { fetchWheel } from "./pypi.ts";
import { API_VARIABLE, assetDigest, assetName, fetchAsset, RELEASES_VARIABLE, releaseUrls } from "./releases.ts";
import { type Files, unpackRelease, unpackWheel } from "./unpack.ts";
import type { Values } from "../options/values.ts";

const COMMON: readonly Option[] = [
  {
    name: "from",
    value: "FILE|URL",
    help: "use this archive instead; it must have the same digest, or that of --sha256",
    complete: "file",
  },
  { name: "sha256", value: "HEX", help: "the archive's digest, instead of the expected one" },
  {
    name: "platform",
    value: "NAME",
    help: "for another platform, such as linux-arm64; then the library is not loaded",
  },
  { name: "force", help: "install even if it is already installed" },
];

/** `curlws install-libcurl`: a plain libcurl. */
export const installLibcurl: Command = {
  summary: `put libcurl ${PYCURL.libcurl} into this user's cache, where curlws looks last`,
  about:
    `Downloads libcurl ${PYCURL.libcurl} from the wheel of ${PYCURL.project} ${PYCURL.version}, checks its digest, and puts it where curlws
finds it if the system has none. If pip is installed, pip downloads it, by its own settings.`,
  options: [
    { name: "if-missing", help: "only if no libcurl is found" },
    {
      name: "index-url",
      value: "URL",
      help: "the package index to use, without pip; default PIP_INDEX_URL, else the Python Package Index",
    },
    ...COMMON,
  ],
  async run(values: Values): Promise<void> {
    if (values.has("if-missing") && found()) return;
    const { platform, value: wheel, own } = platformOf(
      "libcurl in a wheel",
      values.text("platform") || undefined,
      WHEELS,
      "elsewhere install the distribution's (Alpine: apk add libcurl)",
    );
    const given = digestOf(values);
    await install({
      kind: "libcurl",
      what: `libcurl ${PYCURL.libcurl} of ${wheel.file}`,
      archive: wheel.file,
      target: cachePathOf("libcurl", platform),
      own,
      force: values.has("force"),
      sha256: () => Promise.resolve(given ?? wheel.sha256),
      fetch: () => givenArchive(values) ?? fetchWheel(wheel, values.text("index-url") || undefined),
      unpack: (bytes, file) => unpackWheel(bytes, file),
    });
  },
};

/** `curlws install-impersonate`: libcurl-impersonate. */
export const installImpersonate: Command = {
  summary: `put libcurl-impersonate v${IMPERSONATE.version} into this user's cache, for the impersonate option`,
  about:
    `Downloads a release of github.com/${IMPERSONATE.repository}, checks its digest, and puts it where curlws finds it for
the impersonate option.`,
  options: [
    {
      name: "version",
      value: "V",
      help: `the release; default ${IMPERSONATE.version}. The digest of another one comes from GitHub's API`,
    },
    {
      name: "base-url",
      value: "URL",
      help: `the base URL of the releases; default ${RELEASES_VARIABLE}, else GitHub`,
    },
    { name: "api-url", value: "URL", help: `the API with the digests; default ${API_VARIABLE}, else GitHub's API` },
    ...COMMON,
  ],
  async run(values: Values): Promise<void> {
    const version = ((values.text("version") || undefined) ?? IMPERSONATE.version).replace(/^v/, "");
    if (!/^[\w.-]+$/.test(version)) throw new UsageError(`--version takes a version such as 1.5.6, not ${version}`);
    const { platform, value: host, own } = platformOf(
      "libcurl-impersonate",
      values.text("platform") || undefined,
      IMPERSONATE_HOSTS,
      `elsewhere build it from github.com/${IMPERSONATE.repository}`,
    );
    const asset = assetName(version, host);
    const urls = releaseUrls(values.text("base-url") || undefined, values.text("api-url") || undefined);
    const given = digestOf(values);
    await install({
      kind: "impersonate",
      what: `libcurl-impersonate v${version}, ${asset}`,
      archive: asset,
      target: cachePathOf("impersonate", platform),
      own,
      force: values.has("force"),
      sha256: () => given !== undefined ? Promise.resolve(given) : assetDigest(version, platform, asset, urls),
      fetch: () => givenArchive(values) ?? fetchAsset(version, asset, urls),
      unpack: (bytes, file) => unpackRelease(bytes, file),
    });
  },
};

interface Plan {
  readonly kind: CachedKind;
  readonly what: string;
  readonly archive: string;
  readonly target: { root: string; folder: string; file: string };
  /** Whether it is for this machine, so that the library can be loaded. */
  readonly own: boolean;
  readonly force: boolean;
  sha256(): Promise<string>;
  fetch(): Promise<Uint8Array>;
  unpack(bytes: Uint8Array, file: string): Files | Promise<Files>;
}

async function install({ what, archive, target, own, force, sha256, fetch, unpack }: Plan): Promise<void> {
  const { root, folder, file } = target;
  const path = join(root, folder, file);
  const digest = await sha256();
  if (!force && installedIn(join(root, folder), file)?.sha256 === digest) {
    printNotice(`${what} is already installed`);
    printLine(path);
    return;
  }
  const bytes = await fetch();
  checkDigest(archive, bytes, digest);
  const files = await unpack(bytes, file);
  let note = "";
  replaceFolder(root, folder, files, { what, sha256: digest }, (folder) => {
    if (own) note = `: libcurl ${opened(join(folder, file)).version}, which loads`;
  });
  printNotice(`installed ${what}${note}`);
  printLine(path);
}

/** The archive that `--from` names, or null. */
function givenArchive(values: Values): Promise<Uint8Array> | null {
  const from = values.text("from") || undefined;
  if (from === undefined) return null;
  if (/^https?:/i.test(from)) {
    printNotice(`downloading ${shownUrl(from)}`);
    return download(from).then(({ data }) => data);
  }
  try {
    return Promise.resolve(readFileSync(from));
  } catch (error) {
    const shown = from.includes("://") ? shownUrl(from) : from;
    throw new CommandError(`${shown} cannot be read: ${messageOf(error).replaceAll(from, shown)}`, { cause: error });
  }
}

function digestOf(values: Values): string | undefined {
  const given = (values.text("sha256") || undefined)?.toLowerCase();
  if (given !== undefined && !/^[0-9a-f]{64}$/.test(given)) {
    throw new UsageError(`--sha256 takes 64 hexadecimal digits, not ${given}`);
  }
  return given;
}

/** Loads the library as curlws will. Throws a `CommandError` if it does not load. */
function opened(path: string): LibcurlInfo {
  try {
    return libcurl(path);
  } catch (error) {
    // The loader's own message is the last line, after the list of what was tried.
    const reason = error instanceof Error ? error.message.split("\n").at(-1)!.replace(`${path}:`, "").trim() : error;
    throw new CommandError(`it does not load on this machine, and was removed again: ${reason}`, { cause: error });
  }
}

/** Whether curlws finds a libcurl. Prints which. */
function found(): boolean {
  try {
    const { version, path } = libcurl();
    printNotice(`libcurl ${version} is installed: ${path}`);
    return true;
  } catch (error) {
    if (error instanceof CurlWebSocketError && /^ERR_LIBCURL_(NOT_FOUND|TOO_OLD)$/.test(error.code)) {
      printNotice("no usable libcurl was found");
      return false;
    }
    throw new CommandError(messageOf(error), { cause: error });
  }
}
