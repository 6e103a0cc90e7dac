/** The server half of `ws`, which is not here: libraries import it by name, whether they use it or not. */

const INSTEAD = "WebSocketServer is not in @curlws/curlws/ws, which is the client half of ws alone; " +
  "for a server use npm's ws, Deno.upgradeWebSocket() or Bun.serve()";

/** Stands where libraries import a server from; making one throws. */
export class WebSocketServer {
  /**
   * Says what to use instead.
   *
   * @throws {Error} always
   */
  constructor(..._options: unknown[]) {
    throw new Error(INSTEAD);
  }
}
