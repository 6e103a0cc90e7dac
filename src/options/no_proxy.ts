/** For which hosts `no_proxy` and the option `proxy.noProxy` turn the proxy off, by the rules of curl 8. */

/** Returns whether a connection to a host uses no proxy. The host is a URL's; IPv6 may have its brackets. */
export function bypassesProxy(noProxy: string, host: string): boolean {
  const name = host.replace(/^\[|\]$/g, "").replace(/\.$/, "").toLowerCase();
  if (name === "") return false;
  if (noProxy.trim() === "*") return true;
  const address = addressBytes(name);
  for (const part of noProxy.split(",")) {
    const [pattern = "", ...rest] = part.trim().split(/[ \t]+/);
    if (pattern !== "" && (address === null ? nameMatches(name, pattern) : addressMatches(address, pattern))) {
      return true;
    }
    // Patterns are separated by commas. After a pattern that is followed by blanks and more, curl stops.
    if (rest.length > 0) return false;
  }
  return false;
}

/** Returns whether a pattern is the name, or one of its parents; a dot at either end of it does not matter. */
function nameMatches(name: string, pattern: string): boolean {
  const wanted = pattern.toLowerCase().replace(/\.$/, "").replace(/^\./, "");
  return wanted !== "" && (name === wanted || name.endsWith(`.${wanted}`));
}

/** Returns whether a pattern is the address, or its network, such as `192.168.0.0/16`. */
function addressMatches(address: Uint8Array, pattern: string): boolean {
  const [text = "", length, ...more] = pattern.split("/");
  const network = addressBytes(text.replace(/^\[|\]$/g, ""));
  if (network === null || network.length !== address.length || more.length > 0) return false;
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return false;
  // To curl, a length of 0 is none.
  const bits = Number(length ?? 0) || address.length * 8;
  if (bits > address.length * 8) return false;
  const whole = bits >> 3, mask = 0xff << (8 - (bits & 7)) & 0xff;
  for (let i = 0; i < whole; i++) if (address[i] !== network[i]) return false;
  return mask === 0 || (address[whole]! & mask) === (network[whole]! & mask);
}

/** Returns the 4 or 16 octets of an IP address, or null if the text is not one. */
export function addressBytes(text: string): Uint8Array | null {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const octets = text.split(".").map(Number);
    return octets.some((octet) => octet > 255) ? null : Uint8Array.from(octets);
  }
  if (!text.includes(":")) return null;
  const url = URL.parse(`http://[${text}]/`);
  if (url === null) return null;
  // The URL standard serializes IPv6 as eight hexadecimal groups, and leaves out one run of zeros.
  const [head = "", tail] = url.hostname.slice(1, -1).split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":").map((group) => parseInt(group, 16));
  const first = groups(head), last = tail === undefined ? [] : groups(tail);
  const all = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
