// Cut off by the server, connects and subscribes again.
import { CurlWebSocket } from "@curlws/curlws";
import mqtt from "mqtt";

const client = mqtt.connect("wss://mqtt.example.com/", {
  forceNativeWebSocket: true,
  reconnectPeriod: 50,
  createWebsocket: (url, protocols) => new CurlWebSocket(url, protocols),
});
let connected = 0;
client.on("connect", async () => {
  connected++;
  if (connected === 1) await client.subscribeAsync("topic", { qos: 1 });
  await client.publishAsync("topic", connected === 1 ? "before" : "after", { qos: 1 });
});
client.on("close", () => {
  if (connected === 1) console.log("dropped");
});
client.on("message", async (_topic, payload) => {
  console.log(String(payload));
  if (connected === 1) await (await fetch("https://mqtt.example.com/drop")).text();
  else await client.endAsync();
});
