/** The request's Authorization: from the option, or for a Digest challenge. Pure. */
import { type Challenge, digestCredentials, type Hasher } from "../handshake/digest.ts";
import { requestTarget } from "../handshake/request.ts";
import type { DialRequest } from "./redirected_request.ts";

/**
 * Returns the value of Authorization, null for none; undefined for what the URL's user and password make. `challenge` is the
 * Digest challenge to answer, or null; `makeNonce` returns a random text for the answer.
 */
export function authorization(
  { url, auth }: Pick<DialRequest, "url" | "auth">,
  challenge: Challenge | null,
  makeNonce: () => string,
  hasher: Hasher,
): string | null | undefined {
  if (auth === null) return undefined;
  if (auth.type === "header") return auth.authorization;
  if (challenge === null) return null;
  const { username, password } = auth;
  const request = { username, password, method: "GET", uri: requestTarget(url), cnonce: makeNonce() };
  return digestCredentials(challenge, request, hasher);
}
