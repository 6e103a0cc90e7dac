/** Downloads a release of libcurl-impersonate, and finds the digest that it must have. */
import process from "node:process";
import { printNotice } from "../options/command.ts";
import { shownText, shownUrl } from "../../src/observe/redact.ts";
import { download } from "./download.ts";
import { CommandError } from "../errors.ts";
import { IMPERSONATE, IMPERSONATE_DIGESTS, type Platform } from "./pins.ts";

/** The environment variable with the base URL of the releases' files, instead of GitHub's. */
export const RELEASES_VARIABLE = "CURLWS_RELEASES_URL";
/** The environment variable with the base URL of the API, instead of GitHub's. */
export const API_VARIABLE = "CURLWS_RELEASES_API_URL";

/** Base URLs. */
export interface ReleaseUrls {
  /** Has `v1.5.6/libcurl-impersonate-v1.5.6.….tar.gz`. */
  readonly releases: string;
  /** Has `tags/v1.5.6`, as GitHub's API does. */
  readonly api: string;
}

/** The base URLs: given by options, else by the environment, else GitHub's. */
export function releaseUrls(releases: string | undefined, api: string | undefined): ReleaseUrls {
  const { repository } = IMPERSONATE;
  const trim = (url: string) => url.replace(/\/+$/, "");
  return {
    releases: trim(
      releases ?? (process.env[RELEASES_VARIABLE] || `https://github.com/${repository}/releases/download`),
    ),
    api: trim(api ?? (process.env[API_VARIABLE] || `https://api.github.com/repos/${repository}/releases`)),
  };
}

/** The release's file for a host, such as `x86_64-linux-gnu`. */
export function assetName(version: string, host: string): string {
  return `libcurl-impersonate-v${version}.${host}.tar.gz`;
}

/** The SHA-256 digest that a file must have: the pinned one, else from the API. Throws a `CommandError` if there is none. */
export async function assetDigest(
  version: string,
  platform: Platform,
  asset: string,
  { api }: ReleaseUrls,
): Promise<string> {
  const pinned = version === IMPERSONATE.version ? IMPERSONATE_DIGESTS[platform] : undefined;
  if (pinned !== undefined) return pinned;
  const url = `${api}/tags/v${version}`;
  printNotice(`requesting the digest of ${asset} from ${shownUrl(url)}`);
  const headers: Record<string, string> = { accept: "application/vnd.github+json", "user-agent": "curlws" };
  // Without a token GitHub's API allows 60 requests an hour.
  const token = process.env.GITHUB_TOKEN;
  if (token && api.startsWith("https://api.github.com/")) headers.authorization = `Bearer ${token}`;
  const { data } = await download(url, headers);
  let assets: { name?: string; digest?: string | null }[];
  try {
    assets = JSON.parse(new TextDecoder().decode(data)).assets;
    if (!Array.isArray(assets)) throw new TypeError("it has no assets");
  } catch (error) {
    throw new CommandError(`${shownUrl(url)} returned no release: ${shownText((error as Error).message)}`, {
      cause: error,
    });
  }
  const found = assets.find(({ name }) => name === asset);
  if (found === undefined) {
    const names = assets.map(({ name }) => name).filter((name) => name?.startsWith("libcurl-impersonate-"));
    throw new CommandError(
      `the release v${version} has no ${asset}; it has ${shownText(names.join(", ")) || "no such files"}`,
    );
  }
  const digest = /^sha256:([0-9a-f]{64})$/.exec(found.digest ?? "")?.[1];
  if (digest === undefined) {
    throw new CommandError(`the release v${version} has no sha256 of ${asset}; give the one you trust with --sha256`);
  }
  return digest;
}

/** Downloads a release's file, without checking its digest. */
export async function fetchAsset(version: string, asset: string, { releases }: ReleaseUrls): Promise<Uint8Array> {
  const url = `${releases}/v${version}/${asset}`;
  printNotice(`downloading ${shownUrl(url)}`);
  return (await download(url)).data;
}
