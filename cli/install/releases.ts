/** Getting a release of libcurl-impersonate, and the digest that it should have. */
import process from "node:process";
import { say } from "../options/command.ts";
import { shownText, shownUrl } from "../../src/observe/redact.ts";
import { download } from "./download.ts";
import { CommandError } from "../errors.ts";
import { IMPERSONATE, IMPERSONATE_DIGESTS, type Platform } from "./pins.ts";

/** The environment variable that names another place for the releases' files. */
export const RELEASES_VARIABLE = "CURLWS_RELEASES_URL";
/** The one that names another API, which tells digests. */
export const API_VARIABLE = "CURLWS_RELEASES_API_URL";

/** Where to look instead of GitHub. */
export interface Places {
  /** Holds `v1.5.6/libcurl-impersonate-v1.5.6.….tar.gz`. */
  readonly releases: string;
  /** Answers `tags/v1.5.6` as GitHub's API does. */
  readonly api: string;
}

/** The places by option, environment, or GitHub's. */
export function placesOf(releases: string | undefined, api: string | undefined): Places {
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

/** The digest that a file should have: kept here for the pinned version, else told by the API. */
export async function assetDigest(
  version: string,
  platform: Platform,
  asset: string,
  { api }: Places,
): Promise<string> {
  const pinned = version === IMPERSONATE.version ? IMPERSONATE_DIGESTS[platform] : undefined;
  if (pinned !== undefined) return pinned;
  const url = `${api}/tags/v${version}`;
  say(`asking ${shownUrl(url)} for the digest of ${asset}`);
  const headers: Record<string, string> = { accept: "application/vnd.github+json", "user-agent": "curlws" };
  // Without one, GitHub answers few questions an hour.
  const token = process.env.GITHUB_TOKEN;
  if (token && api.startsWith("https://api.github.com/")) headers.authorization = `Bearer ${token}`;
  const { data } = await download(url, headers);
  let assets: { name?: string; digest?: string | null }[];
  try {
    assets = JSON.parse(new TextDecoder().decode(data)).assets;
    if (!Array.isArray(assets)) throw new TypeError("it has no assets");
  } catch (error) {
    throw new CommandError(`${shownUrl(url)} gave no release: ${shownText((error as Error).message)}`, {
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
    throw new CommandError(`the release v${version} tells no sha256 of ${asset}; give the one you trust with --sha256`);
  }
  return digest;
}

/** Fetches a release's file, unchecked. */
export async function fetchAsset(version: string, asset: string, { releases }: Places): Promise<Uint8Array> {
  const url = `${releases}/v${version}/${asset}`;
  say(`fetching ${shownUrl(url)}`);
  return (await download(url)).data;
}
