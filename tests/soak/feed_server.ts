/**
 * A {@linkcode NumberingServer} in a process of its own, so that its memory is not the feed's. Standard input has a line for
 * each thing to do, each of which is answered with a line: `ready` when two connections get numbers, `kill` ends one of them
 * at random and may let attempts fail until the next one stands, `calm` lets no more fail.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { type Death, NumberingServer, type Reception } from "../feed/numbering_server.ts";
import { certificates } from "../support/certificates.ts";

const DEATHS: readonly Death[] = ["reset", "silence", "garbage", "end", "close"];
const FAILURES: readonly Reception[] = ["slow", "refuse", "429", "reset", "hang"];
const pick = <Item>(list: readonly Item[]) => list[Math.floor(Math.random() * list.length)]!;

const tls = process.argv.includes("--tls");
const server = await NumberingServer.start({ tls });
console.log(JSON.stringify({ url: server.url(), ca: tls ? certificates().ca : null }));
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "ready") { while (server.live.size < 2) await new Promise((resolve) => setTimeout(resolve, 2)); }
  else if (line === "calm") server.receive = () => "serve";
  else if (line === "kill") {
    server.receive = () => Math.random() < 0.5 ? "serve" : pick(FAILURES);
    server.kill(pick([...server.live]), pick(DEATHS));
  }
  console.log(line);
}
process.exit(0);
