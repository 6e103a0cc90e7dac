/** A failure of a command. Its message is printed for people, without a stack. */
export class CommandError extends Error {}

/** Standard output, or a file, cannot be written: the disk is full, or it is closed. */
export class OutputError extends CommandError {
  constructor(cause: unknown, what = "standard output") {
    super(`${what} cannot be written: ${messageOf(cause)}`, { cause });
  }
}

/** The command line is wrong: how to get help is printed too. */
export class UsageError extends CommandError {}

/** Enough for `fetch`, which nests two or three. */
const MAX_CAUSES = 4;

/** The first line of an error's message and of its causes', joined by colons: `fetch` gives its reason only in a cause. */
export function messageOf(error: unknown): string {
  const parts: string[] = [];
  for (let cause = error; cause !== undefined && parts.length < MAX_CAUSES; cause = (cause as Error)?.cause) {
    const text = (cause instanceof Error ? cause.message : String(cause)).split("\n", 1)[0]!;
    if (text !== "" && !parts.some((part) => part.includes(text))) parts.push(text);
  }
  return parts.join(": ") || "no reason was given";
}
