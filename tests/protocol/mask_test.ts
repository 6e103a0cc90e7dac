import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { makeMaskKernel } from "../../scripts/mask_kernel.ts";
import { mask, MaskingKeys, maskingMemory } from "../../src/protocol/mask.ts";
import { MASK_KERNEL } from "../../src/protocol/mask_kernel.ts";
import { test } from "../support/testing.ts";
import { property } from "./support.ts";

const key = fc.integer({ min: 0, max: 0xffff_ffff });

/** RFC 6455 section 5.3 to the letter. */
function masked(payload: Uint8Array, key: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(payload, (byte, i) => byte ^ (key >>> (i % 4) * 8 & 0xff));
}

const KERNEL_MEMORY = maskingMemory(64 * 1024)!;

for (
  const [where, bytesOf] of [
    ["any memory", (length: number) => new Uint8Array(length)],
    ["the kernel's memory", (length: number) => new Uint8Array(KERNEL_MEMORY, 0, length)],
  ] as const
) {
  property(
    `masking in ${where} is the RFC's at each offset and length, and touches nothing beside`,
    fc.record({
      payload: fc.uint8Array({ maxLength: 300 }),
      before: fc.nat({ max: 9 }),
      skew: fc.nat({ max: 17 }),
      key,
    }),
    ({ payload, before, skew, key }) => {
      const memory = bytesOf(skew + before + payload.length + 8).fill(0x55);
      const bytes = memory.subarray(skew);
      bytes.set(payload, before);
      const expected = memory.slice();
      expected.set(masked(payload, key), skew + before);
      mask(bytes, before, before + payload.length, key);
      assertEquals(memory, expected);
      mask(bytes, before, before + payload.length, key);
      assertEquals(bytes.slice(before, before + payload.length), payload.slice());
    },
    1000,
  );
}

test("masking reaches the last byte of the kernel's memory, which is the thread's one", () => {
  assertEquals(maskingMemory(1), KERNEL_MEMORY);
  const bytes = new Uint8Array(KERNEL_MEMORY);
  bytes.fill(0x0f, bytes.length - 67);
  mask(bytes, bytes.length - 67, bytes.length, 0xffff_ffff);
  assertEquals(bytes.slice(-67), new Uint8Array(67).fill(0xf0));
});

test("src/protocol/mask_kernel.ts is what mask.wat makes", async () => {
  assertEquals(MASK_KERNEL, new Function(`return ${/= (\[[^;]*);/.exec(await makeMaskKernel())![1]}`)());
});

test("a signed key masks like its unsigned form", () => {
  const signed = new Uint8Array(11), unsigned = new Uint8Array(11);
  mask(signed, 1, 10, 0x80818283 | 0);
  mask(unsigned, 1, 10, 0x80818283);
  assertEquals(signed, unsigned);
  assertEquals([...unsigned], [0, 0x83, 0x82, 0x81, 0x80, 0x83, 0x82, 0x81, 0x80, 0x83, 0]);
});

test("an empty range is left alone", () => {
  for (let at = 0; at < 5; at++) {
    const bytes = new Uint8Array(5);
    mask(bytes, at, at, 0xffff_ffff);
    assertEquals(bytes, new Uint8Array(5));
  }
});

test("keys come in the order of the generator, which is asked only when they are used up", () => {
  let calls = 0, size = 0;
  const keys = new MaskingKeys((words) => {
    size = words.length;
    for (let i = 0; i < size; i++) words[i] = calls * size + i;
    calls++;
  });
  assertEquals(calls, 0);
  assertEquals(keys.next(), 0);
  for (let i = 1; i < size; i++) assertEquals(keys.next(), i);
  assertEquals(calls, 1);
  assertEquals(keys.next(), size);
  assertEquals(calls, 2);
});

test("keys are random by default", () => {
  const take = () => {
    const keys = new MaskingKeys();
    return Array.from({ length: 64 }, () => keys.next());
  };
  const some = take();
  assertNotEquals(some, take());
  assertEquals(new Set(some).size, 64);
});
