/** Unpacks the libraries of a wheel or a release. All go into one folder, so only the last part of their paths counts. */
import { unzipSync } from "fflate";
import { parseTarGzip } from "nanotar";
import { CommandError, messageOf } from "../errors.ts";

/** File names, without folders, and contents. */
export type Files = Map<string, Uint8Array>;

const baseName = (path: string): string => path.split("/").at(-1)!;

/** Unpacks libcurl, the libraries that it needs, and their licences. Throws a `CommandError` if there is no libcurl. */
export function unpackWheel(bytes: Uint8Array, file: string): Files {
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes, { filter: ({ name }) => WANTED_OF_WHEEL.test(name) && !name.endsWith("/") });
  } catch (error) {
    throw new CommandError(`the wheel cannot be unpacked: ${messageOf(error)}`, { cause: error });
  }
  return chosen(Object.entries(entries), file, /^libcurl[-.\w]*\.(so|dylib|dll)[.\d]*$/, "the wheel");
}

const WANTED_OF_WHEEL = /^(\w+\.libs|\w+\/\.dylibs)\/|\.dist-info\/licenses\//;

/** Unpacks libcurl-impersonate, and on Windows its other libraries. Throws a `CommandError` if there is no libcurl. */
export async function unpackRelease(bytes: Uint8Array, file: string): Promise<Files> {
  let entries: [string, Uint8Array][];
  try {
    const archive = new Uint8Array(bytes);
    entries = (await parseTarGzip(archive)).flatMap(({ name, type, data }) =>
      type === "file" && data !== undefined ? [[name, data] as [string, Uint8Array]] : []
    );
  } catch (error) {
    throw new CommandError(`the release cannot be unpacked: ${messageOf(error)}`, { cause: error });
  }
  const libraries = entries.filter(([name]) => /\.(so|dylib|dll)[.\d]*$/.test(name));
  return chosen(libraries, file, /^libcurl(-impersonate)?[.\d]*\.(so|dylib|dll)[.\d]*$/, "the release");
}

/** The files by their base names; libcurl gets the name `file`. */
function chosen(entries: [string, Uint8Array][], file: string, library: RegExp, what: string): Files {
  const files: Files = new Map(entries.map(([name, data]) => [baseName(name), data]));
  // An archive may have libcurl several times, under its short names too: the longest name is the file itself.
  const names = [...files.keys()].filter((name) => library.test(name)).sort((a, b) => b.length - a.length);
  const [main] = names;
  if (main === undefined || files.get(main)!.length === 0) {
    throw new CommandError(`${what} has no libcurl; it has ${[...files.keys()].join(", ") || "no libraries"}`);
  }
  const data = files.get(main)!;
  for (const name of names) files.delete(name);
  return files.set(file, data);
}
