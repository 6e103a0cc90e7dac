/** How the end of a connection is told. */
import type { ConnectionEnd } from "../../mod.ts";
import { printable } from "../../src/observe/redact.ts";
import { withFlagNames } from "../options/socket_options.ts";

/** The words for what a server closed with. */
export function wordsOfClose({ code, reason }: Pick<ConnectionEnd, "code" | "reason">): string {
  return `the server closed the connection: ${code}${reason === "" ? "" : ` ${printable(reason)}`}`;
}

/** The words for why a connection ended, or could not be made, on one line. */
export function wordsOfEnd(end: ConnectionEnd): string {
  return end.error === null ? wordsOfClose(end) : printable(withFlagNames(end.error.message));
}
