/**
 * A WebSocket server that sends back what it gets, to try things against. It listens on this machine alone, and needs no
 * package and no other file.
 *
 *     deno run --allow-net examples/echo_server.ts 8080
 *     bun examples/echo_server.ts 8080
 */
import process from "node:process";

/** As much of Bun as is used here: Deno, which checks the types of this file, does not know it. */
interface Bun {
  serve(options: {
    hostname: string;
    port: number;
    fetch(request: Request, server: { upgrade(request: Request): boolean }): Response | undefined;
    websocket: { message(socket: { send(data: string | Uint8Array): void }, data: string | Uint8Array): void };
  }): { readonly port: number };
}

const hostname = "127.0.0.1", port = Number(process.argv[2] ?? 8080);
const refuse = () => new Response("this is a WebSocket server\n", { status: 426 });

function serveOnDeno(): number {
  return Deno.serve({ hostname, port, onListen: () => {} }, (request) => {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") return refuse();
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  }).addr.port;
}

function serveOnBun(bun: Bun): number {
  return bun.serve({
    hostname,
    port,
    fetch: (request, server) => server.upgrade(request) ? undefined : refuse(),
    websocket: { message: (socket, data) => socket.send(data) },
  }).port;
}

const { Bun: bun } = globalThis as { Bun?: Bun };
const url = `ws://${hostname}:${bun === undefined ? serveOnDeno() : serveOnBun(bun)}/`;
console.log(`${url} sends back what it gets; Ctrl-C ends it. In another terminal, in the folder of this clone:

    deno run -A cli/mod.ts ${url}                   # type a line, see it come back
    deno run -A examples/ping_latency.ts ${url} 100 # how long a ping takes
    bun cli/mod.ts ${url}                           # the same with Bun, all of them
`);
