/** Sets libcurl's options by name. Every error has the name in it. */
import { CurlWebSocketError } from "../errors.ts";
import { CURLE_NOT_BUILT_IN, CURLE_OK, CURLE_UNKNOWN_OPTION } from "./constants.ts";
import { allocate, ffi, isNull, type Pointer, toCString } from "../platform/ffi.ts";
import { type MemoryFile, memoryFile } from "../platform/memory_file.ts";
import type { Curl } from "./library.ts";
import { nameIn } from "./own_options.ts";
import { type EasyOption, easyOption } from "../options/easy_option.ts";

/**
 * Up to this number, options are the same in all libraries; libcurl-impersonate 7.84 has options of its own after it.
 */
const LAST_COMMON = 317;

const NONE: readonly never[] = [];

/** A number or text that was set, and can be set in another handle as it is. */
export interface RecordedOption {
  readonly name: string;
  readonly number: number;
  readonly value: number | Uint8Array;
  /** Whether it does not matter if libcurl takes it. */
  readonly isTried: boolean;
}

/** Sets the options of one easy handle. It owns the lists and files that it makes, which libcurl does not copy. */
export class OptionSetter {
  readonly curl: Curl;
  readonly easy: Pointer;
  /** Most have none. */
  #lists: readonly Pointer[] = NONE;
  #files: readonly MemoryFile[] = NONE;
  /** What was set since {@linkcode record} began; null if it has not, or something was set that is the handle's own. */
  #recorded: RecordedOption[] | null = null;

  constructor(curl: Curl, easy: Pointer) {
    this.curl = curl;
    this.easy = easy;
  }

  /**
   * Returns what `set` sets by this; null if that cannot be set in another handle as it is: lists and files are this
   * handle's own, and blobs may be large.
   */
  record(set: () => void): readonly RecordedOption[] | null {
    this.#recorded = [];
    try {
      set();
      return this.#recorded;
    } finally {
      this.#recorded = null;
    }
  }

  /** Sets what was recorded with another handle of the same library. */
  repeat(options: readonly RecordedOption[]): void {
    for (const { name, number, value, isTried } of options) {
      const code = typeof value === "number"
        ? this.curl.setLong(this.easy, number, value)
        : this.curl.setBuffer(this.easy, number, value);
      if (code !== CURLE_OK && !isTried) this.refuse(name, code);
    }
  }

  /** Sets an integer, or a flag as 1 or 0. */
  long(name: string, value: number): void {
    const number = numberOf(name);
    this.#recorded?.push({ name, number, value, isTried: false });
    this.refuse(name, this.curl.setLong(this.easy, number, value));
  }

  /** Sets text, which libcurl copies; null for none. */
  text(name: string, value: string | null): void {
    const number = numberOf(name);
    if (value === null) this.refuse(name, this.#setText(number, null));
    else {
      const bytes = toCString(value);
      this.#recorded?.push({ name, number, value: bytes, isTried: false });
      this.refuse(name, this.curl.setBuffer(this.easy, number, bytes));
    }
  }

  /** Sets bytes, which libcurl copies. */
  blob(name: string, value: Uint8Array): void {
    this.#check(name, (number) => this.#setBlob(number, value));
  }

  /** As {@linkcode blob}, but returns whether libcurl takes it, and throws nothing. */
  tryBlob(name: string, value: Uint8Array): boolean {
    return this.#setBlob(numberOf(name), value) === CURLE_OK;
  }

  /**
   * Sets the path of a file in memory with these bytes, which lives until {@linkcode closeFiles}. Returns false if the
   * system has no such files.
   */
  file(name: string, value: Uint8Array): boolean {
    this.#recorded = null;
    const file = memoryFile(value);
    if (file === null) return false;
    this.#files = [...this.#files, file];
    this.text(name, file.path);
    return true;
  }

  /** Sets a list of strings, which lives until {@linkcode free}. */
  list(name: string, values: readonly string[]): void {
    this.#check(name, (number) => this.#setList(number, values));
  }

  /** Sets an option of `curlOptions`. */
  raw({ name, number, kind }: EasyOption, value: number | string | Uint8Array | readonly string[]): void {
    this.#recorded = null;
    this.#refuseOther(name, number);
    let code: number;
    if (kind === "long" || kind === "offset") code = this.curl.setLong(this.easy, number, value as number);
    else if (kind === "string") code = this.#setText(number, value as string);
    else if (kind === "blob") code = this.#setBlob(number, value as Uint8Array);
    else code = this.#setList(number, value as readonly string[]);
    this.refuse(name, code);
  }

  /** Throws if the option's number is another option's in this library, unless the option was given by number. */
  #refuseOther(name: string, number: number): void {
    if (number % 10_000 <= LAST_COMMON || name === String(number)) return;
    const own = nameIn(this.curl, number);
    if (own === null || own === name) return;
    const { version } = this.curl.info;
    const message = `libcurl ${version} does not know the option CURLOPT_${name}, and has another by its number, ` +
      `CURLOPT_${own}; a newer libcurl may know it`;
    throw new CurlWebSocketError("ERR_LIBCURL", message, { curlCode: CURLE_UNKNOWN_OPTION });
  }

