/**
 * The packages as users get them: built, packed, and served by a registry on loopback, from which a fresh project of the
 * runtime that runs the test installs them.
 */
import { assert } from "@std/assert";
import { createTarGzip } from "nanotar";
import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { buildNpm, type Manifest, packNpm } from "../../scripts/build_npm.ts";
import { ROOT } from "../../scripts/tools.ts";
import { closePayload, frame, Opcode } from "../support/frames.ts";
import { RawServer } from "../support/raw_server.ts";

export const NAME = "@curlws/curlws";
export const ON_DENO: boolean = "Deno" in globalThis;

/** A temporary folder. */
export class Folder {
  readonly path: string = mkdtempSync(join(tmpdir(), "curlws-package-"));

  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  write(name: string, text: string | Uint8Array): string {
    const path = this.at(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Runs a program to its end; rejects, with all that it printed, where its exit code is not the expected one. */
export function exec(
  command: string[],
  cwd: string,
  { env = {}, code = 0 }: { env?: Record<string, string>; code?: number } = {},
): Promise<{ out: string; err: string }> {
  const [file, ...args] = command as [string, ...string[]];
  const options = { cwd, timeout: 60_000, env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env } };
  return new Promise((resolve, reject) =>
    execFile(file, args, options, (error, out, err) => {
      const ended = error === null ? 0 : error.code ?? error.signal;
      if (ended === code) resolve({ out, err });
      else reject(new Error(`${command.join(" ")} ended with ${ended}, not ${code}:\n${out}${err}`));
    })
  );
}

/** The package, built and packed. */
export interface Packed {
  folder: string;
  tarball: string;
  manifest: Manifest;
}

let packed: Promise<Packed> | undefined;

/** Builds and packs it, once a process. */
export function npmPackage(): Promise<Packed> {
  return packed ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), "curlws-npm-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    const manifest = await buildNpm(join(folder, "npm"));
    return { folder: join(folder, "npm"), tarball: await packNpm(join(folder, "npm"), folder), manifest };
  })();
}

let listing: Promise<string[]> | undefined;

/** The files that JSR gets, relative to the root, by a dry run; on Deno alone. Types are checked by `npm test` itself. */
export function publishedFiles(): Promise<string[]> {
  return listing ??= (async () => {
    const { out, err } = await exec(
      [process.execPath, "publish", "--dry-run", "--allow-dirty", "--no-check"],
      ROOT,
    );
    assert(!/warning/i.test(err), err);
    return [...(out + err).matchAll(/^ +(file:\S+) \(/gm)].map(([, url]) =>
      relative(ROOT, fileURLToPath(url!)).replaceAll("\\", "/")
    );
  })();
}

/** A registry on loopback that has the package and what it depends on, taken from this repository's node_modules. */
export class Registry {
  readonly #server: Server;

  private constructor(packages: Map<string, { manifest: Manifest; tarball: Uint8Array }>) {
    this.#server = createServer((request, response) => {
      const path = decodeURIComponent(request.url!.slice(1));
      const name = path.replace(/\/-\/package\.tgz$/, "");
      const found = packages.get(name);
      if (found === undefined) {
        response.statusCode = 404;
        return response.end("{}");
      }
      if (path !== name) return response.end(found.tarball);
      const { version } = found.manifest;
      const dist = { tarball: `${this.url}/${name}/-/package.tgz` };
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({
        name,
        "dist-tags": { latest: version },
        versions: { [version]: { ...found.manifest, dist } },
      }));
    });
  }

  static async start({ manifest, tarball }: Packed): Promise<Registry> {
    const packages = new Map([[manifest.name, { manifest, tarball: readFileSync(tarball) as Uint8Array }]]);
    for (const name of Object.keys(manifest.dependencies)) packages.set(name, await fromNodeModules(name));
    const registry = new Registry(packages);
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function fromNodeModules(name: string): Promise<{ manifest: Manifest; tarball: Uint8Array }> {
  const folder = join(ROOT, "node_modules", name);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const tarball = await createTarGzip(files.map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return { name: `package/${path.slice(folder.length + 1).replaceAll("\\", "/")}`, data: readFileSync(path) };
  }));
  return { manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")), tarball };
}

/** The environment in which an installer asks that registry, and keeps what it fetched in a folder of the test's own. */
export function installerEnv(registry: string, folder: Folder): Record<string, string> {
  return {
    NPM_CONFIG_REGISTRY: registry,
    BUN_CONFIG_REGISTRY: registry,
    BUN_INSTALL_CACHE_DIR: folder.at("cache"),
    DENO_DIR: folder.at("cache"),
  };
}

/** A fresh project of this runtime that has installed the package by its name. */
export async function installed(folder: Folder): Promise<void> {
  const packed = await npmPackage();
  await using registry = await Registry.start(packed);
  const env = installerEnv(registry.url, folder);
  folder.write("package.json", "{}");
  await exec([process.execPath, ON_DENO ? "install" : "add", ON_DENO ? `npm:${NAME}` : NAME], folder.path, { env });
}

/** README's first example that imports the package, at another address. */
export function readmeExample(url: string): string {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
  const example = blocks.find((code) => code.includes(`from "${NAME}"`) && code.includes(`"wss://example.com/feed"`));
  if (example === undefined) throw new Error(`README.md has no example with ${NAME} and wss://example.com/feed`);
  return example.replaceAll("wss://example.com/feed", url);
}

/** Serves one connection: a message, then a normal close. Answers what `client` does with the URL. */
export async function served<T>(client: (url: string) => Promise<T>): Promise<T> {
  await using server = await RawServer.start();
  const [result] = await Promise.all([
    client(server.url()),
    (async () => {
      const peer = await server.connection();
      await peer.accept();
      await peer.send(frame(Opcode.text, "hello"));
      await peer.send(frame(Opcode.close, closePayload(1000)));
      peer.end();
    })(),
  ]);
  return result;
}
