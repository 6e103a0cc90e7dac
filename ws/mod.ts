/**
 * The client half of npm's `ws`, version 8, over libcurl: for programs and libraries that are written for `ws`.
 *
 * ```ts
 * import WebSocket from "@curlws/curlws/ws";
 *
 * const socket = new WebSocket("wss://example.com/feed");
 * socket.on("open", () => socket.send("subscribe"));
 * socket.on("message", (data, isBinary) => console.log(isBinary ? data : data.toString()));
 * socket.on("close", (code, reason) => console.log(code, reason.toString()));
 * ```
 *
 * @module
 */
import "../runtimes/mod.ts";
import { WebSocketServer } from "./server.ts";
import { createWebSocketStream } from "./stream.ts";
import { WebSocket } from "./websocket.ts";

/** What `ws`'s own class has, for programs that import nothing else. */
const statics = { WebSocket, WebSocketServer, Server: WebSocketServer, createWebSocketStream };
for (const [name, value] of Object.entries(statics)) {
  Object.defineProperty(WebSocket, name, { value, writable: true, enumerable: false, configurable: true });
}

export { createWebSocketStream, WebSocket, WebSocketServer };
export default WebSocket;
export type { SendOptions } from "./websocket.ts";
export type * from "../mod.ts";
export type { ClientOptions, DeflateOptions, RenamedOption, WsOptions } from "./client_options.ts";
export type { CertMeta, KeyMeta, NodeTlsOptions } from "./tls_options.ts";
export type { BufferLike, RawData, WsBinaryType } from "./payload.ts";
export type { SendCallback } from "./send_callbacks.ts";
export type { CodedError } from "./errors.ts";
export type { HandshakeRequest, HeaderValue, RequestHost } from "./handshake_request.ts";
export type { IncomingResponse } from "./incoming_response.ts";
export type { CloseEvent, ErrorEvent, Event, EventListenerLike, MessageEvent, Socket } from "./events.ts";
export type { WebSocketEventMap, WebSocketEvents } from "./events.ts";
