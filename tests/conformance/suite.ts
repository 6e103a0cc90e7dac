/** The Autobahn test suite itself, which needs CPython 2.7: finds that, and installs the suite once. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { SetupError } from "./options.ts";

/** Where the suite is installed, and its reports are written. */
export const CACHE: string = join(dirname(fileURLToPath(import.meta.url)), "..", "..", ".cache", "autobahn");

const PACKAGES = [
  "autobahntestsuite==25.10.1",
  "autobahn==0.10.9",
  "twisted[tls]==20.3.0",
  "pyopenssl<22",
  "service_identity",
  "jinja2<3",
  "markupsafe<2",
  "werkzeug<1",
  "klein",
  "unittest2",
  "ujson",
  "wsaccel",
];

export function pythonEnvironment(extra: Record<string, string> = {}): Record<string, string | undefined> {
  const { PYTHONHOME: _home, PYTHONPATH: _path, ...rest } = process.env;
  return { ...rest, PIP_DISABLE_PIP_VERSION_CHECK: "1", PYTHONDONTWRITEBYTECODE: "1", ...extra };
}

/** Whether `command` is a CPython 2.7 that has pip. */
function isUsablePython(command: string): boolean {
  const script = "import sys, platform, pip; print(platform.python_implementation(), sys.version_info[:2])";
  const { status, stdout } = spawnSync(command, ["-c", script], { env: pythonEnvironment(), encoding: "utf8" });
  return status === 0 && stdout.includes("'CPython', (2, 7)");
}

function findPython(): string | undefined {
  const chosen = process.env.CURLWS_PYTHON2;
  if (chosen) {
    if (isUsablePython(chosen)) return chosen;
    throw new SetupError("CURLWS_PYTHON2 does not name a CPython 2.7 that has pip");
  }
  const versions = join(process.env.PYENV_ROOT || join(homedir(), ".pyenv"), "versions");
  const managed = existsSync(versions) ? readdirSync(versions).filter((name) => /^2\.7(\.|$)/.test(name)) : [];
  const candidates = ["python2.7", "python2", ...managed.map((name) => join(versions, name, "bin", "python"))];
  return candidates.find(isUsablePython);
}

/** The Python of the environment that has the suite; makes the environment where it is not there yet. */
export function prepareSuite(): string | undefined {
  const environment = join(CACHE, "venv");
  const python = join(environment, "bin", "python");
  const marker = join(environment, "packages.json");
  const wanted = JSON.stringify(PACKAGES);
  const ready = existsSync(marker) && readFileSync(marker, "utf8") === wanted &&
    spawnSync(python, ["-c", "import autobahntestsuite.wstest"], { env: pythonEnvironment() }).status === 0;
  if (ready) return python;

  const base = findPython();
  if (base === undefined) return undefined;
  console.log("Installing the Autobahn test suite into .cache/autobahn (about a minute, once) ...");
  rmSync(environment, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(join(CACHE, ".gitignore"), "*\n");
  const bootstrap = join(CACHE, "bootstrap");
  const pip = ["-m", "pip", "install", "--quiet"];
  const install = (step: string, command: string, args: string[], env = pythonEnvironment()) => {
    const { status, stdout, stderr, error } = spawnSync(command, args, { env, encoding: "utf8" });
    if (status === 0) return;
    throw new SetupError(`could not install ${step}\n${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`);
  };
  install("virtualenv", base, [...pip, "--upgrade", "--target", bootstrap, "virtualenv"]);
  const withBootstrap = pythonEnvironment({ PYTHONPATH: bootstrap });
  install("a virtual environment", base, ["-m", "virtualenv", environment], withBootstrap);
  install("the test suite", python, [...pip, ...PACKAGES]);
  writeFileSync(marker, wanted);
  return python;
}
