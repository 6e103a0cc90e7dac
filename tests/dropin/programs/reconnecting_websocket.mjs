// Cut off by the server, connects again, and a message that was sent meanwhile arrives.
import { CurlWebSocket } from "@curlws/curlws";
import Reconnecting from "reconnecting-websocket";

const options = { WebSocket: CurlWebSocket, minReconnectionDelay: 50, maxReconnectionDelay: 100 };
const socket = new Reconnecting("wss://echo.example.com/", [], options);
let opened = 0;
socket.addEventListener("open", () => {
  if (++opened === 1) socket.send("before");
});
socket.addEventListener("close", () => {
  if (opened !== 1) return;
  console.log("dropped");
  socket.send("after");
});
socket.addEventListener("message", async ({ data }) => {
  console.log(data);
  if (data === "after") socket.close();
  else await (await fetch("https://echo.example.com/drop")).text();
});