  /** As {@linkcode long}, but returns whether libcurl takes it, and throws nothing. */
  tryLong(name: string, value: number): boolean {
    const number = numberOf(name);
    this.#recorded?.push({ name, number, value, isTried: true });
    return this.curl.setLong(this.easy, number, value) === CURLE_OK;
  }

  /** As {@linkcode text}, but returns whether libcurl takes it, and throws nothing. */
  tryText(name: string, value: string | null): boolean {
    return this.#setText(numberOf(name), value) === CURLE_OK;
  }

  /** Closes the files. Call it when libcurl has read them: when it has connected, or the handle is freed. */
  closeFiles(): void {
    const files = this.#files;
    this.#files = NONE;
    for (const file of files) file.close();
  }

  /** Frees the lists and files. Call it when the easy handle is freed. */
  free(): void {
    this.closeFiles();
    const lists = this.#lists;
    this.#lists = NONE;
    for (const list of lists) this.curl.curl_slist_free_all(list);
  }

  /**
   * Throws if libcurl refused an option; `code` is the CURLcode that it returned.
   *
   * @throws {CurlWebSocketError} `ERR_LIBCURL`
   */
  refuse(name: string, code: number): void {
    if (code === CURLE_OK) return;
    const { version, tls } = this.curl.info;
    const curlMessage = this.curl.message(code);
    const why = code === CURLE_UNKNOWN_OPTION
      ? "it does not know this option; a newer libcurl may"
      : code === CURLE_NOT_BUILT_IN
      ? `it, or its TLS library (${tls ?? "none"}), was built without this option`
      : curlMessage;
    const option = /^\d+$/.test(name) ? name : `CURLOPT_${name}`;
    const message = `libcurl ${version} refuses the option ${option}: ${why} (curl ${code})`;
    throw new CurlWebSocketError("ERR_LIBCURL", message, { curlCode: code, curlMessage });
  }

  #check(name: string, set: (number: number) => number): void {
    this.refuse(name, set(numberOf(name)));
  }

  #setText(number: number, value: string | null): number {
    this.#recorded = null;
    if (value === null) return this.curl.setPointer(this.easy, number, null);
    return this.curl.setBuffer(this.easy, number, toCString(value));
  }

  #setBlob(number: number, value: Uint8Array): number {
    this.#recorded = null;
    const data = allocate(value.length);
    data.set(value);
    // struct curl_blob {void *data; size_t len; unsigned int flags}; CURL_BLOB_COPY: libcurl keeps a copy.
    const CURL_BLOB_COPY = 1;
    const blob = allocate(24);
    const fields = new DataView(blob.buffer);
    fields.setBigUint64(0, ffi().address(ffi().pointerTo(data)), true);
    fields.setBigUint64(8, BigInt(data.length), true);
    fields.setUint32(16, CURL_BLOB_COPY, true);
    return this.curl.setBuffer(this.easy, number, blob);
  }

  #setList(number: number, values: readonly string[]): number {
    this.#recorded = null;
    let list: Pointer = null;
    for (const value of values) {
      const longer = this.curl.curl_slist_append(list, toCString(value));
      if (isNull(longer)) {
        this.curl.curl_slist_free_all(list);
        throw new CurlWebSocketError("ERR_LIBCURL", "libcurl could not make a list: out of memory");
      }
      list = longer;
    }
    if (!isNull(list)) this.#lists = [...this.#lists, list];
    return this.curl.setPointer(this.easy, number, list);
  }
}

function numberOf(name: string): number {
  const option = easyOption(name);
  if (option === null) throw new TypeError(`no option of libcurl is named ${name}`);
  return option.number;
}
