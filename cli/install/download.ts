/** Downloads a whole file. Errors name the URL. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { shownText, shownUrl, shownWords } from "../../src/observe/redact.ts";
import { CommandError, messageOf } from "../errors.ts";

/** Far larger than any library, so that a wrong URL cannot fill memory. */
const MAX_SIZE = 256 * 1024 * 1024;
/** How long a server may send nothing: enough for a slow connection to recover. */
const STALL_MS = 30_000;

/** Percent-decodes a part of a URL into a binary string, as the URL Standard does: a % that begins no escape stays. */
function decoded(part: string): string {
  return part.replace(/%([\da-f]{2})/gi, (_all, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}

/**
 * Downloads a URL. Credentials in it become a header, as `fetch` accepts none.
 *
 * @throws {CommandError} if it cannot be downloaded completely
 */
export async function download(
  from: string | URL,
  headers: Record<string, string> = {},
): Promise<Response & { data: Uint8Array }> {
  const failure = (why: string, cause?: unknown) =>
    new CommandError(`${shownUrl(from)} cannot be downloaded: ${why}`, { cause });
  if (!URL.canParse(from)) throw failure("it is not a URL");
  const url = new URL(from);
  const { username, password } = url;
  if (username !== "" || password !== "") {
    headers = { ...headers, authorization: `Basic ${btoa(`${decoded(username)}:${decoded(password)}`)}` };
    url.username = url.password = "";
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") throw failure("it is not an http or https URL");
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(new Error(`the server sent nothing for ${STALL_MS / 1000} s`)), STALL_MS);
  };
  try {
    alive();
    const response = await fetch(url, { headers, signal: controller.signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw failure(`the server returned ${response.status} ${shownText(response.statusText)}`.trim());
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
    // With a content encoding, the length is that of the encoded bytes.
    if (expected !== null && !response.headers.has("content-encoding") && size !== Number(expected)) {
      throw failure(`it ended after ${size} of ${expected} bytes`);
    }
    return Object.assign(response, { data: new Uint8Array(Buffer.concat(chunks)) });
  } catch (error) {
    throw error instanceof CommandError ? error : failure(shownWords(messageOf(error)), error);
  } finally {
    clearTimeout(timer);
  }
}

/** Throws a `CommandError` unless the bytes have this SHA-256 digest. */
export function checkDigest(what: string, bytes: Uint8Array, sha256: string): void {
  const digest = createHash("sha256").update(bytes).digest("hex");
  if (digest !== sha256) {
    throw new CommandError(
      `${what} is not the expected file: its sha256 is ${digest}, not ${sha256}; nothing was installed`,
    );
  }
}
