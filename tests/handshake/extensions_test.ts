import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  acceptDeflate,
  type DeflateOffer,
  type Extension,
  ExtensionError,
  MAX_WINDOW_BITS,
  MIN_WINDOW_BITS,
  offerDeflate,
  parseExtensions,
} from "../../src/handshake/extensions.ts";
import { test } from "../support/testing.ts";
import { property } from "../protocol/support.ts";

const FREE: DeflateOffer = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: null,
  clientMaxWindowBits: true,
};

const BITS = Array.from({ length: MAX_WINDOW_BITS - MIN_WINDOW_BITS + 1 }, (_, i) => MIN_WINDOW_BITS + i);

/** What is read, as [name, parameter, value, parameter, value...]. */
function flat(text: string): unknown[] {
  return parseExtensions(text).map(({ name, parameters }) => [name, ...parameters.flat()]);
}

const VALID: readonly (readonly [text: string, extensions: unknown[]])[] = [
  ["foo", [["foo"]]],
  [" \tfoo\t ", [["foo"]]],
  ["foo, bar", [["foo"], ["bar"]]],
  ["foo,foo", [["foo"], ["foo"]]],
  ["foo; bar", [["foo", "bar", null]]],
  ["foo;bar=baz", [["foo", "bar", "baz"]]],
  ["foo ; bar = baz , qux", [["foo", "bar", "baz"], ["qux"]]],
  ['foo; bar="baz"', [["foo", "bar", "baz"]]],
  ['foo; bar="b\\az"', [["foo", "bar", "baz"]]],
  ['foo; bar="\\b\\a\\z" ; x', [["foo", "bar", "baz", "x", null]]],
  ["foo; bar; bar=2", [["foo", "bar", null, "bar", "2"]]],
  ["!#$%&'*+-.^_`|~09azAZ", [["!#$%&'*+-.^_`|~09azAZ"]]],
  ['permessage-deflate; client_max_window_bits="10"', [["permessage-deflate", "client_max_window_bits", "10"]]],
];

test("fields by the grammar are read", () => {
  for (const [text, extensions] of VALID) assertEquals(flat(text), extensions, text);
});

const MALFORMED = [
  ["", "the name of an extension is missing"],
  [" ", "is unexpected"],
  [",", "the name of an extension is missing"],
  ["foo,", "the name of an extension is missing"],
  ["foo,,bar", "the name of an extension is missing"],
  [";", "the name of an extension is missing"],
  ["=", "the name of an extension is missing"],
  ['"foo"', "the name of an extension is missing"],
  ["foo;", "the name of a parameter is missing"],
  ["foo;;", "the name of a parameter is missing"],
  ['foo;"bar"', "the name of a parameter is missing"],
  ["foo; =1", "the name of a parameter is missing"],
  ["foo; bar=", "the value of bar is no token"],
  ["foo; bar=;", "the value of bar is no token"],
  ["foo; bar==1", "the value of bar is no token"],
  ['foo; bar=""', "the value of bar is no token"],
  ['foo; bar="a b"', "the value of bar is no token"],
  ['foo; bar="a\\""', "the value of bar is no token"],
  ['foo; bar="a', "is unexpected"],
  ['foo; bar="a\\"', "is unexpected"],
  ["foo bar", '"bar" is unexpected'],
  ["foo=1", '"=" is unexpected'],
  ["foo; bar=1 2", '"2" is unexpected'],
  ["foo; bar=1=2", '"=" is unexpected'],
  ["foo/1", '"/1" is unexpected'],
  ["f\u00f6o", "is unexpected"],
  ["foo@", "is unexpected"],
] as const;

for (const [text, why] of MALFORMED) {
  test(`malformed: ${JSON.stringify(text)}`, () => {
    const error = assertThrows(() => parseExtensions(text), ExtensionError, why);
    assertEquals(error.name, "ExtensionError");
    assert(error.message.includes(JSON.stringify(text)), error.message);
  });
}

