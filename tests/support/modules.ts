/** The repository's own modules: lists them and their imports, and strips a source of everything but code. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** The text of a file, named from the repository's root. */
export const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** The files below a folder, named from it, sorted. */
export function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(join(ROOT, folder).length + 1).replaceAll("\\", "/"))
    .sort();
}

/** The TypeScript files below a folder, and what each imports, including types: paths from that folder, `../mod.ts` for one outside. */
export function importsBelow(folder: string): Map<string, string[]> {
  const files = filesBelow(folder).filter((path) => path.endsWith(".ts"));
  return new Map(files.map((file) => {
    const specifiers = read(`${folder}/${file}`).matchAll(/^(?:import|export)\s[^;]*?from\s+"(\.[^"]+)"/gm);
    return [file, [...specifiers].map(([, specifier]) => posix.join(posix.dirname(file), specifier!))];
  }));
}

/** The folder that a path begins with, or the path of a file that lies in none. */
export const folderOf = (path: string): string => path.includes("/") ? path.slice(0, path.indexOf("/")) : path;

/** A circle in a graph, its first node at both ends, or null if there is none. */
export function circleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): string[] | null => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return null;
    for (const next of graph.get(node) ?? []) {
      const found = visit(next, [...path, node]);
      if (found !== null) return found;
    }
    done.add(node);
    return null;
  };
  for (const node of graph.keys()) {
    const found = visit(node, []);
    if (found !== null) return found;
  }
  return null;
}

/** Comments, the three kinds of strings, and regular expressions (a slash at the start of a value). */
const NOT_CODE =
  /\/\*[^]*?\*\/|\/\/.*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|(?<=[=(,:;!&|?[{}>\n]\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//g;

/** A source without its comments, strings and regular expressions; a string that is one word stays, as it may be a property's name. */
export function codeOf(source: string): string {
  return source.replace(NOT_CODE, (text) => /^(["'`])\w+\1$/.test(text) ? text : " ");
}
