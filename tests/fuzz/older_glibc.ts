/**
 * Lets the library of Jazzer.js 4.0.0 load on Linux with a glibc older than 2.38, such as Debian 12's. It was linked on
 * a newer system, and the only things it takes from there are C23's names of `strtol` and `strtoul`, and a marker of
 * libstdc++ 13 that is never called. This gives the functions their old names, and makes the two versions optional. It
 * can go when Jazzer.js is built on an older system.
 */

const SHT_DYNSYM = 11, SHT_GNU_VERNEED = 0x6ffffffe, SHT_GNU_VERSYM = 0x6fffffff;
const VER_FLG_WEAK = 2, VER_NDX_GLOBAL = 1;
const SYMBOL_SIZE = 24;
const PREFIX = "__isoc23_";
const VERSIONS = ["GLIBC_2.38", "GLIBCXX_3.4.32"];

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly count: number;
}

/** Changes a 64-bit little-endian ELF library in place. Returns whether there was anything to change. */
export function loosenVersions(library: Uint8Array<ArrayBuffer>): boolean {
  const view = new DataView(library.buffer, library.byteOffset, library.byteLength);
  const u16 = (at: number) => view.getUint16(at, true), u32 = (at: number) => view.getUint32(at, true);
  const u64 = (at: number) => Number(view.getBigUint64(at, true));
  if (u32(0) !== 0x464c457f || library[4] !== 2 || library[5] !== 1) return false;
  const sections = Array.from({ length: u16(60) }, (_, i): Section => {
    const at = u64(40) + i * u16(58);
    return { type: u32(at + 4), offset: u64(at + 24), size: u64(at + 32), link: u32(at + 40), count: u32(at + 44) };
  });
  const find = (type: number) => sections.find((section) => section.type === type);
  const symbols = find(SHT_DYNSYM), needs = find(SHT_GNU_VERNEED), versions = find(SHT_GNU_VERSYM);
  if (symbols === undefined || needs === undefined || versions === undefined) return false;
  const strings = sections[symbols.link]!.offset;
  const name = (offset: number) => {
    const start = strings + offset;
    return new TextDecoder().decode(library.subarray(start, library.indexOf(0, start)));
  };
  let changed = false;
  for (let need = needs.offset, i = 0; i < needs.count; i++, need += u32(need + 12)) {
    for (let aux = need + u32(need + 8), j = 0; j < u16(need + 2); j++, aux += u32(aux + 12)) {
      if (!VERSIONS.includes(name(u32(aux + 8))) || u16(aux + 4) === VER_FLG_WEAK) continue;
      view.setUint16(aux + 4, VER_FLG_WEAK, true);
      changed = true;
    }
  }
  for (let i = 0; i < symbols.size / SYMBOL_SIZE; i++) {
    const symbol = symbols.offset + i * SYMBOL_SIZE;
    if (!name(u32(symbol)).startsWith(PREFIX)) continue;
    // The old name is the new one's end.
    view.setUint32(symbol, u32(symbol) + PREFIX.length, true);
    view.setUint16(versions.offset + i * 2, VER_NDX_GLOBAL, true);
    changed = true;
  }
  return changed;
}
