/**
 * The loops over libcurl that `CurlWebSocket` replaces, as peers: `loops.ts busy|sleep-1ms|adaptive`. They only receive, from a
 * paced feed over one plain connection. A flood would measure only their simple parser, as a loop that always finds bytes never
 * waits.
 */
import process from "node:process";
import { epochNow } from "../demo/clock.ts";
import { makePause } from "../demo/pauses.ts";
import { RawConnection } from "../demo/raw_curl.ts";
import type { Command, Measured } from "../protocol.ts";
import { answer, measure, quantiles } from "./measure.ts";

const strategy = process.argv[2] ?? "";
if (!["busy", "sleep-1ms", "adaptive"].includes(strategy)) throw new Error(`unknown strategy ${strategy}`);

async function receive(command: Command): Promise<Measured> {
  const { batch, url, rate, stamped = 0 } = command;
  if (rate === 0) throw new Error("the loops take paced feeds alone");
  let left = 0, bytes = 0, count = 0;
  const latencies: number[] = [];
  const onText = (text: string) => {
    bytes += text.length;
    count++;
    if (stamped > 0 && count % stamped === 0) latencies.push(epochNow() - Number(text.slice(0, 17)));
    left--;
  };
  const connection = await RawConnection.open(url);
  const pause = makePause(strategy);
  const result = await measure(command, () => {
    left += batch; // one poll may return more than the last message of a batch
    while (left > 0) pause(connection.poll(onText));
    return Promise.resolve();
  }, {
    start: () =>
      left =
        bytes =
        count =
        latencies.length =
          0,
    count: () => count,
  });
  connection.close();
  return { ...result, bytes, ...(stamped > 0 ? quantiles(latencies) : {}) };
}

await answer({ receive });
