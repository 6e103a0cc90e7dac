/** UTF-8 by the grammar of RFC 3629 section 4, written without a TextDecoder, to judge one by. */

/** The ranges of the bytes of a sequence, by its first byte. */
const SEQUENCES: readonly (readonly (readonly [number, number])[])[] = [
  [[0x00, 0x7f]],
  [[0xc2, 0xdf], [0x80, 0xbf]],
  [[0xe0, 0xe0], [0xa0, 0xbf], [0x80, 0xbf]],
  [[0xe1, 0xec], [0x80, 0xbf], [0x80, 0xbf]],
  [[0xed, 0xed], [0x80, 0x9f], [0x80, 0xbf]],
  [[0xee, 0xef], [0x80, 0xbf], [0x80, 0xbf]],
  [[0xf0, 0xf0], [0x90, 0xbf], [0x80, 0xbf], [0x80, 0xbf]],
  [[0xf1, 0xf3], [0x80, 0xbf], [0x80, 0xbf], [0x80, 0xbf]],
  [[0xf4, 0xf4], [0x80, 0x8f], [0x80, 0xbf], [0x80, 0xbf]],
];

/** The bits that the first byte of a sequence of one to four bytes gives. */
const FIRST_BITS = [0x7f, 0x1f, 0x0f, 0x07];

/** A text, or where it is invalid: the offset of the first invalid byte, or the length if the text ends too early. */
export type Judgement = { readonly text: string } | { readonly bad: number };

export function judgeUtf8(bytes: Uint8Array): Judgement {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const sequence = SEQUENCES.find(([first]) => within(bytes[at]!, first!));
    if (sequence === undefined) return { bad: at };
    let codePoint = bytes[at]! & FIRST_BITS[sequence.length - 1]!;
    for (let i = 1; i < sequence.length; i++) {
      const byte = bytes[at + i];
      if (byte === undefined || !within(byte, sequence[i]!)) return { bad: at + i };
      codePoint = codePoint << 6 | byte & 0x3f;
    }
    text += String.fromCodePoint(codePoint);
    at += sequence.length;
  }
  return { text };
}

function within(byte: number, [from, to]: readonly [number, number]): boolean {
  return byte >= from && byte <= to;
}

/** The bytes of code points, none of them a surrogate. */
export function encodeUtf8(codePoints: readonly number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(codePoints.flatMap((point) => {
    if (point < 0x80) return [point];
    if (point < 0x800) return [0xc0 | point >> 6, 0x80 | point & 0x3f];
    if (point < 0x1_0000) return [0xe0 | point >> 12, 0x80 | point >> 6 & 0x3f, 0x80 | point & 0x3f];
    return [0xf0 | point >> 18, 0x80 | point >> 12 & 0x3f, 0x80 | point >> 6 & 0x3f, 0x80 | point & 0x3f];
  }));
}
