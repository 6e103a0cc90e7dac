/** Counts messages and bytes of a session, for `--stats`. */
import process from "node:process";
import { ReconnectingCurlWebSocket } from "../../mod.ts";
import type { Link } from "./sender.ts";

interface Direction {
  messages: number;
  bytes: number;
}

/** The counts, and what `--stats` prints. */
export class Stats {
  readonly received: Direction = { messages: 0, bytes: 0 };
  readonly sent: Direction = { messages: 0, bytes: 0 };
  #openedAt = 0;
  #cpuAtOpen = process.cpuUsage();

  /** Starts the clock: call it when the first connection opens. */
  opened(): void {
    this.#openedAt = performance.now();
    this.#cpuAtOpen = process.cpuUsage();
  }

  count(direction: Direction, bytes: number): void {
    direction.messages++;
    direction.bytes += bytes;
  }

  /** The report, as lines for people. Rates and the second CPU time count from the open; the first includes starting up. */
  report(link: Link): string {
    const feed = link instanceof ReconnectingCurlWebSocket ? link.stats : null;
    const seconds = this.#openedAt === 0 ? 0 : (performance.now() - this.#openedAt - (feed?.downTime ?? 0)) / 1000;
    const all = cpuSeconds(process.cpuUsage()), cpu = cpuSeconds(process.cpuUsage(this.#cpuAtOpen));
    const rate = ({ messages, bytes }: Direction) =>
      seconds === 0 ? "" : `, ${number(messages / seconds)} messages/s, ${size(bytes / seconds)}/s`;
    const line = (name: string, direction: Direction) =>
      `${name} ${number(direction.messages)} messages, ${size(direction.bytes)}${rate(direction)}`;
    const lines = [
      line("received", this.received),
      line("sent    ", this.sent),
      `CPU ${all.toFixed(2)} s in all` +
      (seconds === 0
        ? ", never open"
        : `; open for ${seconds.toFixed(2)} s, with ${cpu.toFixed(2)} s of CPU, ${
          (100 * cpu / seconds).toFixed(1)
        } % of a core`),
    ];
    if (feed !== null) {
      const { connections, attempts, gaps, downTime, rotations } = feed;
      lines.push(
        `connections ${connections}, of ${attempts} attempts; rotations ${rotations}; gaps ${gaps}, ${
          milliseconds(downTime)
        } without a connection`,
      );
    }
    const times = link.connection?.times;
    if (times !== undefined) {
      const { lookup, tcp, tls, handshake } = times;
      lines.push(
        `connecting took ${milliseconds(lookup + tcp + tls + handshake)}: look-up ${milliseconds(lookup)}, TCP ${
          milliseconds(tcp)
        }, TLS or proxy ${milliseconds(tls)}, handshake ${milliseconds(handshake)}`,
      );
    }
    const { roundTripTime } = link.stats;
    if (roundTripTime !== null) lines.push(`last round trip ${milliseconds(roundTripTime)}`);
    return lines.map((each) => `curlws: ${each}\n`).join("");
  }
}

function cpuSeconds({ user, system }: { user: number; system: number }): number {
  return (user + system) / 1e6;
}

/** With commas between thousands, and one decimal below ten. */
function number(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 1 : 0 });
}

function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0, value = bytes;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? number(value) : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

export function milliseconds(value: number): string {
  return value < 1000 ? `${value.toFixed(value < 10 ? 2 : 1)} ms` : `${(value / 1000).toFixed(2)} s`;
}
