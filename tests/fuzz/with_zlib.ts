/** The target of compression with the stream that programs get: it needs zlib, and so Deno or Bun. */
import "../../mod.ts";
import { createInflate, loadZlib } from "../../src/platform/zlib.ts";
import type { Target } from "./target.ts";
import { deflate, fuzzWith } from "./targets/deflate.ts";

const zlib = loadZlib();

/** Null where there is no zlib. */
export const deflateWithZlib: Target | null = zlib === null
  ? null
  : { ...deflate, fuzz: (data) => fuzzWith((windowBits) => createInflate(zlib, windowBits), data) };
