import { assert, assertEquals } from "@std/assert";
import { OPTION_TABLE } from "../../src/options/curl_option_table.ts";
import { easyOption } from "../../src/options/easy_option.ts";
import { test } from "../support/testing.ts";

test("the table has each option once, in the range of its kind", () => {
  const names = Object.values(OPTION_TABLE).flatMap((words) => [...words.matchAll(/(\w+)=(\d+)/g)]);
  assert(names.length > 300);
  const numbers = names.map(([, name]) => easyOption(name!)!.number);
  assertEquals(new Set(numbers).size, numbers.length);
  assertEquals(easyOption("CURLOPT_CAINFO_BLOB")?.number, 40309);
  assertEquals(easyOption("MAX_RECV_SPEED_LARGE")?.number, 30146);
  assertEquals(easyOption("213")?.name, "TCP_KEEPALIVE");
  assertEquals(easyOption("10999")?.name, "IMPERSONATE");
});

test("a number that is in no table gets its kind by its range, and itself as its name", () => {
  assertEquals(easyOption("9876"), { name: "9876", number: 9876, kind: "long" });
  assertEquals(easyOption("19876"), { name: "19876", number: 19876, kind: "string" });
  assertEquals(easyOption("29876"), { name: "29876", number: 29876, kind: "callback" });
  assertEquals(easyOption("39876"), { name: "39876", number: 39876, kind: "offset" });
  assertEquals(easyOption("49876"), { name: "49876", number: 49876, kind: "blob" });
  assertEquals(easyOption("50000"), null);
});

test("a name that is in no table, or differs in case, is no option", () => {
  for (const name of ["TCP_KEEPIDEL", "CURLOPT_", "", "url", "toString", "CURLOPT_CURLOPT_URL", "-1", "1.5"]) {
    assertEquals(easyOption(name), null, name);
  }
});