test("an error's message stays short", () => {
  const error = assertThrows(() => parseExtensions(`foo; ${"x".repeat(10_000)}@`), ExtensionError);
  assert(error.message.length < 400);
});

const token = fc.string({
  unit: fc.constantFrom(..."!#$%&'*+-.^_`|~019azAZ"),
  minLength: 1,
  maxLength: 8,
});
const space = fc.constantFrom("", " ", "\t ");

property(
  "what is written by the grammar is read back",
  fc.record({
    extensions: fc.array(
      fc.record({
        name: token,
        parameters: fc.array(fc.tuple(token, fc.option(token)), { maxLength: 3 }),
      }, { noNullPrototype: true }),
      { minLength: 1, maxLength: 3 },
    ),
    space,
    quote: fc.constantFrom("none", "plain", "escaped"),
  }),
  ({ extensions, space, quote }) => {
    const value = (text: string) =>
      quote === "none" ? text : quote === "plain" ? `"${text}"` : `"${text.replace(/./g, "\\$&")}"`;
    const text = extensions.map(({ name, parameters }) =>
      [
        name,
        ...parameters.map(([name, text]) => text === null ? name : `${name}${space}=${space}${value(text)}`),
      ].join(`${space};${space}`)
    ).join(`${space},${space}`);
    assertEquals<readonly Extension[]>(parseExtensions(`${space}${text}${space}`), extensions);
  },
  500,
);

property(
  "any text is read, or is an ExtensionError",
  fc.string({
    unit: fc.oneof(fc.constantFrom(...'fo;,="\\ \t'), fc.constantFrom("permessage-deflate", "server_max_window_bits")),
    maxLength: 30,
  }),
  (text) => {
    for (const read of [() => parseExtensions(text), () => acceptDeflate(FREE, text)]) {
      try {
        read();
      } catch (error) {
        assertInstanceOf(error, ExtensionError);
      }
    }
  },
  1000,
);

test("an offer as it is written", () => {
  assertEquals(offerDeflate({ ...FREE, clientMaxWindowBits: null }), "permessage-deflate");
  assertEquals(offerDeflate(FREE), "permessage-deflate; client_max_window_bits");
  assertEquals(
    offerDeflate({
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 8,
      clientMaxWindowBits: 15,
    }),
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; " +
      "client_max_window_bits=15",
  );
});

/** What RFC 7692 section 7.1 says of a response: the parameters, or null if it must be refused. */
function judge(
  offer: DeflateOffer,
  response: { serverNo: boolean; clientNo: boolean; server: number | null; client: number | null },
) {
  const { serverNo, clientNo, server, client } = response;
  const serverMost = offer.serverMaxWindowBits ?? 15;
  const clientMost = typeof offer.clientMaxWindowBits === "number" ? offer.clientMaxWindowBits : 15;
  // What the server was asked for and leaves out, it does not promise: this client accepts that.
  const fair = (server === null || server <= serverMost) &&
    (client === null || (offer.clientMaxWindowBits !== null && client <= clientMost));
  return !fair ? null : {
    serverNoContextTakeover: serverNo,
    clientNoContextTakeover: clientNo || offer.clientNoContextTakeover,
    serverMaxWindowBits: server ?? 15,
    clientMaxWindowBits: client ?? clientMost,
  };
}

