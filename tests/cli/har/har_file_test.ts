import { assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { type FileAccess, HarFile } from "../../../cli/har/har_file.ts";
import { test } from "../../support/testing.ts";

const HEAD = "{[", TAIL = "]}", OPEN = "<>]}";

/** A disk with room for `room` bytes, which takes at most `piece` bytes a write. */
class Disk implements FileAccess {
  bytes: Uint8Array = new Uint8Array();
  room = Infinity;
  piece = Infinity;
  writes = 0;
  isOpen = false;
  closeError: Error | null = null;

  open(): number {
    this.isOpen = true;
    return 7;
  }

  write(_fd: number, bytes: Uint8Array, position: number): number {
    this.writes++;
    const size = Math.min(bytes.length, this.piece, this.room - position);
    if (size <= 0) throw new Error("no space left");
    const all = new Uint8Array(Math.max(this.bytes.length, position + size));
    all.set(this.bytes);
    all.set(bytes.subarray(0, size), position);
    this.bytes = all;
    return size;
  }

  truncate(_fd: number, size: number): void {
    this.bytes = this.bytes.slice(0, size);
  }

  close(): void {
    this.isOpen = false;
    if (this.closeError !== null) throw this.closeError;
  }

  get text(): string {
    return Buffer.from(this.bytes).toString();
  }
}

test("HarFile: the file is whole after each write, and what a turn appends is one write", async () => {
  const disk = new Disk();
  const file = new HarFile("path", HEAD, TAIL, disk);
  assertEquals(disk.text, "{[]}");
  file.append("a<", OPEN);
  file.append("ü", OPEN);
  assertEquals(disk.text, "{[]}");
  await new Promise((resolve) => setImmediate(resolve));
  assertEquals([disk.text, disk.writes], ["{[a<ü<>]}", 2]);
  file.append("<>", TAIL);
  file.flush();
  assertEquals(disk.text, "{[a<ü<>]}");
  // A long text is not kept until then.
  disk.piece = 100_000;
  file.append("x".repeat(2 ** 20), TAIL);
  assertEquals(disk.bytes.length, 2 ** 20 + 10);
  file.close();
  file.append("late", TAIL);
  file.close();
  assertEquals([disk.isOpen, file.isOpen, disk.bytes.length], [false, false, 2 ** 20 + 10]);
});

test("HarFile: a disk that is full in the middle of a write leaves what was whole before, and one error", () => {
  for (const room of [5, 8, 10, 13]) {
    const disk = new Disk();
    disk.room = room;
    disk.piece = 2;
    const file = new HarFile("path", HEAD, TAIL, disk), errors: unknown[] = [];
    file.onBroken = (error) => errors.push((error as Error).message);
    file.append("a<", OPEN);
    file.flush();
    const whole = disk.text;
    file.append("bbbbbbbbbbb", OPEN);
    file.flush();
    file.append("c", OPEN);
    file.flush();
    file.close();
    assertEquals([whole, disk.text], room < 8 ? ["{[]}", "{[]}"] : ["{[a<<>]}", "{[a<<>]}"]);
    assertEquals([errors, disk.isOpen, file.isOpen], [["no space left"], false, false]);
  }
});

test("HarFile: what cannot be begun throws and is closed; an error of closing is told too", () => {
  const disk = new Disk();
  disk.room = 0;
  assertThrows(() => new HarFile("path", HEAD, TAIL, disk), Error, "no space left");
  assertEquals(disk.isOpen, false);
  const late = new Disk(), errors: unknown[] = [];
  late.closeError = new Error("quota");
  const file = new HarFile("path", HEAD, TAIL, late);
  file.onBroken = (error) => errors.push(error);
  file.close();
  assertEquals(errors, [late.closeError]);
});
