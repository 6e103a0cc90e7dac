/** The scenarios of the torture tests, each of which runs again and again, with one failing call each time. */
import type { ProxyOption } from "../../mod.ts";
import { CaSources } from "../../src/curl/ca_source.ts";
import type { Bench, Subject } from "./subject.ts";

/** One scenario. Nothing in it may hang, whatever fails: every wait ends with the socket. */
export interface Scenario {
  /** Whether its connections are encrypted. */
  readonly secure?: boolean;
  /** Runs in a Worker of its own, where everything is made for the first time. */
  readonly cold?: boolean;
  /** What it comes to depends on the time it takes. */
  readonly varies?: boolean;
  run(bench: Bench): Promise<void>;
}

/** Returns bytes that differ from place to place, and do not compress to nothing. */
function noise(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) bytes[i] = (state = Math.imul(state, 1_103_515_245) + 12_345 | 0) >>> 16;
  return bytes;
}

const TEXT = "some text, äöü 😀. ";
/** More than two of the buffers that messages are sent from hold. */
const LARGE = noise(700_000, 1);
/** Compresses well, and is more than zlib returns by one call. */
const COMPRESSIBLE = TEXT.repeat(8_000);

async function end(subject: Subject): Promise<void> {
  subject.socket.close(1000);
  await subject.closed;
}

/** Opens, does something, and closes. */
async function withSocket(subject: Subject | null, use: (subject: Subject) => Promise<void>): Promise<void> {
  if (subject === null) return;
  if (await subject.opened) {
    await use(subject);
    subject.socket.close(1000);
  }
  await subject.closed;
}

async function many(bench: Bench, count: number): Promise<void> {
  const subjects = Array.from({ length: count }, () => bench.socket("/echo"));
  await Promise.all(subjects.map((subject, i) => withSocket(subject, (subject) => subject.echo(`I am ${i}`))));
}

