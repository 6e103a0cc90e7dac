import { assert, assertEquals, assertThrows } from "@std/assert";
import { InflateError } from "../../src/errors.ts";
import { ProtocolViolation } from "../../src/protocol/constants.ts";
import {
  type DeflateStream,
  type InflateStream,
  MessageDeflater,
  MessageInflater,
} from "../../src/protocol/permessage_deflate.ts";
import type { DeflateParameters } from "../../src/handshake/extensions.ts";
import { test } from "../support/testing.ts";
import { fromHex, toHex } from "./support.ts";

const PARAMETERS: DeflateParameters = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 11,
  clientMaxWindowBits: 12,
};

/** A stream that writes down what is asked of it; each read gives the next of `outputs`. */
class FakeStream implements InflateStream, DeflateStream {
  readonly calls: string[] = [];
  outputs: (Uint8Array | Error | null)[] = [];
  drained = false;

  write(input: Uint8Array, last: boolean): void {
    this.calls.push(`write ${toHex(input)}${last ? " last" : ""}`);
  }
  read(): Uint8Array | null {
    this.calls.push("read");
    const output = this.outputs.shift();
    if (output instanceof Error) throw output;
    return output ?? null;
  }
  deflate(input: Uint8Array): Uint8Array {
    this.calls.push(`deflate ${toHex(input)}`);
    return fromHex("2a 00 00 ff ff");
  }
  reset(): void {
    this.calls.push("reset");
  }
  close(): void {
    this.calls.push("close");
  }
}

function inflater(parameters: Partial<DeflateParameters> = {}) {
  const stream = new FakeStream(), created: number[] = [];
  const inflater = new MessageInflater({ ...PARAMETERS, ...parameters }, (bits) => {
    created.push(bits);
    return stream;
  });
  return { inflater, stream, created };
}

function deflater(parameters: Partial<DeflateParameters> = {}) {
  const stream = new FakeStream(), created: number[] = [];
  const deflater = new MessageDeflater({ ...PARAMETERS, ...parameters }, (bits) => {
    created.push(bits);
    return stream;
  });
  return { deflater, stream, created };
}

test("the inflater makes its stream for the first message, with the largest window", () => {
  const { inflater: messages, created } = inflater();
  assertEquals(created, []);
  messages.write(Uint8Array.of(1), false);
  messages.write(Uint8Array.of(2), true);
  assertEquals(created, [15]);
});

test("the inflater hands on what is written and read", () => {
  const { inflater: messages, stream } = inflater();
  stream.outputs = [Uint8Array.of(7), null];
  messages.write(Uint8Array.of(1), false);
  assertEquals(messages.read(), Uint8Array.of(7));
  assertEquals(messages.drained, false);
  stream.drained = true;
  assertEquals(messages.read(), null);
  assertEquals(messages.drained, true);
  messages.write(Uint8Array.of(2), true);
  assertEquals(stream.calls, ["write 01", "read", "read", "write 02 last"]);
});

test("a message's end resets the inflater where the server shares no window", () => {
  for (const serverNoContextTakeover of [false, true]) {
    const { inflater: messages, stream } = inflater({ serverNoContextTakeover, clientNoContextTakeover: true });
    messages.write(Uint8Array.of(1), true);
    messages.finish();
    assertEquals(stream.calls, ["write 01 last", ...(serverNoContextTakeover ? ["reset"] : [])]);
  }
});

test("what is no DEFLATE data is a violation; other errors come out as they are", () => {
  const { inflater: messages, stream } = inflater();
  const other = new RangeError("other");
  stream.outputs = [new InflateError("invalid block type"), other];
  messages.write(Uint8Array.of(1), true);
  const error = assertThrows(() => messages.read(), ProtocolViolation, "(RFC 7692 section 7.2.2): invalid block type");
  assertEquals([error.violation, error.closeCode], ["DEFLATE_INVALID", 1007]);
  assertEquals(assertThrows(() => messages.read()), other);
  assertEquals(new InflateError("x").name, "InflateError");
});

test("closing needs no stream, and an inflater that is closed makes none", () => {
  const { deflater: unused, stream: none } = deflater();
  unused.close();
  assertEquals(none.calls, []);
  const { inflater: messages, created } = inflater();
  messages.close();
  assertThrows(() => messages.write(Uint8Array.of(1), true), Error, "the inflater is closed");
  assertEquals(created, []);
});

test("closing frees the stream once", () => {
  for (
    const { messages, write, stream } of [
      (({ inflater, stream }) => ({ messages: inflater, write: () => inflater.write(Uint8Array.of(1), true), stream }))(
        inflater(),
      ),
      (({ deflater, stream }) => ({ messages: deflater, write: () => deflater.deflate(Uint8Array.of(1)), stream }))(
        deflater(),
      ),
    ]
  ) {
    write();
    messages.close();
    messages.close();
    assertEquals(stream.calls.filter((call) => call === "close").length, 1);
  }
});

test("the deflater makes its stream for the first message that is not empty, with the client's window", () => {
  const { deflater: messages, stream, created } = deflater();
  assertEquals(messages.deflate(new Uint8Array(0)), Uint8Array.of(0));
  assertEquals(created, []);
  // The flush's last four octets are not sent.
  assertEquals([...messages.deflate(Uint8Array.of(1, 2))], [0x2a]);
  assertEquals([...messages.deflate(Uint8Array.of(3))], [0x2a]);
  assertEquals(created, [12]);
  assertEquals(messages.deflate(new Uint8Array(0)), Uint8Array.of(0));
  assertEquals(stream.calls, ["deflate 0102", "deflate 03"]);
});

test("the deflater is reset after each message where the client shares no window", () => {
  const { deflater: messages, stream } = deflater({ clientNoContextTakeover: true });
  messages.deflate(Uint8Array.of(1));
  assert(messages.deflate(new Uint8Array(0)).length === 1);
  messages.deflate(Uint8Array.of(2));
  assertEquals(stream.calls, ["deflate 01", "reset", "deflate 02", "reset"]);
});
