/** Reads from libcurl what a connection uses, and how long each phase of connecting took. */
import { type CompleteProxy, proxyName } from "../options/proxy.ts";
import * as C from "./constants.ts";
import type { Pointer } from "../platform/ffi.ts";
import { getNumber, getText } from "./get_info.ts";
import type { Curl } from "./library.ts";
import type { ConnectionInfo, TlsInfo } from "../observe/connection_info.ts";
import type { TransferLog } from "./transfer_log.ts";

const UNKNOWN: TlsInfo = { version: null, cipher: null, alpn: null, resumed: null };

/** Returns what a connection uses, when libcurl has connected. {@linkcode withHandshake} adds the handshake's time. */
export function readConnection(
  curl: Curl,
  easy: Pointer,
  { proxy, secure, log, unix }: { proxy: CompleteProxy | null; secure: boolean; log: TransferLog; unix: boolean },
): ConnectionInfo {
  const number = (info: number) => Math.max(0, getNumber(curl, easy, info) ?? 0);
  const milliseconds = (info: number) => number(info) / 1000;
  const lookup = milliseconds(C.CURLINFO_NAMELOOKUP_TIME_T);
  const connected = Math.max(lookup, milliseconds(C.CURLINFO_CONNECT_TIME_T));
  const all = Math.max(connected, milliseconds(C.CURLINFO_APPCONNECT_TIME_T), milliseconds(C.CURLINFO_TOTAL_TIME_T));
  return {
    localAddress: unix ? "" : getText(curl, easy, C.CURLINFO_LOCAL_IP) ?? "",
    localPort: unix ? 0 : number(C.CURLINFO_LOCAL_PORT),
    remoteAddress: unix ? "" : getText(curl, easy, C.CURLINFO_PRIMARY_IP) ?? "",
    remotePort: unix ? 0 : number(C.CURLINFO_PRIMARY_PORT),
    tls: secure ? log.sessions.at(-1) ?? UNKNOWN : null,
    proxy: proxy === null ? null : proxyName(proxy),
    times: { lookup, tcp: connected - lookup, tls: all - connected, handshake: 0 },
  };
}

/** Returns the same with the time of the opening handshake, ms. It is frozen, because users get it. */
export function withHandshake(info: ConnectionInfo, handshake: number): ConnectionInfo {
  if (info.tls !== null) Object.freeze(info.tls);
  return Object.freeze({ ...info, times: Object.freeze({ ...info.times, handshake }) });
}
