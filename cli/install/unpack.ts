/** Taking the libraries out of a wheel or a release. All go into one folder: only the last part of their names counts. */
import { unzipSync } from "fflate";
import { parseTarGzip } from "nanotar";
import { CommandError, words } from "../errors.ts";

/** A file to be written: its name, without any folder, and its bytes. */
export type Files = Map<string, Uint8Array>;

const baseName = (path: string): string => path.split("/").at(-1)!;

/** A wheel: libcurl and what it needs, and their licences. */
export function unpackWheel(bytes: Uint8Array, file: string): Files {
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes, { filter: ({ name }) => WANTED_OF_WHEEL.test(name) && !name.endsWith("/") });
  } catch (error) {
    throw new CommandError(`the wheel cannot be unpacked: ${words(error)}`, { cause: error });
  }
  return chosen(Object.entries(entries), file, /^libcurl[-.\w]*\.(so|dylib|dll)[.\d]*$/, "the wheel");
}

const WANTED_OF_WHEEL = /^(\w+\.libs|\w+\/\.dylibs)\/|\.dist-info\/licenses\//;

/** A release: libcurl-impersonate alone, and on Windows what lies beside it. */
export async function unpackRelease(bytes: Uint8Array, file: string): Promise<Files> {
  let entries: [string, Uint8Array][];
  try {
    const archive = new Uint8Array(bytes);
    entries = (await parseTarGzip(archive)).flatMap(({ name, type, data }) =>
      type === "file" && data !== undefined ? [[name, data] as [string, Uint8Array]] : []
    );
  } catch (error) {
    throw new CommandError(`the release cannot be unpacked: ${words(error)}`, { cause: error });
  }
  const libraries = entries.filter(([name]) => /\.(so|dylib|dll)[.\d]*$/.test(name));
  return chosen(libraries, file, /^libcurl(-impersonate)?[.\d]*\.(so|dylib|dll)[.\d]*$/, "the release");
}

/** The files by their base names; the library itself under the name by which it is looked for. */
function chosen(entries: [string, Uint8Array][], file: string, library: RegExp, what: string): Files {
  const files: Files = new Map(entries.map(([name, data]) => [baseName(name), data]));
  // An archive may have it several times, for the sake of its names: the longest is the file itself.
  const names = [...files.keys()].filter((name) => library.test(name)).sort((a, b) => b.length - a.length);
  const [main] = names;
  if (main === undefined || files.get(main)!.length === 0) {
    throw new CommandError(`${what} holds no libcurl; it holds ${[...files.keys()].join(", ") || "nothing of use"}`);
  }
  const data = files.get(main)!;
  for (const name of names) files.delete(name);
  return files.set(file, data);
}
