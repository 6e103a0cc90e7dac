// Cut off by the server, connects again.
import { CurlWebSocket } from "@curlws/curlws";
import { WebSocket as Transport } from "engine.io-client";
import { io } from "socket.io-client";

class Curl extends Transport {
  createSocket(url, protocols, { headers }) {
    const socket = new CurlWebSocket(url, { protocols, headers });
    socket.binaryType = "arraybuffer";
    return socket;
  }
}

const socket = io("wss://socketio.example.com/", { transports: [Curl], reconnectionDelay: 50 });
let welcomes = 0;
socket.on("disconnect", () => {
  if (welcomes === 1) console.log("dropped");
});
socket.on("welcome", async () => {
  console.log(++welcomes === 1 ? "before" : "after");
  if (welcomes === 1) await (await fetch("https://socketio.example.com/drop")).text();
  else socket.disconnect();
});
