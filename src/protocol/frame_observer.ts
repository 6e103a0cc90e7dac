/** Who watches frames go by, in both directions: a debug log, or a recorder. */
export interface FrameObserver {
  /**
   * The header of a frame was read, and is valid; its payload may still have to come.
   *
   * @param length of its payload on the wire, in bytes
   * @param fin whether it ends its message
   * @param compressed whether it begins a compressed message
   */
  frameReceived(opcode: number, length: number, fin: boolean, compressed: boolean): void;
  /** A frame was queued to be sent, with a payload of `length` bytes. A client's frames are whole messages. */
  frameSent(opcode: number, length: number, compressed: boolean): void;
  /**
   * A message was queued to be sent, behind its {@linkcode frameSent}.
   *
   * @param opcode of text or binary
   * @param message before compression; bytes, also of a text, are valid during the call only
   */
  messageSent?(opcode: number, message: string | Uint8Array): void;
}
