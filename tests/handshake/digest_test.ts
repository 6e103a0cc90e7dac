import { createHash } from "node:crypto";
import { assert, assertEquals } from "@std/assert";
import {
  type Challenge,
  digestChallenge,
  digestCredentials,
  type Hasher,
  isStale,
  nextChallenge,
  parseChallenges,
} from "../../src/handshake/digest.ts";
import { test } from "../support/testing.ts";

const hasher: Hasher = (algorithm, bytes) => createHash(algorithm).update(bytes).digest("hex");
const md5 = (text: string) => createHash("md5").update(text, "latin1").digest("hex");

/** The fields of a credentials' value; quotes are taken off. */
function fieldsOf(credentials: string): Record<string, string> {
  assert(credentials.startsWith("Digest "));
  const fields = [...credentials.slice("Digest ".length).matchAll(/([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^,]+))/g)];
  return Object.fromEntries(fields.map(([, name, quoted, token]) => [name!, quoted ?? token!]));
}

function credentialsFor(
  field: string,
  request: Partial<Parameters<typeof digestCredentials>[1]> = {},
): Record<string, string> {
  const challenge = digestChallenge([field]);
  assert(challenge !== null, field);
  return fieldsOf(
    digestCredentials(challenge, {
      username: "joe",
      password: "secret",
      method: "GET",
      uri: "/",
      cnonce: "c",
      ...request,
    }, hasher),
  );
}

// RFC 7616 section 3.9.1.
const REALM = 'realm="http-auth@example.org", qop="auth, auth-int"';
const NONCE =
  'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';
const MUFASA = {
  username: "Mufasa",
  password: "Circle of Life",
  method: "GET",
  uri: "/dir/index.html",
  cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
};
const EXAMPLES = {
  "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
  "MD5": "8ca523f5e9506fed4657c9700eebdbec",
};

for (const [algorithm, response] of Object.entries(EXAMPLES)) {
  test(`RFC 7616's example with ${algorithm}`, () => {
    const fields = credentialsFor(`Digest ${REALM}, algorithm=${algorithm}, ${NONCE}`, MUFASA);
    assertEquals(fields, {
      username: "Mufasa",
      realm: "http-auth@example.org",
      nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
      uri: "/dir/index.html",
      algorithm,
      response,
      opaque: "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
      qop: "auth",
      nc: "00000001",
      cnonce: MUFASA.cnonce,
    });
  });
}

test("the first supported challenge is taken, in one field or several", () => {
  const sha512 = `Digest ${REALM}, algorithm=SHA-512-256, ${NONCE}`;
  const sha256 = `Digest ${REALM}, algorithm=SHA-256, ${NONCE}`;
  const md5 = `Digest ${REALM}, algorithm=MD5, ${NONCE}`;
  const algorithm = (...fields: string[]) => digestChallenge(fields)?.parameters.get("algorithm");
  assertEquals(algorithm(sha512, sha256, md5), "SHA-256");
  assertEquals(algorithm(md5, sha256), "MD5");
  assertEquals(algorithm(`Basic realm="x", ${sha512}, ${sha256}, Negotiate`), "SHA-256");
  assertEquals(algorithm("Negotiate YII=, " + md5), "MD5");
  assertEquals(digestChallenge([]), null);
  assertEquals(digestChallenge(['Basic realm="x"', sha512]), null);
  assertEquals(digestChallenge(['Digest realm="x"']), null);
  assertEquals(digestChallenge(['Digest nonce="x"']), null);
  assertEquals(digestChallenge(['Digest realm="x", nonce="y", qop="auth-int"']), null);
  assertEquals(digestChallenge(['Digest realm="x", nonce="y", algorithm=constructor']), null);
});

test("challenges are read from any field, also a broken one", () => {
  const plain = (text: string) =>
    parseChallenges(text).map(({ scheme, parameters }): [string, Record<string, string>] => [
      scheme,
      Object.fromEntries(parameters),
    ]);
  assertEquals(plain(""), []);
  assertEquals(plain("  , ,"), []);
  assertEquals(plain('Basic realm="a, \\"b\\"", charset="UTF-8" ,DIGEST Realm = x , Nonce="y"'), [
    ["basic", { realm: 'a, "b"', charset: "UTF-8" }],
    ["digest", { realm: "x", nonce: "y" }],
  ]);
  assertEquals(plain("realm=x, Basic realm=y"), [["basic", { realm: "y" }]]);
  assertEquals(plain('Digest realm="unended'), [["digest", {}], ["realm", {}]]);
  assertEquals(plain('Digest realm="unended, nonce=x').at(-1)?.[0], "realm");
  assertEquals(plain("@@@, Basic realm=y"), [["basic", { realm: "y" }]]);
});

test("-sess hashes the nonces in once more", () => {
  const fields = credentialsFor('Digest realm="r", nonce="n", algorithm=MD5-sess, qop=auth');
  const a1 = md5(`${md5("joe:r:secret")}:n:c`);
  assertEquals(fields.response, md5(`${a1}:n:00000001:c:auth:${md5("GET:/")}`));
  assertEquals([fields.algorithm, fields.cnonce], ["MD5-sess", "c"]);
});

