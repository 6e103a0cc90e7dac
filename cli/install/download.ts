/** Fetching a file whole, or failing with words that say where. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { shownText, shownUrl, shownWords } from "../../src/observe/redact.ts";
import { CommandError, words } from "../errors.ts";

/** No library comes near. */
const MAX_SIZE = 256 * 1024 * 1024;
/** How long a server may send nothing. */
const STALL_MS = 30_000;

/** The bytes of a part of a URL, which is ASCII, as the URL Standard decodes it: a % that begins no escape is itself. */
function decoded(part: string): string {
  return part.replace(/%([\da-f]{2})/gi, (_all, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}

/** Fetches a URL. Credentials in it become a header, as `fetch` takes none. */
export async function download(
  from: string | URL,
  headers: Record<string, string> = {},
): Promise<Response & { data: Uint8Array }> {
  const failure = (why: string, cause?: unknown) =>
    new CommandError(`${shownUrl(from)} cannot be fetched: ${why}`, { cause });
  if (!URL.canParse(from)) throw failure("it is no URL");
  const url = new URL(from);
  const { username, password } = url;
  if (username !== "" || password !== "") {
    headers = { ...headers, authorization: `Basic ${btoa(`${decoded(username)}:${decoded(password)}`)}` };
    url.username = url.password = "";
  }
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
      throw failure(`the server answers ${response.status} ${shownText(response.statusText)}`.trim());
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
    throw error instanceof CommandError ? error : failure(shownWords(words(error)), error);
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
