/**
 * The libraries of docs/drop-in.md and their servers. They take some 150 MB, so they are no dependency of the project:
 * the first test that wants them has npm put them into `.cache/dropin`. Where they cannot be had there is a reason, and
 * what needs them is skipped.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fetchOnce, ROOT, run } from "../support/fetched.ts";

/** Where the libraries are; git ignores it. */
export const FOLDER: string = join(ROOT, ".cache", "dropin");

const PACKAGES: Record<string, string> = {
  "@nats-io/nats-core": "3.4.0",
  "@supabase/realtime-js": "2.109.0",
  "aedes": "1.2.0",
  "engine.io-client": "6.6.8",
  "ethers": "6.17.0",
  "graphql": "16.15.0",
  "graphql-ws": "6.4.2",
  "mqtt": "5.16.0",
  "nats.ws": "1.30.3",
  "partysocket": "1.3.0",
  "reconnecting-websocket": "4.4.0",
  "rxjs": "7.8.2",
  "socket.io": "4.8.4",
  "socket.io-client": "4.8.4",
  "viem": "2.57.20",
  "ws": "8.23.0",
};

let libraries: { reason: string | undefined } | undefined;

/** Why the libraries cannot be had, in a line; undefined where they are there: as the `skip` of a test. */
export function whyNoLibraries(): string | undefined {
  if (libraries === undefined) {
    const reason = fetchOnce(FOLDER, "packages", JSON.stringify(PACKAGES), (folder) => {
      console.error("installing the libraries of docs/drop-in.md into .cache/dropin, some 150 MB, once");
      writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies: PACKAGES }));
      run("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock", "--fetch-retries=1"], folder);
    });
    libraries = { reason: reason && `the libraries cannot be had: ${reason}` };
  }
  return libraries.reason;
}
