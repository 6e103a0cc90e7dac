/** A connection's counters, gathered from its two sides. */
import type { SocketStats } from "../observe/statistics.ts";
import type { Receiver } from "./receiver.ts";
import type { Sender } from "./sender.ts";

/** The counters of a connection that is not open, and never was. */
export const NO_STATS: SocketStats = Object.freeze({
  messagesReceived: 0,
  messagesSent: 0,
  framesReceived: 0,
  framesSent: 0,
  bytesReceived: 0,
  bytesSent: 0,
  payloadBytesReceived: 0,
  payloadBytesSent: 0,
  payloadBytesUnsent: 0,
  messagesRefused: 0,
  payloadBytesRefused: 0,
  compressionRatioReceived: null,
  compressionRatioSent: null,
  wakeups: 0,
  turns: 0,
  roundTripTime: null,
  bytesUnacknowledged: null,
});

/** Returns the counters of an open connection, or one that was, as they are now. */
export function socketStats(
  sender: Sender,
  receiver: Receiver,
  own: Pick<SocketStats, "wakeups" | "turns" | "roundTripTime" | "bytesUnacknowledged">,
): SocketStats {
  const { reader } = receiver, { writer } = sender;
  return Object.freeze({
    messagesReceived: receiver.messages,
    messagesSent: writer.messages,
    framesReceived: reader.frames,
    framesSent: writer.messages + writer.controls,
    bytesReceived: receiver.bytes,
    bytesSent: sender.sent,
    payloadBytesReceived: reader.payload + reader.inflated,
    payloadBytesSent: sender.payload,
    payloadBytesUnsent: sender.bufferedAmount,
    messagesRefused: 0,
    payloadBytesRefused: 0,
    compressionRatioReceived: reader.inflated > 0 ? reader.compressed / reader.inflated : null,
    compressionRatioSent: writer.inflated > 0 ? writer.compressed / writer.inflated : null,
    ...own,
  });
}
