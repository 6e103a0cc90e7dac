/** Serves a recording on loopback, so that a program is tested without the server that it was made for. */
import { readFileSync } from "node:fs";
import { CommandError, messageOf } from "../errors.ts";
import { isHidden, readRecording, type RecordedConnection, RecordingError } from "./har_reader.ts";
import { Player, type SentMode } from "./player.ts";
import { listen, type Server, type Upgrade } from "./replay_server.ts";

/** The options of {@linkcode replay}. */
export interface ReplayOptions {
  /** How much faster than recorded it is: 2 takes half the time. Infinity sends as fast as the client reads. 1 by default. */
  readonly speed?: number;
  /** The port of 127.0.0.1 to listen on; 0, the default, is a free one. */
  readonly port?: number;
  /** Plays this WebSocket of the file alone, to each client: 1 is the first. By default the client's path chooses. */
  readonly entry?: number;
  /**
   * What becomes of what a client sends. `"ignore"`, the default: it is read. `"wait"`: what the server sent behind a message of
   * the client waits until the client has sent one. `"compare"`: as that, and the message must be as recorded; else the
   * connection is closed with 1008.
   */
  readonly sent?: SentMode;
  /** Called with what a client has sent that was not as recorded. {@linkcode Replay.differences} has all of it. */
  readonly onDifference?: (words: string) => void;
}

/** Fields that are made anew for each handshake, or that the runtime's server writes. */
const NOT_SERVED =
  /^(?:connection|upgrade|keep-alive|date|content-length|content-encoding|transfer-encoding|sec-websocket-.*)$/i;
const SWITCHING = 101, NOT_FOUND = 404, UPGRADE_REQUIRED = 426;

/** A recording that is being served. */
export class Replay {
  /** The URL of each path that has a recording, the first one's first. */
  readonly urls: readonly string[];
  /** What clients sent that was not as recorded, with `sent: "compare"`. */
  readonly differences: readonly string[];
  /** Resolves once each connection of the recording was played, by a client that connected for it. */
  readonly played: Promise<void>;
  readonly #server: Server;

  /** @internal */
  constructor(server: Server, paths: Iterable<string>, differences: readonly string[], played: Promise<void>) {
    this.#server = server;
    this.urls = [...paths].map((path) => `ws://127.0.0.1:${server.port}${path}`);
    this.differences = differences;
    this.played = played;
  }

  /** The first of {@linkcode urls}. */
  get url(): string {
    return this.urls[0]!;
  }

  /** Ends it, and the connections that are open. */
  async close(): Promise<void> {
    await this.#server.close();
  }

