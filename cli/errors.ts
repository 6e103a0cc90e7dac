/** What a command cannot do, in words for people: no stack is shown. */
export class CommandError extends Error {}

/** Standard output that takes no more: the disk is full, or it is closed. */
export class OutputError extends CommandError {
  constructor(cause: unknown) {
    super(`standard output cannot be written: ${words(cause)}`, { cause });
  }
}

/** A command that was called wrongly: its usage is shown too. */
export class UsageError extends CommandError {}

/** One line of whatever was thrown, with its causes, which `fetch` hides the reason in. */
export function words(error: unknown): string {
  const parts: string[] = [];
  for (let cause = error; cause !== undefined && parts.length < 4; cause = (cause as Error)?.cause) {
    const text = (cause instanceof Error ? cause.message : String(cause)).split("\n", 1)[0]!;
    if (text !== "" && !parts.some((part) => part.includes(text))) parts.push(text);
  }
  return parts.join(": ") || "no reason was given";
}
