import { assert, assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OPTIONS } from "../../../cli/options/options.ts";
import { findProgram } from "../../support/programs.ts";
import { test } from "../../support/testing.ts";
import { curlws } from "../support.ts";

const without = (program: string) =>
  findProgram(program) === undefined ? `${program} is not on this machine` : undefined;

/** Loads the completions into a real shell and runs a script there; gives what it printed, a line each. */
async function inShell(shell: string, args: string[], script: string): Promise<string[]> {
  const { code, out } = await curlws(["completions", shell]);
  assertEquals(code, 0);
  const folder = mkdtempSync(join(tmpdir(), "curlws-complete-"));
  try {
    writeFileSync(join(folder, "completions"), out);
    writeFileSync(join(folder, "client.pem"), "");
    const { stdout, stderr } = spawnSync(findProgram(shell)!, [...args, script], { cwd: folder, encoding: "utf8" });
    assertEquals(stderr, "");
    return stdout.split("\n").filter((line) => line !== "");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const BASH = `source ./completions
try() { COMP_WORDS=(curlws "$@"); COMP_CWORD=$#; COMPREPLY=(); _curlws; echo "\${COMPREPLY[*]}"; }
complete -p curlws; try ins; try --pro; try -E cl; try completions ""; try install-libcurl --fo; try -k --wait f; try -; try --har cl; try replay --sent w; try replay --o`;

test("bash completes commands, options, their values and files", async () => {
  const [registered, command, proxy, file, shells, force, wait, all, ...replay] = await inShell("bash", ["-c"], BASH);
  assertEquals(registered, "complete -o default -F _curlws curlws");
  assertEquals(command, "install-libcurl install-impersonate");
  assert(proxy!.split(" ").includes("--proxy-user"));
  assertEquals([file, shells?.split(" ").slice(-3).join(" "), force, wait], [
    "client.pem",
    "bash zsh fish",
    "--force",
    "forever",
  ]);
  assertEquals(replay, ["client.pem", "wait", "--once"]);
  for (const { name } of OPTIONS) assert(all!.split(" ").includes(`--${name}`), name);
}, { skip: without("bash") });

test("fish completes commands, options, their values and files", async () => {
  const script = `source ./completions
for line in 'curlws ins' 'curlws --proxy-use' 'curlws completions z' 'curlws --wait f' 'curlws install-libcurl --forc' \
    'curlws --har cl' 'curlws replay cl' 'curlws replay --sent w'
  complete -C $line | string split -f 1 \\t | string join ' '
end`;
  assertEquals(await inShell("fish", ["--no-config", "-c"], script), [
    "install-impersonate install-libcurl",
    "--proxy-user",
    "zsh",
    "forever",
    "--force",
    "client.pem",
    "client.pem",
    "wait",
  ]);
}, { skip: without("fish") });

test("zsh completes commands, options and values", async () => {
  // A pseudo-terminal with a real line editor: keys go in, and the line that came of them is printed.
  const script = `zmodload zsh/zpty
zpty -b shell zsh -f
zpty -w shell $'PS1=; stty -echo; autoload -Uz compinit; compinit -u -D; source ./completions; '\\
$'_done() { print -r -- "LINE[$BUFFER]"; BUFFER=; zle .accept-line }; zle -N _done; bindkey "^X" _done; print READY'
until zpty -r shell line '*READY*'; do sleep 0.05; done
for keys in 'curlws install-i' 'curlws --proxy-use' 'curlws completions z' 'curlws --wait f' 'curlws install-libcurl --forc' \
  'curlws replay cl' 'curlws replay --sent w'; do
  zpty -w -n shell "$keys"$'\\t\\C-x'
  line=; until [[ $line == *LINE\\[*\\]* ]]; do zpty -r shell part || sleep 0.02; line+=$part; part=; done
  print -r -- "\${\${line##*LINE\\[}%%\\]*}"
done
zpty -d shell`;
  assertEquals((await inShell("zsh", ["-f", "-c"], script)).map((line) => line.trim()), [
    "curlws install-impersonate",
    "curlws --proxy-user",
    "curlws completions zsh",
    "curlws --wait forever",
    "curlws install-libcurl --force",
    "curlws replay client.pem",
    "curlws replay --sent wait",
  ]);
}, { skip: without("zsh") });

test("an unknown shell is an error", async () => {
  const { code, err } = await curlws(["completions", "tcsh"]);
  assertEquals([code, /takes bash, zsh, fish, not "tcsh"/.test(err)], [2, true]);
});