  /** As {@linkcode close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Serves a HAR file's WebSockets again: those that curlws has recorded, or Chromium's DevTools, or mitmproxy.
 *
 * A client gets what the server sent, at the times at which it did, and the close code in the end. If the file has several
 * WebSockets, the client's path chooses; those of one path are played one after another, a client each, and from the first again
 * after the last. A refused handshake is refused again.
 *
 * ```ts
 * import { CurlWebSocket } from "@curlws/curlws";
 * import { replay } from "@curlws/curlws/har";
 *
 * await using server = replay("feed.har", { speed: Infinity });
 * for await (const data of new CurlWebSocket(server.url)) console.log(data);
 * ```
 *
 * @throws {Error} if the file cannot be read, is no HAR file or has no WebSocket, or the port is taken
 */
export function replay(path: string, options: ReplayOptions = {}): Replay {
  const { speed = 1, port = 0, sent = "ignore", onDifference } = options;
  if (!(speed > 0)) throw new RangeError(`speed must be more than 0, not ${speed}`);
  const connections = chosen(readRecording(textOf(path), path), options.entry, path);
  const script = new Script(connections);
  const differences: string[] = [];
  const server = listening(port, (request) => {
    const role = script.roleOf(request);
    if (role instanceof Response) return role;
    const { connection, done } = role;
    if (connection.status !== SWITCHING) {
      done();
      return refusal(connection);
    }
    return upgradeOf(connection, request, (peer) => {
      const player = new Player(connection, peer, {
        speed,
        sent,
        onDifference: (words) => {
          differences.push(words);
          onDifference?.(words);
        },
      });
      player.play().catch((error) => reportError(error));
      return {
        received: (data) => player.received(data),
        closed: () => {
          player.closed();
          done();
        },
      };
    });
  });
  return new Replay(server, script.paths, differences, script.played);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new RecordingError(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function listening(port: number, respond: Parameters<typeof listen>[1]): Server {
  try {
    return listen(port, respond);
  } catch (error) {
    throw new CommandError(`port ${port} cannot be listened on: ${messageOf(error)}`, { cause: error });
  }
}

/** All connections, or the one that was asked for. */
function chosen(connections: RecordedConnection[], entry: number | undefined, name: string): RecordedConnection[] {
  if (entry === undefined) return connections;
  const connection = connections[entry - 1];
  if (connection !== undefined) return [connection];
  const list = connections.map(({ path, messages }, index) => `${index + 1}: ${path}, ${messages.length} messages`);
  throw new RecordingError(`${name} has no WebSocket number ${entry}; it has ${list.slice(0, 20).join("; ")}`);
}

/** Which client gets which connection. */
class Script {
  readonly #byPath: Map<string, { readonly list: RecordedConnection[]; next: number }> = new Map();
  readonly #left: Set<RecordedConnection>;
  readonly played: Promise<void>;
  #resolve: () => void = () => {};

  constructor(connections: readonly RecordedConnection[]) {
    for (const connection of connections) {
      const same = this.#byPath.get(connection.path);
      if (same === undefined) this.#byPath.set(connection.path, { list: [connection], next: 0 });
      else same.list.push(connection);
    }
    this.#left = new Set(connections);
    this.played = new Promise((resolve) => this.#resolve = resolve);
  }

  get paths(): Iterable<string> {
    return this.#byPath.keys();
  }

  /** What a client gets, and what to call when it is over. */
  roleOf(request: Request): Response | { connection: RecordedConnection; done: () => void } {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return new Response("connect a WebSocket\n", { status: UPGRADE_REQUIRED, headers: { upgrade: "websocket" } });
    }
    // A single path is for any client.
    const asked = new URL(request.url).pathname;
    const role = this.#byPath.size === 1 ? [...this.#byPath.values()][0] : this.#byPath.get(asked);
    if (role === undefined) {
      const known = [...this.#byPath.keys()].join(", ");
      return new Response(`nothing was recorded at ${asked}, only at ${known}\n`, { status: NOT_FOUND });
    }
    const connection = role.list[role.next++ % role.list.length]!;
    return {
      connection,
      done: () => {
        this.#left.delete(connection);
        if (this.#left.size === 0) this.#resolve();
      },
    };
  }
}

function fieldsOf({ headers }: RecordedConnection): (readonly [string, string])[] {
  return headers.filter(([name, value]) => !NOT_SERVED.test(name) && !isHidden(value));
}

/** The response that refused the handshake. Its body was not recorded. */
function refusal(connection: RecordedConnection): Response {
  return new Response(null, {
    status: connection.status,
    headers: fieldsOf(connection).map(([name, value]): [string, string] => [name, value]),
  });
}

/** Its subprotocol is the recorded one if the client offers it, and the client's first if it was left out as a secret. */
function upgradeOf(connection: RecordedConnection, request: Request, onOpen: Upgrade["onOpen"]): Upgrade {
  const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
  const { protocol, headers } = connection;
  const wasHidden = protocol === null && headers.some(([name]) => name.toLowerCase() === "sec-websocket-protocol");
  const chosen = offered.find((name) => name !== "" && (wasHidden || name === protocol)) ?? null;
  return { headers: fieldsOf(connection), protocol: chosen, onOpen };
}
