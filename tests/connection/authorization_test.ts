import { createHash } from "node:crypto";
import { assertEquals } from "@std/assert";
import { authorization } from "../../src/connection/authorization.ts";
import type { DialRequest } from "../../src/connection/redirected_request.ts";
import { digestChallenge, type Hasher } from "../../src/handshake/digest.ts";
import { test } from "../support/testing.ts";

test("Authorization: what the option says, what answers a challenge, or what the URL makes", () => {
  const hasher: Hasher = (algorithm, bytes) => createHash(algorithm).update(bytes).digest("hex");
  const challenge = digestChallenge(['Digest realm="r", nonce="n", qop="auth"'])!;
  let nonces = 0;
  const nonce = () => `cnonce${++nonces}`;
  const url = new URL("wss://joe:secret@a.example/a?x");
  const of = (auth: DialRequest["auth"], answered = challenge as typeof challenge | null) =>
    authorization({ url, auth }, answered, nonce, hasher);
  assertEquals(of({ type: "header", authorization: "Bearer secret" }), "Bearer secret");
  assertEquals(of(null), undefined);
  const digest = { type: "digest", username: "joe", password: "secret" } as const;
  assertEquals(of(digest, null), null);
  assertEquals(nonces, 0);
  const value = of(digest)!;
  assertEquals(value.startsWith('Digest username="joe", realm="r", nonce="n", uri="/a?x", response="'), true);
  assertEquals(value.endsWith(', qop=auth, nc=00000001, cnonce="cnonce1"'), true);
});
