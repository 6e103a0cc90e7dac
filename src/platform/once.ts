/**
 * What is opened of C, each once a thread: libraries, which stay open until the thread ends. They are opened
 * when they are first needed, or all of them by {@linkcode openAll}: `deno test` counts one that is opened inside a test as
 * that test's leak.
 */
const openers: ((path: string) => unknown)[] = [];

/** Opens something when it is first called, and returns the same from then on. A call that throws has opened nothing. */
export function once<Opened>(open: () => Opened): () => Opened {
  let opened: { readonly value: Opened } | null = null;
  const get = () => (opened ??= { value: open() }).value;
  openers.push(get);
  return get;
}

/** The same for what each libcurl has of its own, by its path. */
export function oncePerLibrary<Opened>(open: (path: string) => Opened): (path: string) => Opened {
  const all = new Map<string, { readonly value: Opened }>();
  const get = (path: string) => {
    let opened = all.get(path);
    if (opened === undefined) all.set(path, opened = { value: open(path) });
    return opened.value;
  };
  openers.push(get);
  return get;
}

/** Opens all that connections by a libcurl may need. */
export function openAll(path: string): void {
  for (const open of openers) {
    try {
      open(path);
    } catch {
      // This system does not have it, such as kqueue on Linux: whoever needs it gets this error again.
    }
  }
}
