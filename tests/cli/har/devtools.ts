/** A real Chromium, whose DevTools import HAR files: their own code runs in their own page. */
import { once } from "node:events";
import { Program } from "../../support/programs.ts";

/** A request as the network panel has it. */
export interface ImportedRequest {
  readonly url: string;
  readonly type: string;
  readonly status: number;
  readonly frames: readonly {
    readonly type: string;
    readonly opCode: number;
    readonly text: string;
    readonly time: number;
  }[];
}

const PAGE = "devtools://devtools/bundled/devtools_app.html";
const IMPORT = `async (text) => {
  const { HARFormat, Importer } = await import("${PAGE}/../models/har/har.js");
  const { log } = new HARFormat.HARRoot(JSON.parse(text));
  return Importer.Importer.requestsFromHARLog(log).map((request) => ({
    url: request.url(),
    type: request.resourceType().name(),
    status: request.statusCode,
    frames: request.frames(),
  }));
}`;

/** `await using` ends it. */
export class DevTools {
  readonly #browser: Program;
  readonly #socket: WebSocket;
  #calls = 0;

  private constructor(browser: Program, socket: WebSocket) {
    this.#browser = browser;
    this.#socket = socket;
  }

  static async start(path: string): Promise<DevTools> {
    const browser = await Program.start(path, {
      args: (port, at) => [
        ...["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-allow-origins=*"],
        ...[`--remote-debugging-port=${port}`, `--user-data-dir=${at("profile")}`],
      ],
      ready: /^DevTools listening on /m,
      patience: 30_000,
    });
    const url = `http://127.0.0.1:${browser.port}/json/new?${encodeURIComponent(PAGE)}`;
    const response = await fetch(url, { method: "PUT" });
    const socket = new WebSocket((await response.json() as { webSocketDebuggerUrl: string }).webSocketDebuggerUrl);
    await once(socket, "open");
    return new DevTools(browser, socket);
  }

  /** What the network panel makes of a HAR file. */
  async imported(har: string): Promise<ImportedRequest[]> {
    const { result } = await this.#call("Runtime.evaluate", {
      expression: `(${IMPORT})(${JSON.stringify(har)})`,
      awaitPromise: true,
      returnByValue: true,
    });
    if (result.exceptionDetails) throw new Error(JSON.stringify(result.exceptionDetails));
    return result.result.value;
  }

  async #call(method: string, params: object) {
    const id = ++this.#calls;
    this.#socket.send(JSON.stringify({ id, method, params }));
    for (;;) {
      const [{ data }] = await once(this.#socket, "message") as [MessageEvent];
      const reply = JSON.parse(data);
      if (reply.id === id) return reply;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#browser[Symbol.asyncDispose]();
  }
}
