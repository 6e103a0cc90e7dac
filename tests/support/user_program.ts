/** Programs of a user of this module, in a process of their own, with the permissions that a test gives. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";

interface DenoCommand {
  new (path: string, options: object): { output(): Promise<{ stdout: Uint8Array }> };
}

/**
 * What a command prints. Deno's node:child_process gives every permission to a Deno that is named in a command, so on Deno
 * its own API is used.
 */
export async function output(command: string, args: string[], env: Record<string, string>): Promise<string> {
  const { Deno } = globalThis as unknown as { Deno?: { Command: DenoCommand } };
  if (Deno !== undefined) {
    return new TextDecoder().decode((await new Deno.Command(command, { args, env }).output()).stdout);
  }
  return (await promisify(execFile)(command, args, { env: { ...process.env, ...env }, encoding: "utf8" }))
    .stdout;
}

/**
 * Runs lines of a module that has imported `CurlWebSocket` and `libcurl`, and returns what they print; of an error its code
 * and message. `args` come before the program's path.
 */
export async function runUser(args: string[], env: Record<string, string>, lines: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "curlws-user-"));
  const program = join(folder, "user.ts");
  writeFileSync(
    program,
    `import { CurlWebSocket, libcurl } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    try { ${lines}; } catch (error) { console.log(error.code, error.message); }`,
  );
  try {
    return await output(process.execPath, [...args, program], env);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
