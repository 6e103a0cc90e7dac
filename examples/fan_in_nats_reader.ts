/**
 * Reads back what fan_in_nats.ts published, and checks that nothing is missing: of each feed and run the numbers 0, 1, 2 …,
 * or from the oldest on that the stream still has. Messages that have an id of their own (`--id`) are counted, and none may
 * be there twice. Gaps of the feeds, which the stream tells of, are counted.
 * It ends when the stream has no more. A second one with the same `--durable` shares the work, or goes on after a crash.
 *
 *     deno run -A examples/fan_in_nats_reader.ts --nats 127.0.0.1:4222 --stream feeds
 *     bun examples/fan_in_nats_reader.ts --nats 127.0.0.1:4222 --stream feeds
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const { values } = parseArgs({
  options: {
    nats: { type: "string", default: "127.0.0.1:4222" },
    stream: { type: "string", default: "feeds" },
    durable: { type: "string", default: "reader" },
  },
});

const nats = await connect({ servers: values.nats });
const manager = await jetstreamManager(nats);
/** Whether the stream has dropped its oldest messages, by its limits: then each feed begins somewhere. */
const dropped = (await manager.streams.info(values.stream)).state.first_seq > 1;
await manager.consumers.add(values.stream, {
  durable_name: values.durable,
  // What is not acknowledged in time comes again: at least once on this side too.
  ack_policy: AckPolicy.Explicit,
  ack_wait: 30e9,
});
const consumer = await jetstream(nats).consumers.get(values.stream, values.durable);

/** Of each feed and run, the numbers that came. */
const seen = new Map<string, Set<number>>();
/** Of each feed, the ids that came. */
const ids = new Map<string, Set<string>>();
let total = 0, twice = 0, gaps = 0;

/** Notes one, and whether it came already. */
function note<Name>(seen: Map<string, Set<Name>>, key: string, name: Name): void {
  const names = seen.get(key) ?? new Set();
  seen.set(key, names);
  if (names.has(name)) twice++;
  names.add(name);
}

let left = (await consumer.info()).num_pending;
while (left > 0) {
  const before = total;
  // As many as there are, so that it does not wait for more.
  for await (const message of await consumer.fetch({ max_messages: Math.min(1000, left), expires: 5000 })) {
    left = message.info.pending;
    total++;
    const seq = message.headers?.get("seq") ?? "";
    if (message.headers?.has("gap")) gaps++;
    if (seq !== "") note(seen, `${message.subject} ${message.headers?.get("run")}`, Number(seq));
    else note(ids, message.subject, message.headers?.get("Nats-Msg-Id") ?? "");
    message.ack();
  }
  // Another reader took the rest.
  if (total === before) break;
}

let missing = 0;
for (const [key, numbers] of seen) {
  const first = dropped ? [...numbers].reduce((a, b) => Math.min(a, b)) : 0;
  const expected = [...numbers].reduce((a, b) => Math.max(a, b)) + 1 - first;
  missing += expected - numbers.size;
  console.log(`${key.split(" ")[0]}: ${numbers.size} of ${expected}`);
}
for (const [subject, names] of ids) console.log(`${subject}: ${names.size} with ids`);
console.log(`${total} messages, ${missing} missing, ${twice} twice${gaps > 0 ? `, ${gaps} gaps` : ""}`);
await nats.drain();
process.exitCode = missing > 0 ? 1 : 0;
