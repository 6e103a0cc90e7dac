/**
 * The smallest libcurl connection the polling strategies can share: connect-only, `curl_easy_recv`, a mini frame parser.
 * It is the loop this project replaces, kept here to be measured; do not use it for anything else.
 */
import { libcurl } from "../../mod.ts";

type Handle = unknown;
type Functions<T> = { [Name in keyof T]: (...args: unknown[]) => unknown };

interface Curl {
  /** Returns libcurl's result code; the byte count is in `received`. */
  recv(offset: number): number;
  send(bytes: Uint8Array<ArrayBuffer>): number;
  received(): number;
  cleanup(): void;
}

interface DenoFfi {
  dlopen<T>(path: string, symbols: T): { symbols: Functions<T> };
  UnsafePointer: { of(value: Uint8Array): Handle; offset(pointer: Handle, by: number): Handle };
}

interface BunFfi {
  dlopen<T>(path: string, symbols: T): { symbols: Functions<T> };
  ptr(value: Uint8Array): number;
}

const CURLOPT_URL = 10002;
const CURLOPT_CONNECT_ONLY = 141;
const CURLOPT_TCP_NODELAY = 121;
const CURLOPT_BUFFERSIZE = 98;
const CURL_GLOBAL_ALL = 3;
const CURLE_OK = 0;
const CURLE_AGAIN = 81;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** The library that `CurlWebSocket` uses. */
const library = libcurl().path;

function check(code: unknown, what: string): void {
  if (code !== CURLE_OK) throw new Error(`${what} failed with libcurl code ${code}`);
}

function connectDeno(ffi: DenoFfi, url: string, buffer: Uint8Array<ArrayBuffer>): Curl {
  const setopt = "curl_easy_setopt";
  const { symbols } = ffi.dlopen(library, {
    curl_global_init: { parameters: ["i64"], result: "i32" },
    curl_easy_init: { parameters: [], result: "pointer" },
    setLong: { name: setopt, parameters: ["pointer", "i32", "i64"], result: "i32" },
    setString: { name: setopt, parameters: ["pointer", "i32", "buffer"], result: "i32" },
    curl_easy_perform: { parameters: ["pointer"], result: "i32" },
    curl_easy_recv: { parameters: ["pointer", "pointer", "usize", "buffer"], result: "i32" },
    curl_easy_send: { parameters: ["pointer", "buffer", "usize", "buffer"], result: "i32" },
    curl_easy_cleanup: { parameters: ["pointer"], result: "void" },
  });
  const { curl_easy_recv: easyRecv, curl_easy_send: easySend } = symbols;
  check(symbols.curl_global_init(BigInt(CURL_GLOBAL_ALL)), "curl_global_init");
  const easy = symbols.curl_easy_init();
  symbols.setString(easy, CURLOPT_URL, encoder.encode(`${url}\0`));
  symbols.setLong(easy, CURLOPT_CONNECT_ONLY, 1n);
  symbols.setLong(easy, CURLOPT_TCP_NODELAY, 1n);
  symbols.setLong(easy, CURLOPT_BUFFERSIZE, 524288n);
  check(symbols.curl_easy_perform(easy), "curl_easy_perform");
  const count = new BigUint64Array(1);
  const countBytes = new Uint8Array(count.buffer);
  const base = ffi.UnsafePointer.of(buffer);
  return {
    recv(offset) {
      const at = offset === 0 ? base : ffi.UnsafePointer.offset(base, offset);
      return easyRecv(easy, at, BigInt(buffer.length - offset), countBytes) as number;
    },
    send: (bytes) => easySend(easy, bytes, BigInt(bytes.length), countBytes) as number,
    received: () => Number(count[0]),
    cleanup: () => void symbols.curl_easy_cleanup(easy),
  };
}

