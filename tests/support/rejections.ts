/** What promises reject with. */
import type { CurlWebSocketError } from "../../mod.ts";

/** What a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not reject");
}

/** The code of the error that a promise rejects with. */
export const codeOf = async (promise: Promise<unknown>) => (await failureOf(promise) as CurlWebSocketError).code;
