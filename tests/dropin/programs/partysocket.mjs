// Cut off by the server, connects again, and a message that was sent meanwhile arrives.
import { CurlWebSocket } from "@curlws/curlws";
import { WebSocket as PartySocket } from "partysocket";

const options = { WebSocket: CurlWebSocket, minReconnectionDelay: 50, maxReconnectionDelay: 100 };
const socket = new PartySocket("wss://echo.example.com/", [], options);
socket.addEventListener("open", () => socket.send("before"), { once: true });
socket.addEventListener("close", () => {
  console.log("dropped");
  socket.send("after");
}, { once: true });
socket.addEventListener("message", async ({ data }) => {
  console.log(data);
  if (data === "after") socket.close();
  else await (await fetch("https://echo.example.com/drop")).text();
});