const small = (subject: Subject) => subject.echo("hello", noise(100, 2));

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  ws: { run: (bench) => withSocket(bench.socket("/echo"), small) },
  wss: { secure: true, run: (bench) => withSocket(bench.socket("/echo", { secure: true }), small) },
  proxy: {
    run: (bench) => withSocket(bench.socket("/echo", { proxy: `http://127.0.0.1:${bench.place.proxy}` }), small),
  },
  "proxy wss": {
    secure: true,
    run: (bench) =>
      withSocket(
        bench.socket("/echo", {
          secure: true,
          proxy: { url: `http://127.0.0.1:${bench.place.proxy}`, headers: { "X-A": "b", "X-C": "d" } },
        }),
        small,
      ),
  },
  "https proxy": {
    secure: true,
    run: (bench) => withSocket(bench.socket("/echo", { proxy: secureProxy(bench) }), small),
  },
  "https proxy wss": {
    secure: true,
    run: (bench) => withSocket(bench.socket("/echo", { secure: true, proxy: secureProxy(bench) }), small),
  },
  "the system's CAs": {
    secure: true,
    run: (bench) => {
      // What a thread decides once, here each time, of a system of its own.
      const { ca, cas } = bench.place, defaults = { file: `${cas}/bundle.pem`, folder: cas };
      const library = { tls: "OpenSSL/3.0.0", versionNumber: 0x075801, defaults };
      try {
        bench.note(new CaSources(() => 0).find(library, defaults).way);
      } catch (error) {
        // Out of memory, as for all that a connection needs.
        bench.note((error as Error).name);
      }
      return withSocket(bench.socket("/echo", { secure: true, tls: { extraCa: ca } }), small);
    },
  },
  refusal: { run: (bench) => withSocket(bench.socket("/refuse"), small) },
  redirect: {
    run: (bench) =>
      withSocket(
        bench.socket("/redirect", { maxRedirects: 3, cookies: bench.jar(false) }),
        (subject) => small(subject),
      ),
  },
  "redirect, a jar of promises": {
    run: (bench) =>
      withSocket(
        bench.socket("/redirect", { maxRedirects: 3, cookies: bench.jar(true), signal: bench.abort.signal }),
        small,
      ),
  },
  options: {
    secure: true,
    run: (bench) => {
      const { ca, cert, key, wss } = bench.place;
      const bytes = (pem: string) => new TextEncoder().encode(pem);
      return withSocket(
        bench.socket("/cookie", {
          secure: true,
          tls: { extraCa: ca, ca: bytes(ca), cert: bytes(cert), key: bytes(key), serverName: "localhost" },
          auth: { username: "a", password: "b", type: "digest" },
          resolve: { [`localhost:${wss}`]: "127.0.0.1" },
          cookies: bench.jar(true),
          signal: bench.abort.signal,
        }),
        small,
      );
    },
  },
  // With a plain libcurl it fails at once: CURLWS_LIBCURL names one that has more to say.
  "a ClientHello by its parts": {
    secure: true,
    run: (bench) =>
      withSocket(
        bench.socket("/echo", {
          secure: true,
          impersonate: { base: "chrome", signatureAlgorithms: ["ecdsa_secp256r1_sha256"], keyShares: 1 },
        }),
        small,
      ),
  },
  "send large": {
    run: (bench) =>
      withSocket(bench.socket("/echo", { perMessageDeflate: false }), (subject) => subject.echo(LARGE, "small", LARGE)),
  },
  "send large, wss": {
    secure: true,
    run: (bench) =>
      withSocket(
        bench.socket("/echo", { secure: true, perMessageDeflate: false }),
        (subject) => subject.echo(LARGE, "small"),
      ),
  },
  receive: { run: (bench) => withSocket(bench.socket("/burst"), (subject) => receive(bench, subject)) },
  "receive, wss": {
    secure: true,
    run: (bench) =>
      withSocket(
        bench.socket("/burst", { secure: true, perMessageDeflate: false }),
        (subject) => receive(bench, subject),
      ),
  },
  compressed: {
    run: (bench) =>
      withSocket(
        bench.socket("/echo", { perMessageDeflate: { threshold: 0 } }),
        async (subject) => {
          await subject.echo("small", COMPRESSIBLE, noise(90_000, 3), "", COMPRESSIBLE);
          await subject.echo("another");
        },
      ),
  },
  "compressed, each by itself": {
    run: (bench) =>
      withSocket(
        bench.socket("/echo", {
          perMessageDeflate: { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
        }),
        async (subject) => {
          await subject.echo(TEXT.repeat(20), COMPRESSIBLE, TEXT.repeat(20));
          await subject.echo("another");
        },
      ),
  },
  ping: {
    run: (bench) =>
      withSocket(bench.socket("/echo", { pingInterval: 1_000, idleTimeout: 3_000 }), async (subject) => {
        const pong = new Promise<void>((resolve) => {
          subject.socket.addEventListener("pong", () => resolve(), { once: true });
        });
        if (subject.socket.readyState !== 1) return;
        subject.socket.ping("a ping of ours");
        await Promise.race([pong, subject.closed]);
        await subject.echo("ping me", "and on");
      }),
  },
  "the server closes": {
    run: (bench) =>
      withSocket(bench.socket("/close?code=4001&reason=bye"), async (subject) => {
        subject.send("go");
        await subject.closed;
      }),
  },
  "the server closes, wss": {
    secure: true,
    run: (bench) =>
      withSocket(bench.socket("/close?code=4001&reason=bye", { secure: true }), async (subject) => {
        subject.send("go");
        await subject.closed;
      }),
  },
  "close behind a queue": {
    run: (bench) =>
      withSocket(bench.socket("/echo"), async (subject) => {
        subject.send(LARGE);
        subject.send(new Blob([TEXT]));
        await end(subject);
      }),
  },
  terminate: {
    run: (bench) =>
      withSocket(bench.socket("/echo"), async (subject) => {
        subject.send(LARGE);
        subject.socket.terminate();
        await subject.closed;
      }),
  },
  "abort at once": { run: (bench) => aborted(bench, () => Promise.resolve()) },
  "abort while it connects": {
    varies: true,
    run: (bench) => aborted(bench, () => new Promise((resolve) => setTimeout(resolve, 0))),
  },
  "abort in the handshake": {
    varies: true,
    run: (bench) => aborted(bench, () => new Promise((resolve) => setTimeout(resolve, 2))),
  },
  pause: {
    run: (bench) =>
      withSocket(bench.socket("/burst"), async (subject) => {
        await subject.next();
        subject.socket.pause();
        setTimeout(() => subject.socket.resume(), 5);
        while (await subject.next() !== "the end" && subject.socket.readyState !== 3);
      }),
  },
  "for await": {
    run: (bench) =>
      withSocket(bench.socket("/burst"), async (subject) => {
        try {
          for await (const message of subject.socket) if (message === "the end") break;
        } catch (error) {
          bench.documented("for await", error);
        }
      }),
  },
  stream: {
    async run(bench) {
      const stream = bench.stream("/echo", { signal: bench.abort.signal });
      if (stream === null) return;
      try {
        const closed = stream.closed.then((end) => bench.note(`closed ${end.closeCode}`));
        closed.catch(() => {});
        const { readable, writable } = await stream.opened;
        const writer = writable.getWriter(), reader = readable.getReader();
        // An error comes from each of them.
        writer.closed.catch(() => {});
        reader.closed.catch(() => {});
        await writer.write("hello");
        const { value } = await reader.read();
        if (value !== undefined && value !== "hello") bench.faults.problems.push(`the stream read ${value}`);
        stream.close({ closeCode: 1000 });
        await closed;
      } catch (error) {
        // A WebSocketError is for a close that was not clean; its cause is our error, if there was one.
        const { name, cause } = error as Error;
        const lost = name === "WebSocketError" && cause === undefined;
        bench.note(`stream: ${lost ? name : bench.documented("the stream", cause ?? error)}`);
      }
    },
  },
  "a getter": {
    async run(bench) {
      const headers = {
        get "X-A"(): string {
          bench.hook("getter", null);
          return "a";
        },
      };
      await withSocket(bench.socket("/echo", { headers }), async (subject) => {
        const text = {
          toString() {
            bench.hook("toString", null);
            return "text";
          },
        };
        if (subject.send(text as unknown as string)) await subject.next();
      });
    },
  },
  "nine sockets": { run: (bench) => many(bench, 9) },
  "in a Worker": { cold: true, run: (bench) => withSocket(bench.socket("/echo"), small) },
  "in a Worker, wss and compressed": {
    cold: true,
    secure: true,
    run: (bench) =>
      withSocket(
        bench.socket("/echo", { secure: true, perMessageDeflate: { threshold: 0 } }),
        (subject) => subject.echo("small", COMPRESSIBLE),
      ),
  },
  "in a Worker, nine sockets": { cold: true, run: (bench) => many(bench, 9) },
};

function secureProxy({ place }: Bench): ProxyOption {
  return { url: `https://127.0.0.1:${place.secureProxy}`, tls: { ca: place.ca } };
}

async function receive(bench: Bench, subject: Subject): Promise<void> {
  let count = 0;
  for (;;) {
    const data = await subject.next();
    if (data === undefined) return;
    if (data === "the end") break;
    const bytes = new Uint8Array(data as ArrayBuffer);
    if (bytes.some((byte) => byte !== (bytes.length & 0xff))) bench.faults.problems.push("wrong bytes were received");
    count++;
  }
  subject.note(`received ${count}`);
}

async function aborted(bench: Bench, wait: () => Promise<void>): Promise<void> {
  const subject = bench.socket("/echo", { signal: bench.abort.signal });
  if (subject === null) return;
  await wait();
  bench.abort.abort(new Error("torture: aborted"));
  if (subject.socket.readyState === 1) subject.socket.close();
  else subject.opened.then((opened) => opened && subject.socket.close());
  await subject.closed;
}
