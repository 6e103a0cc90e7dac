/** The scenarios that are measured. */
import type { FigureName } from "./figures.ts";
import type { Command } from "./protocol.ts";

export interface Scenario {
  name: string;
  title: string;
  path: string;
  command: Omit<Command, "url" | "seconds" | "warmUp">;
  /** What is compared; more than one is shown as a table. */
  figures: readonly FigureName[];
  /** Also measured over TLS; `"always"`: only so. */
  tls: boolean | "always";
  /** Each round has a new process: what is measured happens once in a process. */
  fresh?: boolean;
  /** Whether it is part of `--quick`. */
  quick: boolean;
  /** Only by `--only`. */
  onRequest?: boolean;
  /** Its latencies are shown as a histogram. */
  histogram?: boolean;
}

type Extra = Partial<Scenario["command"]>;

function flood(size: number, kind: "text" | "binary", quick: boolean): Scenario {
  const label = size >= 1024 ? `${size / 1024} KiB` : `${size} B`;
  return {
    name: `flood-${size}-${kind}`,
    title: `flood of ${kind}, ${label}`,
    path: `/feed?size=${size}&kind=${kind}`,
    command: base({ action: "receive", batch: Math.max(50, Math.round(2e6 / (size + 100))), size, kind }),
    figures: [size >= 65536 ? "bytesPerSecond" : "perSecond"],
    tls: true,
    quick,
  };
}

function paced(rate: number, quick: boolean, extra: Extra = {}, name = `paced-${rate}`, note = ""): Scenario {
  const batch = rate >= 1000 ? rate / 20 : rate >= 100 ? 10 : 1;
  return {
    name,
    title: `${rate.toLocaleString("en-US")} messages/s of 200 B${note}`,
    path: `/feed?rate=${rate}&size=200`,
    command: base({ action: "receive", batch, rate, size: 200, stamped: rate > 2000 ? 10 : 1, ...extra }),
    figures: ["cpuUs"],
    tls: true,
    quick,
  };
}

/** The first seconds of a process, before its engine has compiled what a message runs. */
function cold(rate: number): Scenario {
  const title = `${rate.toLocaleString("en-US")} messages/s of 200 B, the first 3 s of a process`;
  return { ...paced(rate, false), name: `cold-${rate}`, title, fresh: true };
}

/** A feed as real ones come: messages at once, then none for a while. */
function bursts(rate: number, burst: number): Scenario {
  const every = (burst * 1000 / rate).toLocaleString("en-US");
  const plain = paced(rate, false, {}, `bursts-${rate}`, `, ${burst} every ${every} ms`);
  return { ...plain, path: `${plain.path}&burst=${burst}`, histogram: true };
}

/** The feeds of {@linkcode delays}. */
export const DELAY_FEEDS: readonly Scenario[] = [
  paced(1000, false),
  bursts(2000, 4),
  ...[5000, 10_000, 50_000].map((rate) => paced(rate, false)),
];
/** And its values of `maxReceiveDelay`, ms. */
export const DELAYS: readonly number[] = [0, 1, 5, 10, 50];

/** What `maxReceiveDelay` costs and gains: `bench/delays.ts` makes a table of them. */
function delays(): Scenario[] {
  return DELAY_FEEDS.flatMap((feed) =>
    DELAYS.map((maxReceiveDelay): Scenario => ({
      ...feed,
      name: `delays-${feed.command.rate}-${maxReceiveDelay}`,
      title: `${feed.title}, maxReceiveDelay ${maxReceiveDelay}`,
      command: { ...feed.command, options: { maxReceiveDelay } },
      onRequest: true,
      histogram: true,
    }))
  );
}

function json(deflate: boolean): Scenario {
  return {
    name: deflate ? "json-deflate" : "json",
    title: `JSON feed, ${deflate ? "compressed" : "as it is"}`,
    path: `/feed?kind=json${deflate ? "&deflate=1" : ""}`,
    command: base({ action: "receive", batch: 2000, kind: "json", deflate }),
    figures: ["perSecond"],
    tls: true,
    quick: true,
  };
}

