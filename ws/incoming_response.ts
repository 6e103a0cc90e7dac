/** A response to the opening handshake, as the events `upgrade` and `unexpected-response` get it. */
import { Readable } from "node:stream";

/** Header fields in their order, as received. */
type Fields = readonly (readonly [name: string, value: string])[];

/** The part of Node's `IncomingMessage` that concerns a handshake. Its body is what came of it, at most 64 KiB. */
export class IncomingResponse extends Readable {
  /** Always `"1.1"`. */
  readonly httpVersion: string = "1.1";
  /** The status. */
  readonly statusCode: number;
  /** The words behind the status. */
  readonly statusMessage: string;
  /** The fields, with their names in lower case; values of a name that comes again are joined, but for `set-cookie`. */
  readonly headers: Record<string, string | string[] | undefined>;
  /** Names and values in turn, as received. */
  readonly rawHeaders: string[];
  #body: Uint8Array | null;

  /** Makes a response whose body has come. */
  constructor(status: number, message: string, fields: Fields, body: Uint8Array | null) {
    super();
    this.statusCode = status;
    this.statusMessage = message;
    this.headers = joined(fields);
    this.rawHeaders = fields.flat();
    this.#body = body;
  }

  /** For the stream. */
  override _read(): void {
    const body = this.#body;
    this.#body = null;
    if (body !== null && body.length > 0) this.push(body);
    else this.push(null);
  }
}

function joined(fields: Fields): Record<string, string | string[] | undefined> {
  const headers: Record<string, string | string[] | undefined> = Object.create(null);
  for (const [given, value] of fields) {
    const name = given.toLowerCase(), before = headers[name];
    if (name === "set-cookie") headers[name] = [...(before ?? []), value];
    else headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}