test("a server without qop or algorithm gets RFC 2069's response", () => {
  assertEquals(credentialsFor('Digest realm="r", nonce="n"', { uri: "/a?b=c" }), {
    username: "joe",
    realm: "r",
    nonce: "n",
    uri: "/a?b=c",
    response: md5(`${md5("joe:r:secret")}:n:${md5("GET:/a?b=c")}`),
  });
  assertEquals(credentialsFor('Digest realm="r", nonce="n", algorithm=MD5-sess').cnonce, "c");
});

test("quotes and backslashes of realm and name come back escaped", () => {
  const challenge: Challenge = {
    scheme: "digest",
    parameters: new Map([["realm", 'a "b" \\c'], ["nonce", "n"], ["qop", "auth"]]),
  };
  const text = digestCredentials(challenge, { ...MUFASA, username: 'jo"e' }, hasher);
  assert(text.includes('username="jo\\"e"'));
  assert(text.includes('realm="a \\"b\\" \\\\c"'));
});

test("userhash hides the name, as in RFC 7616 section 3.9.2", () => {
  // The example's name, and its hash; the algorithm there is SHA-512-256.
  const username = "J\u00e4s\u00f8n Doe";
  const fields = credentialsFor(
    'Digest realm="api@example.org", nonce="n", qop=auth, algorithm=SHA-256, charset=UTF-8, userhash=true',
    {
      username,
      password: "Secret, or not?",
    },
  );
  const sha256 = (text: string) => createHash("sha256").update(text, "utf8").digest("hex");
  assertEquals(fields.username, sha256(`${username}:api@example.org`));
  assertEquals(fields.userhash, "true");
  const a1 = sha256(`${username}:api@example.org:Secret, or not?`);
  assertEquals(fields.response, sha256(`${a1}:n:00000001:c:auth:${sha256("GET:/")}`));
});

test("name and password beyond ASCII are hashed as UTF-8; the name goes by RFC 8187 where the server speaks of UTF-8", () => {
  const request = { username: "J\u00e4son (1)", password: "p\u00e4ss" };
  const utf8 = credentialsFor('Digest realm="r", nonce="n", qop=auth, charset=UTF-8', request);
  assertEquals(utf8["username*"], "UTF-8''J%C3%A4son%20%281%29");
  const octets = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));
  const response = (a1: string) => md5(`${md5(a1)}:n:00000001:c:auth:${md5("GET:/")}`);
  assertEquals(utf8.response, response(octets("J\u00e4son (1):r:p\u00e4ss")));
  // Decomposed on input, composed on the wire.
  assertEquals(
    credentialsFor('Digest realm="r", nonce="n", qop=auth, charset=UTF-8', {
      username: "Ja\u0308son (1)",
      password: "p\u00e4ss",
    }),
    utf8,
  );
  // To others as curl and browsers have it: the same octets, as they are.
  const plain = credentialsFor('Digest realm="r", nonce="n", qop=auth', request);
  assertEquals(plain.response, response(octets("J\u00e4son (1):r:p\u00e4ss")));
  assertEquals([plain.username, plain["username*"]], [octets("J\u00e4son (1)"), undefined]);
  const greek = { username: "\u03b1", password: "\u03b2" };
  assertEquals(
    credentialsFor('Digest realm="r", nonce="n", qop=auth', greek).response,
    response(octets("\u03b1:r:\u03b2")),
  );
});

test("stale", () => {
  const stale = (value: string) => isStale(digestChallenge([`Digest realm="r", nonce="n"${value}`])!);
  assertEquals([", stale=TRUE", ', stale="true"', ", stale=false", ""].map(stale), [true, true, false, false]);
});

test("credentials are sent once, and once more if only the nonce was too old", () => {
  const field = (nonce: string, stale = "") => `Digest realm="r", nonce="${nonce}"${stale}`;
  const next = (value: string, before: Challenge | null = null) =>
    nextChallenge([["Server", "x"], ["WWW-Authenticate", "Basic realm=r"], ["www-authenticate", value]], before);
  const first = next(field("1"))!;
  assertEquals(first.parameters.get("nonce"), "1");
  assertEquals(nextChallenge([["WWW-Authenticate", "Basic realm=r"]], null), null);
  assertEquals(nextChallenge([], first), null);
  // The credentials are wrong.
  assertEquals(next(field("1"), first), null);
  assertEquals(next(field("2"), first), null);
  // The nonce is the same, and would be as old again.
  assertEquals(next(field("1", ", stale=true"), first), null);
  const second = next(field("2", ", stale=true"), first)!;
  assertEquals(second.parameters.get("nonce"), "2");
  // A server that calls every nonce stale is given up.
  assertEquals(next(field("3", ", stale=true"), second), null);
});

test("a malicious field costs little, and one that is too long is ignored", () => {
  const began = performance.now();
  for (const unit of [",", " ", "a", "@,", 'a="\\",', 'a="', "a=", "a ,"]) {
    const text = unit.repeat(Math.floor(8192 / unit.length));
    parseChallenges(text);
    parseChallenges(`Digest realm="${text}`);
    assertEquals(parseChallenges(`Digest realm="${"x".repeat(8192)}"`), []);
  }
  const took = performance.now() - began;
  assert(took < 1000, `it took ${took} ms`);
});
