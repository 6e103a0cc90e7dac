/** The operand of the command: a URL, or a host. */
import { UsageError } from "../errors.ts";

/** The URL of an operand: `ws:` if it has no scheme. A single word is more likely a misspelt command than a host. */
export function urlOf(operand: string, commands: readonly string[]): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(operand)) return operand;
  if (/^[\w-]+$/.test(operand) && operand !== "localhost") {
    const list = commands.join(", ");
    throw new UsageError(
      `there is no command ${JSON.stringify(operand)}, only ${list}; for a host of that name give ws://${operand}`,
    );
  }
  return `ws://${operand}`;
}
