/**
 * Drives a browser by the Chrome DevTools Protocol: opens a page, waits for it, and evaluates an expression in it. What it
 * asks has a number, and the reply has the same one; events have none.
 *
 *     chromium --headless --remote-debugging-port=9222 about:blank
 *     deno run -A examples/devtools.ts http://127.0.0.1:9222 https://example.com document.title
 *     bun examples/devtools.ts http://127.0.0.1:9222 https://example.com document.title
 */
import process from "node:process";
import { CurlWebSocket } from "@curlws/curlws";

const [browser = "http://127.0.0.1:9222", page = "https://example.com", expression = "document.title"] = process.argv
  .slice(2);

type Fields = Record<string, unknown>;
interface Message {
  id?: number;
  method?: string;
  params?: Fields;
  result?: Fields;
  error?: { code: number; message: string };
}

class DevTools {
  readonly #socket: CurlWebSocket;
  readonly #replies = new Map<number, PromiseWithResolvers<Fields>>();
  readonly #events = new Map<string, PromiseWithResolvers<Fields>>();
  #lastId = 0;

  constructor(socket: CurlWebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    // Nothing waits for ever: what is left when the connection ends fails with the connection's error.
    socket.closed.then(({ code, error }) => {
      const reason = error ?? new Error(`the browser closed the connection: ${code}`);
      for (const waiting of [...this.#replies.values(), ...this.#events.values()]) waiting.reject(reason);
    });
  }

  #receive({ id, method, params, result, error }: Message): void {
    if (id === undefined) {
      this.#events.get(method!)?.resolve(params ?? {});
      this.#events.delete(method!);
    } else {
      const reply = this.#replies.get(id);
      this.#replies.delete(id);
      if (error === undefined) reply?.resolve(result ?? {});
      else reply?.reject(new Error(error.message));
    }
  }

  /** Calls a method of the browser, or of a page if `sessionId` is given. */
  call(method: string, params: Fields, sessionId?: string): Promise<Fields> {
    const id = ++this.#lastId;
    const reply = Promise.withResolvers<Fields>();
    this.#replies.set(id, reply);
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return reply.promise;
  }

  /** Resolves with the next event of a kind. */
  event(method: string): Promise<Fields> {
    const event = Promise.withResolvers<Fields>();
    event.promise.catch(() => {}); // nobody may be waiting when the connection ends
    this.#events.set(method, event);
    return event.promise;
  }
}

const { webSocketDebuggerUrl } = await (await fetch(new URL("/json/version", browser))).json();
// Screenshots and documents are large. The browser is on this machine, so no proxy.
await using socket = await new CurlWebSocket(webSocketDebuggerUrl, { proxy: false, maxMessageSize: 2 ** 30 }).opened;
const devtools = new DevTools(socket);

const { targetId } = await devtools.call("Target.createTarget", { url: "about:blank" });
const { sessionId } = await devtools.call("Target.attachToTarget", { targetId, flatten: true });
await devtools.call("Page.enable", {}, String(sessionId));
const loaded = devtools.event("Page.loadEventFired");
const { errorText } = await devtools.call("Page.navigate", { url: page }, String(sessionId));
if (errorText !== undefined) throw new Error(`${page}: ${errorText}`);
await loaded;
const { result, exceptionDetails } = await devtools.call(
  "Runtime.evaluate",
  { expression, returnByValue: true },
  String(sessionId),
);
if (exceptionDetails === undefined) console.log((result as Fields).value);
else console.error((exceptionDetails as Fields).text, (result as Fields).description);
await devtools.call("Target.closeTarget", { targetId });
