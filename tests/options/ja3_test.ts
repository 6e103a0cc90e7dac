import { assertEquals, assertThrows } from "@std/assert";
import { parseJa3 } from "../../src/options/ja3.ts";
import { test } from "../support/testing.ts";

test("JA3 is read, without padding", () => {
  assertEquals(parseJa3("771,4865-4866-4867-47,0-11-10-13-43-51-21,4588-29,0"), {
    ciphers: [4865, 4866, 4867, 47],
    extensions: [0, 11, 10, 13, 43, 51],
    groups: [4588, 29],
  });
  // Without point formats the fifth field is empty.
  assertEquals(parseJa3("771,4865-4866-4867,10-13-43-51,29,").extensions, [10, 13, 43, 51]);
});

test("what is no JA3 is a TypeError that says what is wrong", () => {
  const fails = (ja3: string, words: string) => assertThrows(() => parseJa3(ja3), TypeError, words);
  fails("b32309a26951912be7dba376398abc3b", "is an MD5, from which no ClientHello can be made");
  fails(
    "t13d1515h1_8daaf6152771_de4a06bb82e3",
    "must have five fields, as in 771,4865-4866,0-23-10,29-23,0, and has 1",
  );
  fails("771,4865,0", "and has 3");
  fails("771,4865-,0-11-10,29,0", 'ja3: "" is no number from 0 to 65535');
  fails("771,0x1301,0-11-10,29,0", '"0x1301" is no number');
  fails("771,65536,0-11-10,29,0", '"65536" is no number');
  fails("771,,0-11-10,29,0", "has no cipher: its second field is empty");
  fails("771,4865,0-11,,0", "has no group: its fourth field is empty");
  fails("771,4865-47-4865,0-11-10,29,0", "the cipher 4865 is there twice");
  fails("771,4865,0-11-0,29,0", "the extension 0 is there twice");
  fails("771,2570-4865,0-11-10,29,0", "2570 is GREASE, which JA3 leaves out; take it out, and give grease: true");
});

test("what no libcurl-impersonate can send is a TypeError that names the part and says what to do", () => {
  const fails = (ja3: string, words: string) => assertThrows(() => parseJa3(ja3), TypeError, words);
  fails("769,47,0-11-10,29,0", "the version must be 771, which TLS 1.2 and 1.3 send, and is 769");
  fails("771,4868,0-11-10,29,0", "cannot offer the cipher 4868; take it out");
  fails("771,255-47,0-11-10,29,0", "cannot offer the cipher 255; take it out");
  fails("771,4865,0-22-11-10,29,0", "cannot send the extension 22 (encrypt_then_mac); take it out");
  fails("771,4865,0-11-10,30,0", "cannot offer the group 30; take it out");
  fails("771,4865,0-11-10,29,0-1-2", 'the point formats, its fifth field, can only be 0 (uncompressed), not "0-1-2"');
  fails("771,4865,0-10,29,0", "has point formats, its fifth field, without the extension 11 (ec_point_formats)");
  fails("771,4865,0-21-11-10,29,0", "sends the extension 21 (padding) as the last one only");
  for (const alps of ["17513", "17613"]) {
    fails(
      `771,4865,0-11-10-${alps},29,0`,
      `the extension ${alps} (application_settings) belongs to HTTP/2: a browser sends it for pages, and not for wss`,
    );
  }
  fails("771,4865,0-11-10-41,29,0", "41 (pre_shared_key) is there when a session is resumed");
});
