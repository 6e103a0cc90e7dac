/** The Python clients. pip installs each once, into its own folder in .cache. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Command } from "../protocol.ts";
import type { Found, Lack, Peer, Wanted } from "../peers.ts";

interface Client {
  /** Its requirement, as pip takes it. */
  requirement: string;
  actions: Command["action"][];
  lacks: Lack[];
}

/** The clients, pinned. */
const CLIENTS: Record<string, Client> = {
  // Its `send` fails if the socket is full.
  "curl_cffi-0.7.4": {
    requirement: "curl_cffi==0.7.4",
    actions: ["receive", "roundTrip"],
    lacks: ["deflate", "connections"],
  },
  "curl_cffi": {
    requirement: "curl_cffi==0.17.0",
    actions: ["receive", "roundTrip", "send", "idle"],
    lacks: ["thousands"],
  },
  "websocket-client": {
    requirement: "websocket-client==1.9.2",
    actions: ["receive", "roundTrip", "send"],
    lacks: ["deflate", "connections"],
  },
  "websockets": {
    requirement: "websockets==17.4",
    actions: ["receive", "roundTrip", "send", "idle"],
    lacks: ["thousands"],
  },
  "aiohttp": {
    requirement: "aiohttp==3.14.5",
    actions: ["receive", "roundTrip", "send", "idle"],
    lacks: ["thousands"],
  },
  "picows": {
    requirement: "picows==2.3.1",
    actions: ["receive", "roundTrip", "send", "idle"],
    lacks: ["deflate"],
  },
};

export const PYTHON_PEERS: string[] = Object.keys(CLIENTS).map((name) => `python ${name}`);

interface Python {
  executable: string;
  version: string;
  /** The minor version, in the names of the packages' folders: packages built for one do not work with another. */
  tag: string;
  /** The interpreter as a shared library, if there is one. */
  library: string;
}

const ABOUT = `
import json, os, sys, sysconfig
get = sysconfig.get_config_var
library = os.path.join(get("LIBDIR") or "", get("INSTSONAME") or "") if get("Py_ENABLE_SHARED") else ""
print(json.dumps({
    "executable": sys.executable,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "tag": "cp%d%d" % sys.version_info[:2],
    "library": library if os.path.isfile(library) else "",
    "old": sys.version_info < (3, 9),
}))`;

/** The interpreter, or the reason why there is none. */
function findPython(): Python | string {
  const { status, stdout } = spawnSync("python3", ["-c", ABOUT], { encoding: "utf8" });
  if (status !== 0) return "there is no python3";
  const { old, ...python } = JSON.parse(stdout) as Python & { old: boolean };
  return old ? `python3 is ${python.version}, and 3.9 is the oldest that is tried` : python;
}

/** The folder of a requirement, which is installed if necessary; or the reason why it is not. */
function install(python: Python, requirement: string, root: string, wanted: Wanted): { folder?: string; why?: string } {
  const folder = join(root, ".cache", "bench", "python", `${requirement.replace("==", "-")}-${python.tag}`);
  if (existsSync(folder)) return { folder };
  if (!wanted.install) return { why: "not installed; a run that includes it installs it" };
  console.error(`installing ${requirement} for Python ${python.version}`);
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--target", partial];
  const { status, stderr } = spawnSync(python.executable, [...pip, requirement], { encoding: "utf8" });
  if (status === 0) {
    renameSync(partial, folder);
    return { folder };
  }
  rmSync(partial, { recursive: true, force: true });
  const lines = stderr.trim().split("\n");
  const why = lines.find((line) => /^ERROR/.test(line)) ?? lines.at(-1) ?? "";
  return { why: `pip could not install ${requirement}: ${why.slice(0, 200)}` };
}

/** The wanted Python peers that are available. */
export function findPythonPeers(root: string, worker: string, wanted: Wanted): Found {
  const found: Found = { peers: [], skipped: [] };
  const names = Object.keys(CLIENTS).filter((name) => wanted.includes(`python ${name}`));
  if (names.length === 0) return found;
  const python = findPython();
  if (typeof python === "string") {
    return { peers: [], skipped: names.map((name) => ({ name: `python ${name}`, why: python })) };
  }
  for (const name of names) {
    const { requirement, actions, lacks } = CLIENTS[name]!;
    const { folder, why = "" } = install(python, requirement, root, wanted);
    if (folder === undefined) {
      found.skipped.push({ name: `python ${name}`, why });
      continue;
    }
    const peer: Peer = {
      name: `python ${name}`,
      version: `python ${python.version}, ${requirement.replace("==", " ")}`,
      command: [python.executable, worker, name],
      env: { PYTHONPATH: folder, PYTHONNOUSERSITE: "1" },
      actions,
      lacks: [...lacks, "options"],
      quick: false,
    };
    found.peers.push(peer);
  }
  return found;
}

/**
 * How another program can load the libcurl with WebSocket that is in curl_cffi's extension module, where that is
 * installed: the module refers to the interpreter, which therefore has to be there as a shared library. Linux only.
 */
export function libcurlOfCurlCffi(root: string): Record<string, string> | undefined {
  const python = process.platform === "linux" ? findPython() : "";
  if (typeof python === "string" || python.library === "") return undefined;
  const requirement = CLIENTS["curl_cffi"]!.requirement.replace("==", "-");
  const folder = join(root, ".cache", "bench", "python", `${requirement}-${python.tag}`, "curl_cffi");
  const module = existsSync(folder) ? readdirSync(folder).find((file) => /^_wrapper.*\.so$/.test(file)) : undefined;
  return module === undefined ? undefined : { LIBCURL_PATH: join(folder, module), LD_PRELOAD: python.library };
}
