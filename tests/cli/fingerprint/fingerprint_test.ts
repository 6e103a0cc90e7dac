/** `curlws --fingerprint`: compared with what a server sees of the same options. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { HelloServer } from "../../support/client_hello.ts";
import { type LibcurlName, libcurlNamed, whyNoLibcurl } from "../../support/libcurls.ts";
import { test } from "../../support/testing.ts";
import { CLI, curlws, type Result, run } from "../support.ts";

/** What `--json` prints. */
interface Report {
  url: string;
  tls: { ja3: string; ja3Hash: string; ja4: string; alpn: string[] } | null;
  proxyRequest: string[] | null;
  request: string[] | null;
}

async function report(args: string[], env: Record<string, string> = {}): Promise<Report> {
  const { code, out, err } = await run([...CLI, "--fingerprint", "--json", ...args], { wss_proxy: "", ...env });
  assertEquals([code, err], [0, ""]);
  assertEquals(out.trimEnd().split("\n").length, 1);
  return JSON.parse(out);
}

const FIELDS = [
  "-b",
  "session=38afes7a8",
  "-H",
  "X-Api-Key: hush",
  "-H",
  "Authorization: Bearer hush",
  "-s",
  "v1.feed",
];
/** A line without the value that is another each time. */
const plain = (line: string) => line.replace(/^(Sec-WebSocket-Key:).*/, "$1");

/** Registers a test that what is printed is what goes out, of some browser. */
function compares(name: LibcurlName | null, args: string[]): void {
  test(`--fingerprint ${args.join(" ")} is what a server sees (libcurl ${name ?? "that is found"})`, async () => {
    await using server = await HelloServer.start();
    const all = [...args, ...FIELDS, "--url-query", "depth=10", server.url("/feed")];
    const env = { CURLWS_LIBCURL: name === null ? "" : libcurlNamed(name)! };
    const accepted = server.raw.connection().then(async (peer) => {
      const request = await peer.accept();
      await peer.end();
      return request;
    });
    const [printed] = await Promise.all([
      report(["-v", ...all], env),
      run([...CLI, "-k", "--listen", "--noproxy", "*", ...all], env),
    ]);
    const { ja3, ja3Text, ja4, alpn } = await server.hello();
    assertEquals(printed.tls!.alpn, [...alpn]);
    assertEquals(printed.tls!.ja4, ja4);
    // Chrome's is another one each time.
    if (!args.includes("chrome")) assertEquals([printed.tls!.ja3, printed.tls!.ja3Hash], [ja3Text, ja3]);
    const lines = (await accepted).slice(0, -4).split("\r\n");
    assertEquals(printed.request!.map(plain), lines.map(plain));
    assert(printed.request!.some((line) => line.includes("hush")));
  }, { skip: name === null ? undefined : whyNoLibcurl(name), timeout: 20_000 });
}

compares(null, []);
compares(null, ["--tls-max", "1.2", "--no-compress", "-A", "bot"]);
compares("impersonate-7.84", ["--impersonate", "safari"]);
compares("impersonate-8.21", ["--impersonate", "firefox", "--sigalgs", "ecdsa_secp256r1_sha256,rsa_pss_rsae_sha256"]);
compares("impersonate-8.23", ["--impersonate", "chrome"]);

const secrets = ["-u", "joe:hush", "-b", "session=hush", "-H", "X-Api-Key: hush", "--url-query", "token=hush"];

test("--fingerprint shows no secret, unless -v asks for them", async () => {
  const [text, json, all] = await Promise.all([
    curlws(["--fingerprint", "--noproxy", "*", ...secrets]),
    curlws(["--fingerprint", "--noproxy", "*", "--json", ...secrets]),
    curlws(["--fingerprint", "--noproxy", "*", "-v", ...secrets]),
  ]);
  for (const { code, out, err } of [text, json]) {
    assertEquals([code, err, out.includes("hush"), out.includes(btoa("joe:hush"))], [0, "", false, false]);
    assertMatch(out, /Authorization: \(\d+ characters\)/);
    assertMatch(out, /Cookie: \(12 characters\)/);
  }
  assertMatch(
    text.out,
    /^JA3 {3}[\da-f]{32}\n {6}771,[\d,-]+\nJA4 {3}t1[23]d\w+_\w+_\w+\nALPN {2}http\/1\.1\n\nGET \/\?token=… HTTP\/1\.1\nHost: example\.com\n/,
  );
  assertMatch(
    all.out,
    new RegExp(`\\?token=hush [^]*Authorization: Basic ${btoa("joe:hush")}\n[^]*Cookie: session=hush`),
  );
  assertEquals([all.code, all.err], [0, ""]);
}, { timeout: 20_000 });

