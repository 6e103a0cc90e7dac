/** All fuzz targets. */
import type { Target } from "./target.ts";
import { closingHandshake } from "./targets/closing_handshake.ts";
import { deflate } from "./targets/deflate.ts";
import { extensions } from "./targets/extensions.ts";
import { frameWriter } from "./targets/frame_writer.ts";
import { handshake } from "./targets/handshake.ts";
import { messageWriter } from "./targets/message_writer.ts";
import { messageReader } from "./targets/message_reader.ts";

export const TARGETS: readonly Target[] = [
  messageReader,
  handshake,
  frameWriter,
  messageWriter,
  closingHandshake,
  extensions,
  deflate,
];
