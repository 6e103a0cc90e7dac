import { createHash } from "node:crypto";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { CurlWebSocket, type CurlWebSocketOptions } from "../../mod.ts";
import { failed, opened } from "../support/events.ts";
import { RawServer } from "../support/raw_server.ts";
import { test } from "../support/testing.ts";

type Auth = CurlWebSocketOptions["auth"];

/** All values of a field in a request. */
function values(request: string, name: string): string[] {
  return [...request.matchAll(new RegExp(`^${name}: (.*)\\r$`, "gim"))].map(([, value]) => value!);
}

/** What Authorization a socket sends. */
async function authorization(auth: Auth, userinfo = ""): Promise<string[]> {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url().replace("//", `//${userinfo}`), { auth, proxy: false });
  const open = opened(socket);
  const request = await (await server.connection()).accept();
  await open;
  socket.terminate();
  return values(request, "authorization");
}

test("Basic: username and password are sent in UTF-8, without waiting for a challenge", async () => {
  assertEquals(await authorization({ username: "joe", password: "a:b" }), [`Basic ${btoa("joe:a:b")}`]);
  assertEquals(await authorization({ username: "", password: "" }), [`Basic ${btoa(":")}`]);
  // RFC 7617 section 2.1's example.
  assertEquals(await authorization({ username: "test", password: "123\u00a3" }), ["Basic dGVzdDoxMjPCow=="]);
});

test("Bearer: the token is sent", async () => {
  assertEquals(await authorization({ bearer: "mF_9.B5f-4.1JqM" }), ["Bearer mF_9.B5f-4.1JqM"]);
});

test("auth overrides the URL's username and password", async () => {
  assertEquals(await authorization({ bearer: "t" }, "u:p@"), ["Bearer t"]);
  assertEquals(await authorization({ username: "u", password: "p", type: "digest" }, "u:p@"), []);
  assertEquals(await authorization(undefined, "u:p@"), [`Basic ${btoa("u:p")}`]);
});

test("an invalid auth is a TypeError that names it, without the password", () => {
  const wrong: [unknown, string][] = [
    [{}, "auth.username"],
    [{ username: "u" }, "auth.password"],
    [{ username: "u", password: 7 }, "auth.password"],
    [{ username: "u", password: "hush\r\n" }, "auth.password"],
    [{ username: "u:v", password: "hush" }, "auth.username"],
    [{ username: "u", password: "hush", type: "ntlm" }, "auth.type"],
    [{ bearer: "" }, "auth.bearer"],
    [{ bearer: "a b" }, "auth.bearer"],
    [{ bearer: "t", username: "u" }, "either bearer"],
    [{ token: "t" }, "unknown auth option token"],
    ["hush", "auth options must be an object"],
    [null, "auth"],
  ];
  for (const [auth, why] of wrong) {
    const error = assertThrows(() => new CurlWebSocket("ws://127.0.0.1:9/", { auth: auth as Auth }), TypeError, why);
    if (typeof auth !== "string") assert(!error.message.includes("hush"), error.message);
  }
  assertThrows(
    () => new CurlWebSocket("ws://127.0.0.1:9/", { auth: { bearer: "t" }, headers: { authorization: "x" } }),
    TypeError,
    "auth and the authorization of headers",
  );
});

const HASHES = { "MD5": "md5", "SHA-256": "sha256", "SHA-256-sess": "sha256" } as const;

/** A server's side of RFC 7616, written apart from the client's: whether credentials are right for joe and secret. */
function isRight(credentials: string, algorithm: keyof typeof HASHES, nonce: string, uri: string): boolean {
  const hash = (...parts: string[]) => createHash(HASHES[algorithm]).update(parts.join(":")).digest("hex");
  const field = (name: string) => new RegExp(`[ ,]${name}="?([^",]*)"?(,|$)`).exec(credentials)?.[1] ?? "";
  const secret = hash("joe", "a realm", "secret");
  const first = algorithm.endsWith("-sess") ? hash(secret, nonce, field("cnonce")) : secret;
  const response = hash(first, nonce, field("nc"), field("cnonce"), field("qop"), hash("GET", uri));
  return field("response") === response && field("nonce") === nonce && field("uri") === uri &&
    field("qop") === "auth" &&
    field("opaque") === "o" && field("username") === "joe" && field("realm") === "a realm";
}