test("--fingerprint asks nobody: what leads elsewhere is left out, and what changes a byte is not", async () => {
  const elsewhere = [
    "--interface",
    "nowhere0",
    "--unix-socket",
    "/nowhere",
    "-6",
    "--doh-url",
    "https://127.0.0.1:9/q",
  ];
  const more = ["--resolve", "a.example:443:192.0.2.1", "--connect-to", "::192.0.2.1:9", "--cacert", "/nowhere.pem"];
  const [direct, plainText, proxied] = await Promise.all([
    report([...elsewhere, ...more, "--capath", "/nowhere", "--dns-servers", "192.0.2.1", "wss://a.example:8443/x"]),
    report(["ws://[2001:db8::1]:81/x"]),
    report(["-x", "http://joe:hush@proxy.example:3128", "--proxy-header", "X-Id: 7", "--noproxy", "b.example"]),
  ]);
  assertEquals(direct.request!.slice(0, 2), ["GET /x HTTP/1.1", "Host: a.example:8443"]);
  assertMatch(direct.tls!.ja4, /^t1[23]d/);
  assertEquals([plainText.tls, plainText.request!.slice(0, 2)], [null, ["GET /x HTTP/1.1", "Host: [2001:db8::1]:81"]]);
  assertEquals([direct.proxyRequest, plainText.proxyRequest], [null, null]);
  assertEquals(proxied.proxyRequest!.slice(0, 2), ["CONNECT example.com:443 HTTP/1.1", "Host: example.com:443"]);
  assert(proxied.proxyRequest!.some((line) => /^Proxy-Authorization: \(\d+ characters\)$/.test(line)));
  assert(proxied.proxyRequest!.some((line) => line.startsWith("X-Id: ")));
  assertEquals(proxied.request![1], "Host: example.com");
  // The environment's proxy gets one too, and not for the hosts that go without.
  const env = { https_proxy: "http://127.0.0.1:9", no_proxy: "a.example" };
  const [named, without] = await Promise.all([report([], env), report(["wss://a.example/"], env)]);
  assertEquals([named.proxyRequest?.[0], without.proxyRequest], ["CONNECT example.com:443 HTTP/1.1", null]);
}, { timeout: 20_000 });

test("--fingerprint says why nothing was sent, and exits as the connection would", async () => {
  const [url, scheme, option, ja3] = await Promise.all([
    curlws(["--fingerprint", "feed"]),
    curlws(["--fingerprint", "ftp://a.example/"]),
    curlws(["--fingerprint", "--impersonate", "netscape", "--tls-grease"]),
    curlws(["--fingerprint", "--ja3", "771,4865,0-11-10-17613,29,0"]),
  ]);
  assertEquals([url, scheme, option, ja3].map(({ code, out }) => [code, out]), [[2, ""], [2, ""], [2, ""], [2, ""]]);
  assertMatch(url.err, /there is no command "feed"/);
  assertMatch(
    option.err,
    /--impersonate: "netscape" is unknown; known are chrome, edge, firefox, safari, chrome_android/,
  );
  assertMatch(ja3.err, /--ja3: the extension 17613 \(application_settings\) belongs to HTTP\/2/);
}, { timeout: 20_000 });

test(
  "--fingerprint shows the ClientHello that is not the one that was asked for (libcurl impersonate-8.23)",
  async () => {
    const args = ["--fingerprint", "--noproxy", "*", "--ja3", "771,4865-47,0-10-13-43-51,29,"];
    const { code, out, err }: Result = await run([...CLI, ...args], {
      CURLWS_LIBCURL: libcurlNamed("impersonate-8.23")!,
    });
    assertEquals(code, 4);
    assertMatch(out, /^JA3 {3}\w{32}\n {6}771,4865-4866-4867-47,0-10-13-43-51,29,\n[^]*\n\nno request was sent\n$/);
    assertMatch(err, /not the one that was asked for: it has also the ciphers 4866 .*, 4867 .*; change these parts/);
  },
  { skip: whyNoLibcurl("impersonate-8.23"), timeout: 20_000 },
);
