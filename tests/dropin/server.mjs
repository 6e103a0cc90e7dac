// The servers of docs/drop-in.md in one child process: graphql-ws over ws, aedes, socket.io, a JSON-RPC server, one that
// speaks Phoenix channels as Supabase does, and one that echoes. It is copied beside the packages that it needs. One JSON
// line comes on standard output: the port of each. The process ends with its standard input. Over plain HTTP each answers
// with the field names of its last handshake and how many sockets are open; `/drop` cuts those off first.
import { createServer } from "node:http";
import process from "node:process";
import { Aedes } from "aedes";
import { buildSchema } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { Server as SocketIo } from "socket.io";
import { createWebSocketStream, WebSocketServer } from "ws";

const ports = {};

/** An HTTP server that keeps its upgraded sockets; `attach` makes it serve WebSockets. */
async function serve(name, attach) {
  const open = new Set();
  let fields = [];
  const server = createServer((request, response) => {
    if (request.url === "/drop") { for (const socket of open) socket.destroy(); }
    response.setHeader("connection", "close");
    response.end(JSON.stringify({ fields, open: open.size }));
  });
  server.on("upgrade", (request, socket) => {
    fields = request.rawHeaders.filter((_, i) => i % 2 === 0);
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  await attach(server);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  ports[name] = server.address().port;
}

/** A ws server whose sockets `onSocket` serves. */
const sockets = (onSocket, options = {}) => (server) => {
  new WebSocketServer({ server, ...options }).on("connection", onSocket);
};

await serve(
  "echo",
  sockets((socket) => {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
  }),
);

await serve("graphql", (server) => {
  const schema = buildSchema("type Query { hello: String } type Subscription { count: Int }");
  const roots = {
    query: { hello: () => "world" },
    subscription: {
      async *count() {
        for (let count = 1; count <= 3; count++) yield { count };
      },
    },
  };
  const handle = ["graphql-transport-ws"];
  useServer(
    { schema, roots },
    new WebSocketServer({ server, handleProtocols: (offered) => handle.find((one) => offered.has(one)) }),
  );
});

const broker = await Aedes.createBroker();
await serve("mqtt", sockets((socket, request) => broker.handle(createWebSocketStream(socket), request)));

await serve("socketio", (server) => {
  new SocketIo(server, { transports: ["websocket"] }).on("connection", (socket) => {
    socket.on("double", (number, answer) => answer(number * 2));
    socket.on("bytes", (bytes, answer) => answer(Buffer.from(bytes).reverse()));
    socket.emit("welcome", "hello");
  });
});

await serve(
  "rpc",
  sockets((socket) => {
    const results = {
      eth_chainId: "0x1",
      net_version: "1",
      eth_blockNumber: "0x10",
      eth_subscribe: "0xabc",
      eth_unsubscribe: true,
    };
    const answer = ({ id, method }) => ({ jsonrpc: "2.0", id, result: results[method] ?? null });
    socket.on("message", (data) => {
      const call = JSON.parse(data);
      socket.send(JSON.stringify(Array.isArray(call) ? call.map(answer) : answer(call)));
    });
  }),
);

await serve(
  "phoenix",
  sockets((socket) => {
    // Version 2 of Phoenix' serializer: arrays, and broadcasts with a binary header.
    socket.on("message", (data, binary) => {
      if (binary) {
        // A user's broadcast comes as kind 3 and goes out as kind 4, which has no references.
        const [, joinRef, ref, topic, event, metadata, encoding] = data;
        const rest = data.subarray(7 + joinRef + ref);
        return socket.send(Buffer.concat([Buffer.from([4, topic, event, metadata, encoding]), rest]));
      }
      const message = JSON.parse(data);
      const array = Array.isArray(message);
      const [joinRef, ref, topic, event, payload] = array
        ? message
        : [message.join_ref, message.ref, message.topic, message.event, message.payload];
      const send = (ref, event, payload) =>
        socket.send(
          JSON.stringify(
            array ? [joinRef, ref, topic, event, payload] : { topic, event, payload, ref, join_ref: joinRef },
          ),
        );
      if (event === "broadcast") send(null, "broadcast", payload);
      else send(ref, "phx_reply", { status: "ok", response: event === "phx_join" ? { postgres_changes: [] } : {} });
    });
  }),
);

process.stdout.write(JSON.stringify(ports) + "\n");
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
