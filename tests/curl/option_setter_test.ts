import "../../mod.ts";
import { loadCurl } from "../../src/curl/library.ts";
import { OptionSetter } from "../../src/curl/option_setter.ts";
import { test } from "../support/testing.ts";

test("lists outlive the handle that reads them, and are freed once", () => {
  const curl = loadCurl();
  for (let i = 0; i < 100; i++) {
    const easy = curl.curl_easy_init();
    const set = new OptionSetter(curl, easy);
    for (let j = 0; j < 10; j++) set.list("RESOLVE", [`a${j}:1:127.0.0.1`, `b${j}:1:[::1]`]);
    set.list("CONNECT_TO", []);
    curl.curl_easy_cleanup(easy);
    set.free();
    set.free();
  }
});
