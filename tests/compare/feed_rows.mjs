// The rows of the comparison that curlws has ReconnectingCurlWebSocket for.
import process from "node:process";

/** Tries one: tells which option did it, and a message if it did. */
export async function feedRow(row, w) {
  const { ReconnectingCurlWebSocket } = await import(w.module);
  const key = (data) => JSON.parse(data).id;
  const [url, options, how] = {
    // It counts by the whole path, and ends the first connection behind its message.
    reconnect: [`${w.restarts}?${process.pid}`, { reconnect: { firstDelay: 10 } }, "ReconnectingCurlWebSocket"],
    rotation: [w.trades, { rotate: { key } }, "rotate"],
    redundancy: [w.trades, { redundancy: { connections: 2, key } }, "redundancy"],
  }[row];
  const feed = new ReconnectingCurlWebSocket(url, options);
  const messages = [];
  const late = setTimeout(() => feed.close(), 4_000);
  for await (const data of feed) {
    messages.push(data);
    const { connections, rotations, duplicates } = feed.stats;
    if (row === "reconnect" && messages.length === 2) break;
    if (row === "rotation" && messages.length === 20) feed.rotate();
    if (row === "rotation" && rotations === 1 && messages.length > 60) break;
    if (row === "redundancy" && connections === 2 && duplicates > 20) break;
  }
  clearTimeout(late);
  const { connections, rotations, gaps, duplicates } = feed.stats;
  const inOrder = row === "reconnect" || messages.every((data, i) => key(data) === key(messages[0]) + i);
  const isDone = { reconnect: gaps === 1, rotation: rotations === 1 && gaps === 0, redundancy: duplicates > 20 }[row];
  return inOrder && isDone && connections === 2
    ? { how, message: "another" }
    : { how, error: `${messages.length} messages` };
}
