/**
 * A WebSocket client for Deno and Bun, built on libcurl: proxies, TLS options, browser impersonation. While idle, it uses
 * no CPU.
 *
 * ```ts
 * import { CurlWebSocket } from "@curlws/curlws";
 *
 * const socket = new CurlWebSocket("wss://example.com/feed");
 * for await (const data of socket) console.log(data);
 * ```
 *
 * @module
 */
import "./runtimes/mod.ts";

export { CurlWebSocket } from "./src/web/websocket.ts";
export type { BatchOptions, MessageBatch } from "./src/web/batch_queue.ts";
export type { LatestMessage } from "./src/web/latest_queue.ts";
export type {
  CurlWebSocketErrorEvent,
  CurlWebSocketEventMap,
  TypedEventTarget,
  WebSocketTarget,
} from "./src/web/event_map.ts";
export type { BinaryType, MessageData, NativeBinaryType } from "./src/web/binary_type.ts";
export type { CurlWebSocketInit, Sendable } from "./src/web/webidl.ts";
export {
  CurlWebSocketStream,
  type CurlWebSocketStreamOptions,
  type WebSocketOpenInfo,
} from "./src/web/websocket_stream.ts";
export type { WaitOptions } from "./src/web/wait.ts";
export { type WebSocketCloseInfo, WebSocketError } from "./src/web/websocket_error.ts";
export { ReconnectingCurlWebSocket } from "./src/feed/reconnecting_websocket.ts";
export type {
  KeyOf,
  ReconnectingCurlWebSocketOptions,
  RedundancyOptions,
  RetryOptions,
  RotateOptions,
} from "./src/feed/options.ts";
export type { ConnectionOptions, PerAttempt } from "./src/feed/connection_plan.ts";
export type { ConnectionEnd } from "./src/protocol/closing_handshake.ts";
export type {
  GapEvent,
  ReconnectingEvent,
  ReconnectingEventMap,
  ReconnectingTarget,
  WarningEvent,
} from "./src/feed/events.ts";
export type { FirstStats, ReconnectingStats } from "./src/feed/feed_stats.ts";
export { CurlWebSocketError, type CurlWebSocketErrorInit, type ErrorCode } from "./src/errors.ts";
export type {
  AuthOptions,
  BearerAuth,
  CertificateCompression,
  CookieJar,
  CookiesOption,
  CurlOptionValue,
  CurlWebSocketOptions,
  HeadersOption,
  ImpersonateOptions,
  KeepAliveOptions,
  NetworkOptions,
  ParamsOption,
  PasswordAuth,
  Pem,
  PerMessageDeflateOptions,
  ProxyAuth,
  ProxyOption,
  ProxyOptions,
  ProxyTlsOptions,
  TlsOptions,
  TlsVersion,
} from "./src/options/options.ts";
export type { HandshakeResponse } from "./src/handshake/response_head.ts";
export type { ConnectionInfo, ConnectionTimes, TlsInfo } from "./src/observe/connection_info.ts";
export { reactorStats } from "./src/curl/reactors.ts";
export type { ReactorStats, SocketStats } from "./src/observe/statistics.ts";
export type {
  CloseMessage,
  DiagnosticsMessage,
  DiagnosticsMessages,
  ErrorMessage,
  GapMessage,
  HandshakeMessage,
  OpenMessage,
  ReconnectMessage,
  WarningMessage,
} from "./src/observe/channels.ts";
export { libcurl, type LibcurlInfo } from "./src/curl/library.ts";