async function connectBun(url: string, buffer: Uint8Array<ArrayBuffer>): Promise<Curl> {
  const specifier: string = "bun:ffi";
  const ffi = await import(specifier) as BunFfi;
  const { symbols } = ffi.dlopen(library, {
    curl_global_init: { args: ["i64"], returns: "i32" },
    curl_easy_init: { args: [], returns: "ptr" },
    curl_easy_setopt: { args: ["ptr", "i32", "i64"], returns: "i32" },
    curl_easy_perform: { args: ["ptr"], returns: "i32" },
    curl_easy_recv: { args: ["ptr", "ptr", "usize", "ptr"], returns: "i32" },
    curl_easy_send: { args: ["ptr", "ptr", "usize", "ptr"], returns: "i32" },
    curl_easy_cleanup: { args: ["ptr"], returns: "void" },
  });
  const { curl_easy_recv: easyRecv, curl_easy_send: easySend } = symbols;
  check(symbols.curl_global_init(CURL_GLOBAL_ALL), "curl_global_init");
  const easy = symbols.curl_easy_init();
  const urlBytes = encoder.encode(`${url}\0`);
  symbols.curl_easy_setopt(easy, CURLOPT_URL, ffi.ptr(urlBytes));
  symbols.curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1);
  symbols.curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1);
  symbols.curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 524288);
  check(symbols.curl_easy_perform(easy), "curl_easy_perform");
  const count = new BigUint64Array(1);
  const countPointer = ffi.ptr(new Uint8Array(count.buffer));
  const base = ffi.ptr(buffer);
  return {
    recv: (offset) => easyRecv(easy, base + offset, buffer.length - offset, countPointer) as number,
    send: (bytes) => easySend(easy, ffi.ptr(bytes), bytes.length, countPointer) as number,
    received: () => Number(count[0]),
    cleanup: () => void symbols.curl_easy_cleanup(easy),
  };
}

/** A connected WebSocket to poll: `poll` makes one `curl_easy_recv` call and passes on the whole text messages. */
export class RawConnection {
  polls = 0;
  readonly #curl: Curl;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  #length = 0;
  #upgraded = false;

  private constructor(curl: Curl, buffer: Uint8Array<ArrayBuffer>) {
    this.#curl = curl;
    this.#buffer = buffer;
  }

  static async open(url: string): Promise<RawConnection> {
    const { host, pathname, search } = new URL(url);
    const buffer = new Uint8Array(1 << 17);
    const deno = (globalThis as { Deno?: DenoFfi }).Deno;
    const target = `http://${host}`;
    const curl = deno ? connectDeno(deno, target, buffer) : await connectBun(target, buffer);
    const request = [
      `GET ${pathname}${search} HTTP/1.1`,
      `Host: ${host}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version: 13",
      "\r\n",
    ].join("\r\n");
    check(curl.send(encoder.encode(request)), "curl_easy_send");
    return new RawConnection(curl, buffer);
  }

  /** Frees libcurl's handle: call it once. */
  close(): void {
    this.#curl.cleanup();
  }

  /** Returns whether bytes arrived. */
  poll(onText: (text: string) => void): boolean {
    this.polls++;
    const code = this.#curl.recv(this.#length);
    if (code === CURLE_AGAIN) return false;
    check(code, "curl_easy_recv");
    const received = this.#curl.received();
    if (received === 0) throw new Error("the server closed the connection");
    this.#length += received;
    this.#parse(onText);
    return true;
  }

  #parse(onText: (text: string) => void): void {
    const buffer = this.#buffer;
    const end = this.#length;
    let at = 0;
    if (!this.#upgraded) {
      const headers = decoder.decode(buffer.subarray(0, end)).indexOf("\r\n\r\n");
      if (headers < 0) return;
      this.#upgraded = true;
      at = headers + 4;
    }
    while (end - at >= 2) {
      let size = buffer[at + 1]! & 127;
      let header = 2;
      if (size === 126) {
        if (end - at < 4) break;
        size = (buffer[at + 2]! << 8) | buffer[at + 3]!;
        header = 4;
      }
      if (end - at < header + size) break;
      if ((buffer[at]! & 15) === 1) onText(decoder.decode(buffer.subarray(at + header, at + header + size)));
      at += header + size;
    }
    buffer.copyWithin(0, at, end);
    this.#length = end - at;
  }
}