function sending(size: number, quick: boolean): Scenario {
  return {
    name: `send-${size}`,
    title: `sending ${size >= 1024 ? `${size / 1024} KiB` : `${size} B`} messages`,
    path: "/sink",
    command: base({ action: "send", batch: Math.max(100, Math.round(2e6 / (size + 100))), size }),
    figures: ["perSecond"],
    tls: true,
    quick,
  };
}

function many(connections: number): Scenario {
  return {
    ...paced(10_000, false, { connections, stamped: 10 }, `connections-${connections}`),
    title: `10,000 messages/s over ${connections.toLocaleString("en-US")} connections`,
    path: `/feed?rate=10000&size=200&group=many`,
    tls: false,
  };
}

function idle(connections: number, quick: boolean): Scenario {
  return {
    name: `idle-${connections}`,
    title: `${connections.toLocaleString("en-US")} idle connection${connections > 1 ? "s" : ""}`,
    path: "/idle",
    command: base({ action: "idle", batch: 1, connections }),
    figures: ["cpuPercent"],
    tls: connections === 1,
    quick,
  };
}

/** Figures of connections that are opened; with `wss:` verified by the system's CAs. */
function opening(name: string, title: string, connections: number, extra: Extra = {}): Scenario {
  const secure = name.includes("wss");
  const many = ["cpuEach", "memoryEach", "filesEach", "stallMs", "stallCpuMs", "openMs"] as const;
  return {
    name,
    title: title + (secure ? ", the system's CAs" : ""),
    path: "/idle",
    command: base({ action: "open", batch: 1, connections, verify: secure, ...extra }),
    figures: connections === 1 ? ["cpuEach", "stallMs", "stallCpuMs", "openMs"] : many,
    tls: secure ? "always" : false,
    fresh: true,
    quick: false,
  };
}

/** A feed whose messages are all counted. */
function counted(connections: number): Scenario {
  const count = connections.toLocaleString("en-US");
  return {
    name: `count-${connections}`,
    title: `10,000 messages/s over ${count} connections, each message counted`,
    path: "/counted?rate=10000&size=200",
    command: base({ action: "count", batch: 1, rate: 10_000, size: 200, connections, stamped: 10 }),
    figures: ["lost", "perSecond", "cpuUs", "p50", "p99", "stallMs", "stallCpuMs", "memoryEach", "filesEach", "openMs"],
    tls: false,
    fresh: true,
    quick: false,
  };
}

function base(command: Extra & Pick<Command, "action" | "batch">): Scenario["command"] {
  return { rate: 0, size: 100, kind: "text", ...command };
}

export const SCENARIOS: Scenario[] = [
  cold(100),
  cold(1000),
  paced(5, false),
  paced(100, false),
  paced(1000, true),
  { ...paced(10_000, true), histogram: true },
  { ...paced(50_000, false), histogram: true },
  bursts(2000, 4),
  {
    ...paced(10_000, false, { options: { maxReceiveDelay: 0 } }, "paced-10000-immediate", ", maxReceiveDelay 0"),
    histogram: true,
  },
  flood(16, "text", false),
  flood(100, "text", true),
  flood(100, "binary", true),
  flood(1024, "text", false),
  flood(1024, "binary", false),
  flood(131072, "text", false),
  flood(131072, "binary", true),
  {
    name: "round-trip",
    title: "round trip of 32 B",
    path: "/echo",
    command: base({ action: "roundTrip", batch: 100, size: 32 }),
    figures: ["p50"],
    tls: true,
    quick: true,
  },
  sending(100, true),
  sending(65536, false),
  json(false),
  json(true),
  idle(1, true),
  idle(1000, false),
  opening("open-ws", "1,000 ws connections at once", 1000),
  opening("open-wss", "1,000 wss connections at once", 1000),
  opening("first-ws", "the first ws connection of a process", 1),
  opening("first-wss", "the first wss connection of a process", 1),
  opening("reconnect-wss", "100 wss connections to one host, one after another", 100, { action: "reconnect" }),
  many(100),
  many(1000),
  many(5000),
  counted(10_000),
  ...delays(),
];
