/** The target of compression with the stream that programs get: it needs zlib, and so Deno or Bun. */
import "../../mod.ts";
import { loadZlib } from "../../src/platform/zlib.ts";
import { ZlibInflate } from "../../src/platform/zlib_inflate.ts";
import type { Target } from "./target.ts";
import { deflate, fuzzWith } from "./targets/deflate.ts";

const zlib = loadZlib();

/** Null if there is no zlib. */
export const deflateWithZlib: Target | null = zlib === null
  ? null
  : { ...deflate, fuzz: (data) => fuzzWith((windowBits) => new ZlibInflate(zlib, windowBits), data) };
