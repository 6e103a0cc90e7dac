/** Fetching a file whole, or failing with words that say where. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { CommandError, words } from "./errors.ts";

/** No library comes near. */
const MAX_SIZE = 256 * 1024 * 1024;
/** How long a server may send nothing. */
const STALL_MS = 30_000;

/** A URL as people may read it: without the password that may stand in it. */
export function shown(url: string | URL): string {
  const copy = new URL(url);
  if (copy.password !== "") copy.password = "***";
  copy.hash = "";
  return copy.href;
}

/** Fetches a URL. Credentials in it become a header, as `fetch` takes none. */
export async function download(
  from: string | URL,
  headers: Record<string, string> = {},
): Promise<Response & { data: Uint8Array }> {
  const url = new URL(from);
  const { username, password } = url;
  if (username !== "" || password !== "") {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    headers = { ...headers, authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
    url.username = url.password = "";
  }
  const failure = (why: string, cause?: unknown) =>
    new CommandError(`${shown(from)} cannot be fetched: ${why}`, { cause });
  if (url.protocol !== "https:" && url.protocol !== "http:") throw failure("it is no http or https URL");
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(new Error(`nothing came for ${STALL_MS / 1000} s`)), STALL_MS);
  };
  try {
    alive();
    const response = await fetch(url, { headers, signal: controller.signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw failure(`the server answers ${response.status} ${response.statusText}`.trim());
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      alive();
      size += chunk.length;
      if (size > MAX_SIZE) throw failure(`it is larger than ${MAX_SIZE} bytes`);
      chunks.push(chunk);
    }
    const expected = response.headers.get("content-length");
    // What is encoded is longer or shorter than it says.
    if (expected !== null && !response.headers.has("content-encoding") && size !== Number(expected)) {
      throw failure(`it ended after ${size} of ${expected} bytes`);
    }
    return Object.assign(response, { data: new Uint8Array(Buffer.concat(chunks)) });
  } catch (error) {
    throw error instanceof CommandError ? error : failure(words(error), error);
  } finally {
    clearTimeout(timer);
  }
}

/** Throws unless bytes have the digest. */
export function checkDigest(what: string, bytes: Uint8Array, sha256: string): void {
  const digest = createHash("sha256").update(bytes).digest("hex");
  if (digest !== sha256) {
    throw new CommandError(
      `${what} is not what it should be: its sha256 is ${digest}, and not ${sha256}; nothing was installed`,
    );
  }
}