test("each response to each offer is accepted or refused as RFC 7692 says, except that a server may leave out what was asked for", () => {
  const flags = [false, true], bits = [null, 8, 9, 14, 15];
  let taken = 0, refused = 0;
  for (const serverNoContextTakeover of flags) {
    for (const clientNoContextTakeover of flags) {
      for (const serverMaxWindowBits of bits) {
        for (const clientMaxWindowBits of [...bits, true] as const) {
          const offer: DeflateOffer = {
            serverNoContextTakeover,
            clientNoContextTakeover,
            serverMaxWindowBits,
            clientMaxWindowBits: clientMaxWindowBits as number | true | null,
          };
          for (const serverNo of flags) {
            for (const clientNo of flags) {
              for (const server of bits) {
                for (const client of bits) {
                  const text = "permessage-deflate" + (client === null ? "" : `; client_max_window_bits=${client}`) +
                    (serverNo ? "; server_no_context_takeover" : "") +
                    (server === null ? "" : `; server_max_window_bits="${server}"`) +
                    (clientNo ? "; client_no_context_takeover" : "");
                  const expected = judge(offer, { serverNo, clientNo, server, client });
                  if (expected === null) {
                    refused++;
                    assertThrows(() => acceptDeflate(offer, text), ExtensionError, "is wrong");
                  } else {
                    taken++;
                    assertEquals(acceptDeflate(offer, text), expected);
                  }
                }
              }
            }
          }
        }
      }
    }
  }
  assertEquals(taken + refused, 2 * 2 * 5 * 6 * 2 * 2 * 5 * 5);
  assert(taken > 1000 && refused > 1000);
});

test("windows of each size are negotiated, each side by itself", () => {
  assertEquals(BITS, [8, 9, 10, 11, 12, 13, 14, 15]);
  for (const bits of BITS) {
    const accepted = acceptDeflate(FREE, `permessage-deflate; client_max_window_bits=${bits}`);
    assertEquals([accepted.serverMaxWindowBits, accepted.clientMaxWindowBits], [15, bits]);
    const other = acceptDeflate(FREE, `permessage-deflate; server_max_window_bits=${bits}`);
    assertEquals([other.serverMaxWindowBits, other.clientMaxWindowBits], [bits, 15]);
  }
});

const REFUSED: readonly (readonly [offer: DeflateOffer | null, response: string, why: string])[] = [
  [null, "permessage-deflate", "the server chose the extension permessage-deflate, which was not offered"],
  [FREE, "foo", "the server chose the extension foo, which was not offered"],
  [FREE, "permessage-deflate, foo", "the server chose the extension foo, which was not offered"],
  [FREE, "Permessage-Deflate", "the server chose the extension Permessage-Deflate, which was not offered"],
  [FREE, "permessage-deflate, permessage-deflate", "permessage-deflate more than once"],
  [FREE, "permessage-deflate; foo", "the parameter foo is unknown"],
  [FREE, "permessage-deflate; foo=1", "the parameter foo is unknown"],
  [FREE, "permessage-deflate; __proto__", "the parameter __proto__ is unknown"],
  [FREE, "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "is given twice"],
  [FREE, "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", "is given twice"],
  [FREE, "permessage-deflate; foo; foo=1", "is given twice"],
  [FREE, "permessage-deflate; server_no_context_takeover=1", "takes no value, and has 1"],
  [FREE, "permessage-deflate; client_no_context_takeover=true", "takes no value, and has true"],
  [FREE, "permessage-deflate; client_max_window_bits", "must be from 8 to 15, and is without a value"],
  [FREE, "permessage-deflate; server_max_window_bits", "must be from 8 to 15, and is without a value"],
  ...["7", "16", "0", "08", "10.0", "1e1", "+9", "-9", "80", "115", "x"].map((bits) =>
    [FREE, `permessage-deflate; server_max_window_bits=${bits}`, `must be from 8 to 15, and is ${bits}`] as const
  ),
  [
    { ...FREE, clientMaxWindowBits: 10 },
    "permessage-deflate; client_max_window_bits=11",
    "client_max_window_bits was offered as 10, and is 11",
  ],
  [
    { ...FREE, serverMaxWindowBits: 10 },
    "permessage-deflate; server_max_window_bits=11",
    "server_max_window_bits was offered as 10, and is 11",
  ],
  [
    { ...FREE, clientMaxWindowBits: null },
    "permessage-deflate; client_max_window_bits=15",
    "client_max_window_bits was not offered",
  ],
];

for (const [offer, response, why] of REFUSED) {
  test(`refused: ${response} to ${offer === null ? "nothing" : offerDeflate(offer)}`, () => {
    assertThrows(() => acceptDeflate(offer, response), ExtensionError, why);
  });
}
