/**
 * An entry of a HAR file (http://www.softwareishard.com/blog/har-12-spec/) for a WebSocket, as Chromium's DevTools write it:
 * the handshake, and the messages in `_webSocketMessages`. Pure.
 */
import type { ConnectionEnd, ConnectionInfo } from "../../mod.ts";
import { secretlessUrl, shownSubprotocols, shownValue } from "../../src/observe/redact.ts";

/** A name and a value, as HAR has header fields and parts of a query. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** What is known of a handshake when it has ended, well or not. */
export interface Handshake {
  readonly url: URL;
  /** When the attempt began, ms since 1970. */
  readonly startedAt: number;
  /** The request and the response, up to the empty line; null without a response. */
  readonly request: string;
  readonly response: string | null;
  /** What libcurl connected to; null if that is not known. */
  readonly info: ConnectionInfo | null;
  /** From the request to the response, ms. */
  readonly waited: number;
  /** Why there is no response, or null. */
  readonly error: string | null;
}

/** Fields that are left out with all that could be told of them. */
const LEFT_OUT = new Set(["authorization", "cookie", "cookie2", "proxy-authorization", "set-cookie", "set-cookie2"]);
export const OPCODE_TEXT = 1, OPCODE_BINARY = 2;

/** The closing brackets of a file whose last entry is whole, and of one in which an entry's messages may follow. */
export const TAIL = "\n]}}\n", OPEN_TAIL = `\n]}${TAIL}`;

/** The beginning of a file. */
export function headOf(version: string): string {
  return `{"log":{"version":"1.2","creator":{"name":"curlws","version":${
    JSON.stringify(version)
  }},"pages":[],"entries":[\n`;
}

/** An entry up to where its messages begin. Without `secrets` it has none of the handshake's, as far as they can be told. */
export function entryStart(handshake: Handshake, secrets: boolean): string {
  const { startedAt, info, request, response, error } = handshake;
  const url = secrets ? withoutUser(handshake.url) : secretlessUrl(handshake.url);
  const [status = 0, statusText = ""] = response === null ? [] : statusOf(response);
  const responseFields = response === null ? [] : fieldsOf(response, secrets);
  const timings = timingsOf(handshake);
  const { blocked, dns, connect, send, wait, receive } = timings;
  const direct = info !== null && info.proxy === null && info.remoteAddress !== "";
  const entry = {
    startedDateTime: new Date(startedAt).toISOString(),
    // TLS is part of connecting.
    time: [blocked, dns, connect, send, wait, receive].reduce((sum, time) => sum + Math.max(time, 0), 0),
    request: {
      method: "GET",
      url,
      httpVersion: "HTTP/1.1",
      headers: fieldsOf(request, secrets),
      queryString: [...new URL(url).searchParams].map(([name, value]) => ({ name, value })),
      cookies: [],
      headersSize: request.length,
      bodySize: 0,
    },
    response: {
      status,
      statusText,
      httpVersion: response === null ? "" : "HTTP/1.1",
      headers: responseFields,
      cookies: [],
      content: { size: 0, mimeType: "x-unknown" },
      redirectURL: responseFields.find(({ name }) => name.toLowerCase() === "location")?.value ?? "",
      headersSize: response?.length ?? -1,
      bodySize: response === null ? -1 : 0,
      _transferSize: response?.length ?? 0,
      ...(error === null ? {} : { _error: error }),
    },
    cache: {},
    timings,
    // With a proxy it is not the server's.
    ...(direct ? { serverIPAddress: info.remoteAddress, connection: String(info.remotePort) } : {}),
    _resourceType: "websocket",
  };
  return `${JSON.stringify(entry).slice(0, -1)},"_webSocketMessages":[`;
}

/** A line of an entry's messages; `time` is in ms since 1970. */
export function messageLine(type: "send" | "receive", time: number, opcode: number, data: string): string {
  // Microseconds: a double has no more digits for this.
  return `{"type":"${type}","time":${(time / 1000).toFixed(6)},"opcode":${opcode},"data":${JSON.stringify(data)}}`;
}

/** The end of an entry, behind its messages. HAR has no place for how a WebSocket is closed, so this is an addition. */
export function entryEnd(end: Pick<ConnectionEnd, "code" | "reason" | "wasClean">, time: number): string {
  const { code, reason, wasClean } = end;
  const close = { time: Number((time / 1000).toFixed(6)), code, reason, wasClean };
  return `\n],"_webSocketClose":${JSON.stringify(close)}}`;
}

/** The end of an entry that never was a WebSocket. */
export const ENTRY_END = "\n]}";

function timingsOf({ info, waited, response }: Handshake) {
  const times = info?.times;
  const isSecure = info !== null && info.tls !== null;
  return {
    blocked: -1,
    dns: times?.lookup ?? -1,
    connect: times === undefined ? -1 : times.tcp + times.tls,
    ssl: isSecure ? times!.tls : -1,
    send: 0,
    wait: response === null ? 0 : waited,
    receive: 0,
  };
}

/** Status and words of the first line. */
function statusOf(head: string): [status: number, text: string] {
  const [, status = "0", text = ""] = /^HTTP\/\d\.\d (\d{3})(?: (.*))?/.exec(head) ?? [];
  return [Number(status), text.trim()];
}

function fieldsOf(head: string, secrets: boolean): Field[] {
  return head.split("\r\n").slice(1).flatMap((line) => {
    const [, name, value = ""] = /^([^\s:]+):[\t ]*(.*?)[\t ]*$/.exec(line) ?? [];
    if (name === undefined || (!secrets && LEFT_OUT.has(name.toLowerCase()))) return [];
    return [{ name, value: secrets ? value : shown(name, value) }];
  });
}

function shown(name: string, value: string): string {
  return name.toLowerCase() === "sec-websocket-protocol"
    ? shownSubprotocols(value.split(",").map((each) => each.trim()))
    : shownValue(name, value);
}

/** Who asks for secrets has user and password in `Authorization`. */
function withoutUser(url: URL): string {
  const plain = new URL(url);
  plain.username = plain.password = "";
  return plain.href;
}
