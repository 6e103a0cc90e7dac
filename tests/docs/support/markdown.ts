/** The blocks of code in a page of documentation. */

/** One block. */
export interface Block {
  /** The page's path from the root. */
  readonly page: string;
  /** Of the fence, from 1. */
  readonly line: number;
  /** The page, the heading above it and its number there: stays the same when lines move. */
  readonly name: string;
  readonly code: string;
  /** Why it cannot run, or undefined if it can. */
  readonly noRun: string | undefined;
  /** By how much the times in it are divided when it runs. */
  readonly faster: number;
}

/** A fence of TypeScript; `no-run` behind the language says that it cannot run. */
const FENCE = /^( *)```(?:ts|typescript)\b(.*)$/;
/** A comment above a fence, which the reader of the page does not see. */
const NOTE = /^<!-- (no-run|faster): (.+) -->$/;

/**
 * The TypeScript blocks of a page.
 *
 * @throws {Error} for one that is marked `no-run` without a reason, or has a reason without the mark
 */
export function blocksOf(page: string, text: string): Block[] {
  const lines = text.split("\n"), blocks: Block[] = [];
  let heading = "", count = 0;
  for (let at = 0; at < lines.length; at++) {
    const title = /^#+ +(.+)$/.exec(lines[at]!)?.[1];
    if (title !== undefined) {
      heading = title.replaceAll("`", "");
      count = 0;
    }
    const [, indent, info] = FENCE.exec(lines[at]!) ?? [];
    if (indent === undefined) {
      // What stands in other languages may look like a heading.
      if (/^ *```\S/.test(lines[at]!)) at = lines.findIndex((line, index) => index > at && /^ *```\s*$/.test(line));
      if (at < 0) throw new Error(`${page}: a fence without an end`);
      continue;
    }
    const end = lines.findIndex((line, index) => index > at && line.trimEnd() === `${indent}\`\`\``);
    if (end < 0) throw new Error(`${page}:${at + 1}: a fence without an end`);
    const notes = new Map<string, string>();
    for (let above = at - 1; above >= 0; above--) {
      const [, kind, value] = NOTE.exec(lines[above]!.trim()) ?? [];
      if (kind !== undefined) notes.set(kind, value!);
      else if (lines[above]!.trim() !== "") break;
    }
    const marked = info!.trim() === "no-run", reason = notes.get("no-run");
    if (info!.trim() !== "" && !marked) throw new Error(`${page}:${at + 1}: what does "${info!.trim()}" mean?`);
    if (marked !== (reason !== undefined)) {
      throw new Error(`${page}:${at + 1}: \`\`\`ts no-run and <!-- no-run: the reason --> above it belong together`);
    }
    const faster = Number(notes.get("faster") ?? 1);
    if (!(faster >= 1)) throw new Error(`${page}:${at + 1}: faster: ${notes.get("faster")} is no number from 1`);
    blocks.push({
      page,
      line: at + 1,
      name: `${page}, ${heading} ${++count}`,
      code: lines.slice(at + 1, end).map((line) => line.slice(indent.length)).join("\n"),
      noRun: reason,
      faster,
    });
    at = end;
  }
  return blocks;
}

/** The output that a block announces: the comments `// prints …`, in their order. */
export function promisesOf(code: string): string[] {
  return [...code.matchAll(/\/\/ prints (.+)$/gm)].map(([, text]) => text!.trim());
}
