/** JA4: a ClientHello as counts and digests, the same whatever the order of its extensions. */
import { createHash } from "node:crypto";
import {
  alpnOf,
  ciphersOf,
  type ClientHello,
  extensionsOf,
  signaturesOf,
  versionsOf,
} from "../../src/curl/client_hello.ts";

/** By the versions' numbers; TLS 1.0 to 1.3. */
const VERSIONS: ReadonlyMap<number, string> = new Map([[0x0301, "10"], [0x0302, "11"], [0x0303, "12"], [0x0304, "13"]]);
const SERVER_NAME = 0, ALPN = 16;

/** Returns JA4 over TCP, as https://github.com/FoxIO-LLC/ja4 says (technical_details/JA4.md). */
export function ja4Of(hello: ClientHello): string {
  const ciphers = ciphersOf(hello), extensions = extensionsOf(hello), signatures = signaturesOf(hello) ?? [];
  const version = Math.max(...versionsOf(hello) ?? [hello.version]);
  const about = [
    "t",
    VERSIONS.get(version) ?? "00",
    extensions.includes(SERVER_NAME) ? "d" : "i",
    count(ciphers),
    count(extensions),
    firstAndLast(alpnOf(hello)[0] ?? ""),
  ];
  const others = sorted(extensions.filter((id) => id !== SERVER_NAME && id !== ALPN));
  return [about.join(""), digest(sorted(ciphers)), digest(others, signatures)].join("_");
}

const count = (list: readonly number[]) => String(Math.min(list.length, 99)).padStart(2, "0");
const sorted = (list: readonly number[]) => list.toSorted((a, b) => a - b);
const hexadecimal = (list: readonly number[]) => list.map((number) => number.toString(16).padStart(4, "0")).join();

function digest(list: readonly number[], more: readonly number[] = []): string {
  if (list.length === 0) return "0".repeat(12);
  const text = more.length === 0 ? hexadecimal(list) : `${hexadecimal(list)}_${hexadecimal(more)}`;
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** Of a protocol; of its hexadecimal digits if one of the two is neither letter nor digit. */
function firstAndLast(protocol: string): string {
  if (protocol === "") return "00";
  const ends = protocol[0]! + protocol.at(-1)!;
  if (/^[\da-z]{2}$/i.test(ends)) return ends;
  const hex = (character: string) => character.charCodeAt(0).toString(16).padStart(2, "0");
  return hex(protocol[0]!)[0]! + hex(protocol.at(-1)!)[1]!;
}
