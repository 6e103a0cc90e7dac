/**
 * What changes in a house: logs in to Home Assistant, reads all states, subscribes to changes, and does so again after
 * each restart of the server.
 *
 *     HA_TOKEN=… deno run -A examples/home_assistant.ts ws://homeassistant.local:8123/api/websocket light. 100
 *     HA_TOKEN=… bun examples/home_assistant.ts ws://homeassistant.local:8123/api/websocket light. 100
 *
 * The token is a long-lived one, from the page of your user. The second argument is how the names of entities begin.
 */
import process from "node:process";
import { type CurlWebSocket, ReconnectingCurlWebSocket } from "@curlws/curlws";

const [url = "ws://homeassistant.local:8123/api/websocket", prefix = "", count = "Infinity"] = process.argv.slice(2);
const token = process.env.HA_TOKEN;

interface State {
  entity_id: string;
  state: string;
}
interface Message {
  id?: number;
  type: string;
  message?: string;
  success?: boolean;
  result?: unknown;
  error?: { code: string; message: string };
  event?: { data: { entity_id: string; new_state: State | null } };
}

/** What everything was like when it was last heard of. */
const states = new Map<string, string>();

/** A token that is wrong stays so: trying again gets the address banned. */
class WrongToken extends Error {}

const receive = async (socket: CurlWebSocket): Promise<Message> =>
  JSON.parse(String(await socket.receive({ timeout: 10_000 })));

async function connected(socket: CurlWebSocket): Promise<void> {
  await receive(socket); // auth_required
  socket.send(JSON.stringify({ type: "auth", access_token: token }));
  const { type, message } = await receive(socket);
  if (type !== "auth_ok") throw new WrongToken(message);

  // From here on each command has an id, which counts up within the connection, and its result has the same one.
  let id = 0;
  const command = async (fields: object): Promise<unknown> => {
    const own = ++id;
    socket.send(JSON.stringify({ id: own, ...fields }));
    while (true) {
      const { id, type, success, result, error } = await receive(socket);
      if (id !== own || type !== "result") continue; // a change, which the loop below gets too
      if (!success) throw new Error(`${error?.code}: ${error?.message}`);
      return result;
    }
  };
  // First the subscription, then the states: what changes between the two is in both, and not in neither.
  await command({ type: "subscribe_events", event_type: "state_changed" });
  for (const { entity_id, state } of await command({ type: "get_states" }) as State[]) report(entity_id, state);
}

function report(entity: string, state: string): void {
  const before = states.get(entity);
  states.set(entity, state);
  if (state === before || !entity.startsWith(prefix)) return;
  console.log(before === undefined ? `${entity} is ${state}` : `${entity}: ${before} -> ${state}`);
}

const feed = new ReconnectingCurlWebSocket(url, {
  connected,
  maxMessageSize: 256 * 1024 * 1024, // the states of a large house
  reconnect: { isFatal: ({ error }, byDefault) => byDefault || error?.cause instanceof WrongToken },
});
// What changed meanwhile shows when connected() has read all states again: nothing is to be done.
feed.ongap = ({ from, to }) => console.error(`${to - from} ms without a connection`);
process.once("SIGINT", () => feed.close());

try {
  let changes = 0;
  for await (const data of feed) {
    const { type, event } = JSON.parse(String(data)) as Message;
    if (type !== "event") continue; // the login and the results come here too
    const { entity_id, new_state } = event!.data;
    report(entity_id, new_state?.state ?? "removed");
    if (++changes === Number(count)) break;
  }
} catch (error) {
  console.error(`${(error as Error).message}`);
  process.exitCode = 1;
}
