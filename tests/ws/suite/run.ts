/**
 * Runs the tests of `ws` in this process, with our `WebSocket` as their client, from the first one that is asked for. Writes
 * a line of JSON when a test begins, and one when it has ended.
 *
 *   run.ts FOLDER RESULTS [--first NUMBER] [--client ws] [--only TEXT]
 */
import { appendFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { WebSocket } from "../../../ws/mod.ts";
import * as events from "../../../ws/events.ts";
import { EMPTY } from "../../../ws/payload.ts";
import { Mocha } from "./mocha.ts";

const { positionals: [folder = "", results = ""], values } = parseArgs({
  allowPositionals: true,
  options: {
    client: { type: "string" },
    first: { type: "string", default: "0" },
    only: { type: "string", default: "" },
  },
});
process.chdir(folder);
// Read by the index.js that stands for the one of `ws`.
Object.assign(
  globalThis,
  values.client === "ws" ? { clientOfSuite: null, emptyOfSuite: EMPTY } : {
    clientOfSuite: WebSocket,
    eventsOfSuite: events,
    emptyOfSuite: EMPTY,
  },
);
const mocha = new Mocha();
mocha.install();
const require = createRequire(join(folder, "test", "run.js"));
for (const file of ["websocket.test.js", "create-websocket-stream.test.js"]) require(`./${file}`);
const write = (line: unknown) => appendFileSync(results, JSON.stringify(line) + "\n");
await mocha.run(
  Number(values.first),
  values.only,
  (index, name) => write({ index, name }),
  (index, outcome) => {
    write({ index, outcome });
    if (outcome.status === "failed") process.exit(1);
  },
);
process.exit(0);
