/**
 * Records WebSockets into HAR files, and serves them again on loopback for tests.
 *
 * ```ts
 * import { CurlWebSocket } from "@curlws/curlws";
 * import { HarRecording, replay } from "@curlws/curlws/har";
 *
 * const recording = new HarRecording("feed.har");
 * const socket = new CurlWebSocket("wss://example.com/feed", recording.of());
 * socket.addEventListener("close", () => recording.close());
 *
 * await using server = replay("before.har", { speed: 10 });
 * for await (const data of new CurlWebSocket(server.url)) console.log(data);
 * ```
 *
 * @module
 */
export { HarRecording, type HarRecordingOptions } from "./har_recording.ts";
export { type Replay, replay, type ReplayOptions } from "./replay.ts";
export type { SentMode } from "./player.ts";