const refusal = (challenges: string[], body = "no") =>
  [
    "HTTP/1.1 401 Unauthorized",
    ...challenges.map((each) => `WWW-Authenticate: ${each}`),
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");

const digest = (nonce: string, rest = "", algorithm = "MD5") =>
  `Digest realm="a realm", nonce="${nonce}", opaque="o", algorithm=${algorithm}, qop="auth-int,auth"${rest}`;

const JOE: Auth = { username: "joe", password: "secret", type: "digest" };

for (const algorithm of Object.keys(HASHES) as (keyof typeof HASHES)[]) {
  test(`Digest with ${algorithm}: the response to the challenge uses another connection`, async () => {
    await using server = await RawServer.start();
    const socket = new CurlWebSocket(server.url("/feed?a=b"), { auth: JOE, proxy: false, headers: { "X-Own": "1" } });
    const open = opened(socket);
    const first = await server.connection();
    assertEquals(values(await first.request(), "authorization"), []);
    const others = ['Basic realm="x"', digest("n1", "", "SHA-512-256")];
    await first.send(refusal([...others, digest("n1", "", algorithm)]));
    const second = await server.connection();
    const request = await second.accept();
    await open;
    socket.terminate();
    const [credentials = ""] = values(request, "authorization");
    assert(isRight(credentials, algorithm, "n1", "/feed?a=b"), credentials);
    assertEquals(values(request, "x-own"), ["1"]);
    assertEquals(await first.frame(), undefined, "the first connection is ended");
  });
}

test("Digest: rejected credentials are an error, and are not tried again", async () => {
  await using server = await RawServer.start();
  const failure = failed(new CurlWebSocket(server.url(), { auth: JOE, proxy: false }));
  const { error } = await answerAll(server, failure, [refusal([digest("n1")]), refusal([digest("n2")], "wrong")]);
  assertEquals([error.code, error.status], ["ERR_HANDSHAKE_STATUS", 401]);
  assertEquals(new TextDecoder().decode(error.body), "wrong");
  assert(!error.message.includes("secret"));
});

/** Answers each connection of a server in turn. */
async function answerAll<T>(server: RawServer, end: Promise<T>, answers: string[]): Promise<T> {
  for (const answer of answers) {
    const peer = await server.connection();
    await peer.request();
    await peer.send(answer);
  }
  return await end;
}

test("Digest: a stale nonce is renewed once", async () => {
  await using server = await RawServer.start();
  const socket = new CurlWebSocket(server.url(), { auth: JOE, proxy: false });
  const open = opened(socket);
  await answerAll(server, Promise.resolve(), [refusal([digest("n1")]), refusal([digest("n2", ", stale=true")])]);
  const request = await (await server.connection()).accept();
  await open;
  socket.terminate();
  assert(isRight(values(request, "authorization")[0]!, "MD5", "n2", "/"));

  const stale = (nonce: string) => refusal([digest(nonce, ", stale=true")]);
  const failure = failed(new CurlWebSocket(server.url(), { auth: JOE, proxy: false }));
  const { error } = await answerAll(server, failure, [refusal([digest("n1")]), stale("n2"), stale("n3")]);
  assertEquals(error.status, 401);
});

test("Digest: a server that asks for another scheme is ERR_HANDSHAKE_STATUS", async () => {
  await using server = await RawServer.start();
  const failure = failed(new CurlWebSocket(server.url(), { auth: JOE, proxy: false }));
  const { error } = await answerAll(server, failure, [refusal(['Basic realm="x"', digest("n", "", "SHA-512-256")])]);
  assertEquals([error.code, error.status], ["ERR_HANDSHAKE_STATUS", 401]);
  assertMatch(error.message, /401/);
});

test("Digest: without auth, a challenge is an error", async () => {
  await using server = await RawServer.start();
  const failure = failed(
    new CurlWebSocket(server.url(), { auth: { username: "joe", password: "secret" }, proxy: false }),
  );
  const { error } = await answerAll(server, failure, [refusal([digest("n1")])]);
  assertEquals(error.status, 401);
});

test("an error for 401 tells missing credentials from rejected ones", async () => {
  await using server = await RawServer.start();
  const refusal = async (options: CurlWebSocketOptions, userinfo = "") => {
    const failure = failed(
      new CurlWebSocket(server.url().replace("//", `//${userinfo}`), { proxy: false, ...options }),
    );
    const peer = await server.connection();
    await peer.request();
    await peer.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    const { error } = await failure;
    return error.message.includes("does not accept the credentials") ? "not accepted" : "wanted";
  };
  assertEquals(await refusal({}), "wanted");
  assertEquals(await refusal({ auth: { username: "joe", password: "wrong" } }), "not accepted");
  assertEquals(await refusal({ auth: { bearer: "t" } }), "not accepted");
  assertEquals(await refusal({ headers: { authorization: "x" } }), "not accepted");
  assertEquals(await refusal({}, "joe:wrong@"), "not accepted");
  // Nothing is sent before a Digest challenge, and there is none.
  assertEquals(await refusal({ auth: { username: "joe", password: "wrong", type: "digest" } }), "wanted");
});
