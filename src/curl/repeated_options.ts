/** The options of attempts that are all alike, such as a thousand to one server: worked out once, and set again. */
import type { CompleteProxy } from "../options/proxy.ts";
import { connectLimit, type ConnectTarget, setBaseOptions, setUserOptions } from "./handle_options.ts";
import type { Curl } from "./library.ts";
import type { OptionSetter, RecordedOption } from "./option_setter.ts";

/** How many kinds of attempts are remembered, each in some KiB: programs have a few servers. */
const REMEMBERED = 16;

/** What was set for each kind of attempt, by library. */
const recorded = new WeakMap<Curl, Map<string, readonly RecordedOption[]>>();

/**
 * Sets all options of an attempt without TLS and without a proxy. Returns false, and sets nothing, if it has more than its
 * address, its limit and numbers for the network: to work these out anew takes a tenth of a connection's time, and to set
 * them a hundredth.
 */
export function setRepeated(set: OptionSetter, target: ConnectTarget, proxy: CompleteProxy | null): boolean {
  const key = kindOf(target, proxy);
  if (key === null) return false;
  let kinds = recorded.get(set.curl);
  if (kinds === undefined) recorded.set(set.curl, kinds = new Map());
  const known = kinds.get(key);
  if (known !== undefined) {
    set.repeat(known);
    return true;
  }
  const options = set.record(() => {
    setBaseOptions(set, target);
    setUserOptions(set, target, proxy);
  });
  if (options === null) return true;
  if (kinds.size >= REMEMBERED) kinds.clear();
  kinds.set(key, options);
  return true;
}

/** Returns a key: attempts with the same one have the same options. Null for those that have options of their own. */
function kindOf(target: ConnectTarget, proxy: CompleteProxy | null): string | null {
  const { url, network, curlOptions, browser, timeout } = target;
  if (url.protocol !== "http:" || proxy !== null || browser !== null || curlOptions.length > 0) return null;
  if (network.resolve.length > 0 || network.connectTo.length > 0) return null;
  return `${url.host} ${connectLimit(timeout)} ${JSON.stringify(network)}`;
}
