/** A WebSocket server on loopback: the runtime's own. */
import type { Peer } from "./player.ts";

/** A connection that is to be opened. */
export interface Upgrade {
  /** Fields of the response, beside those of the handshake. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The subprotocol, one that the client offers; null for none. */
  readonly protocol: string | null;
  /** Called when it is open. */
  onOpen(peer: Peer): Listener;
}

/** What becomes of an open connection. */
export interface Listener {
  received(data: string | Uint8Array): void;
  closed(): void;
}

/** A server that listens. */
export interface Server {
  readonly port: number;
  /** Ends it, and its connections. */
  close(): Promise<void>;
}

const HOSTNAME = "127.0.0.1";
/** What a recording may hold, and a client send: the most that both runtimes take, bytes. */
const MAX_SIZE = 0x7fff_ffff;
const NO_STATUS = 1005, ABNORMAL = 1006;

/** How a request is dealt with: a response, or a connection. */
export type Respond = (request: Request) => Response | Upgrade;

/** Listens on a port, or on a free one for 0. Throws the system's error if it cannot. */
export function listen(port: number, respond: Respond): Server {
  const { Deno: deno, Bun: bun } = globalThis as { Deno?: DenoGlobal; Bun?: BunGlobal };
  return deno !== undefined ? listenOnDeno(deno, port, respond) : listenOnBun(bun!, port, respond);
}

/** As much of Deno as is used here. */
interface DenoGlobal {
  serve(
    options: { port: number; hostname: string; signal: AbortSignal; onListen(): void },
    handler: (request: Request) => Response,
  ): { readonly addr: { readonly port: number }; readonly finished: Promise<void> };
  upgradeWebSocket(
    request: Request,
    options: { protocol?: string; idleTimeout: number },
  ): { socket: WebSocket; response: Response };
}

function listenOnDeno(deno: DenoGlobal, port: number, respond: Respond): Server {
  const ending = new AbortController();
  const options = { port, hostname: HOSTNAME, signal: ending.signal, onListen: () => {} };
  const sockets = new Set<WebSocket>();
  const server = deno.serve(options, (request) => {
    const upgrade = respond(request);
    if (upgrade instanceof Response) return upgrade;
    const { protocol, headers } = upgrade;
    const upgraded = upgradedOnDeno(deno, request, protocol);
    if (upgraded === null) return noHandshake();
    const { socket, response } = upgraded;
    for (const [name, value] of headers) response.headers.append(name, value);
    socket.binaryType = "arraybuffer";
    const peer: Peer = {
      get bufferedAmount() {
        return socket.bufferedAmount;
      },
      send: (data) => socket.send(data),
      // Deno cannot break a connection. A client takes this code, which none may send, for no closing handshake, as it must.
      close: (code, reason) => code === NO_STATUS ? socket.close() : socket.close(code, reason),
    };
    let listener: Listener | null = null;
    socket.onopen = () => {
      sockets.add(socket);
      listener = upgrade.onOpen(peer);
    };
    socket.onmessage = ({ data }) => listener?.received(typeof data === "string" ? data : new Uint8Array(data));
    // A connection that breaks: `close` follows.
    socket.onerror = (event) => event.preventDefault();
    socket.onclose = () => {
      sockets.delete(socket);
      listener?.closed();
    };
    return response;
  });
  return {
    port: server.addr.port,
    close: async () => {
      for (const socket of sockets) if (socket.readyState === 1) socket.close(1001, "the replay has ended");
      ending.abort();
      await server.finished;
    },
  };
}

/** Null for a request that lacks what a handshake needs. */
function upgradedOnDeno(deno: DenoGlobal, request: Request, protocol: string | null) {
  try {
    return deno.upgradeWebSocket(request, { ...(protocol === null ? {} : { protocol }), idleTimeout: 0 });
  } catch {
    return null;
  }
}

/** As much of Bun as is used here. */
interface BunGlobal {
  serve(options: {
    port: number;
    hostname: string;
    fetch(request: Request, server: BunServer): Response | undefined;
    websocket: {
      readonly idleTimeout: number;
      readonly maxPayloadLength: number;
      readonly backpressureLimit: number;
      open(socket: BunSocket): void;
      message(socket: BunSocket, data: string | Uint8Array): void;
      close(socket: BunSocket): void;
    };
  }): BunServer;
}

interface BunServer {
  readonly port: number;
  upgrade(request: Request, options: { headers: Headers; data: BunData }): boolean;
  stop(closeConnections: boolean): Promise<void>;
}

interface BunSocket {
  data: BunData;
  send(data: string | Uint8Array): number;
  close(code?: number, reason?: string): void;
  terminate(): void;
  getBufferedAmount(): number;
}

interface BunData {
  readonly upgrade: Upgrade;
  listener: Listener | null;
}

function listenOnBun(bun: BunGlobal, port: number, respond: Respond): Server {
  const server = bun.serve({
    port,
    hostname: HOSTNAME,
    fetch: (request, server) => {
      const upgrade = respond(request);
      if (upgrade instanceof Response) return upgrade;
      const headers = new Headers(upgrade.headers.map(([name, value]): [string, string] => [name, value]));
      if (upgrade.protocol !== null) headers.set("sec-websocket-protocol", upgrade.protocol);
      // Else Bun would choose the first one that is offered.
      else request.headers.delete("sec-websocket-protocol");
      if (server.upgrade(request, { headers, data: { upgrade, listener: null } })) return undefined;
      return noHandshake();
    },
    websocket: {
      idleTimeout: 0,
      maxPayloadLength: MAX_SIZE,
      backpressureLimit: MAX_SIZE,
      open: (socket) => {
        socket.data.listener = socket.data.upgrade.onOpen({
          get bufferedAmount() {
            return socket.getBufferedAmount();
          },
          send: (data) => void socket.send(data),
          close: (code, reason) => code === ABNORMAL ? socket.terminate() : socket.close(code, reason),
        });
      },
      message: (socket, data) => socket.data.listener?.received(data),
      close: (socket) => socket.data.listener?.closed(),
    },
  });
  return { port: server.port, close: () => server.stop(true) };
}

/** For a request that asks for a WebSocket, and lacks what it needs. */
function noHandshake(): Response {
  return new Response("not a WebSocket handshake\n", { status: 400 });
}
