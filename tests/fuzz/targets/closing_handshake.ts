/** The closing handshake with events in any order, some of them inside the machine's own calls. */
import { CurlWebSocketError } from "../../../src/errors.ts";
import { ClosingHandshake, type ClosingHost, type ConnectionEnd } from "../../../src/protocol/closing_handshake.ts";
import { check, Input, type Target } from "../target.ts";

export const NO_REASON = new Uint8Array(0);
export const lost = new CurlWebSocketError("ERR_CONNECTION_LOST", "reset");
export const wrong = new CurlWebSocketError("ERR_PROTOCOL", "wrong");
export const aborted = new CurlWebSocketError("ERR_ABORTED", "aborted");
/** What a close frame takes in the queue. */
export const CLOSE_FRAME = 8;

/** A connection with a queue and a network, and the log of what the machine asked for. */
export class Peer implements ClosingHost {
  readonly log: string[] = [];
  readonly closing: ClosingHandshake = new ClosingHandshake(this);
  /** Bytes that wait for the network. */
  queued = 0;
  /** Whether the network takes all that is queued at once, inside the call. */
  eager = false;
  /** Whether queueing the close frame finds no memory. */
  noMemory = false;
  /** Runs inside the call of this name, once. */
  inside: { name: string; run: () => void } | null = null;
  result: ConnectionEnd | null = null;
  waiting: string | null = null;
  /** Whether our close frame was queued, and whether it had left at the end. */
  closeQueued = false;
  closeLeft = false;
  /** Whether the server's close frame was read. */
  received = false;

  isDrained(): boolean {
    return this.queued === 0;
  }

  queueClose(code: number, reason: Uint8Array): void {
    this.#enter(`send ${code} ${new TextDecoder().decode(reason)}`.trim());
    if (this.noMemory) throw new RangeError("no memory");
    this.queued += CLOSE_FRAME;
    this.closeQueued = true;
  }

  onClosing(): void {
    this.#enter("closing");
  }

  wait(limit: string): void {
    this.#enter(`wait ${limit}`);
    this.waiting = limit;
  }

  flush(): void {
    this.#enter("flush");
    if (this.eager) this.leave(this.queued);
  }

  flushSoon(): void {
    check(this.result === null, () => `flushSoon after the end; before it: ${this.log}`);
    if (this.eager) this.flush();
  }

  endSending(): void {
    this.#enter("end sending");
  }

  finish(result: ConnectionEnd): void {
    this.#enter("finish");
    this.result = result;
    this.closeLeft = this.closeQueued && this.isDrained();
  }

  #enter(call: string): void {
    check(this.result === null, () => `${call} after the end; before it: ${this.log}`);
    this.log.push(call);
    const { inside } = this;
    if (inside === null || !call.startsWith(inside.name)) return;
    this.inside = null;
    inside.run();
  }

  /** The network takes some of what is queued. */
  leave(bytes: number): void {
    const taken = Math.min(bytes, this.queued);
    this.queued -= taken;
    this.closing.progress(taken);
  }

  /** The server's close frame is read, if anything is: nothing that follows one is. */
  receive(code: number, reason: string): void {
    if (!this.closing.reads || this.closing.failing || this.received) return;
    this.received = true;
    this.closing.receive(code, reason);
  }

  timeOut(): void {
    this.waiting = null;
    this.closing.timeOut();
  }

  /** Code, reason, whether it was clean, and the error's code. */
  get end(): unknown[] | null {
    return this.result && [this.result.code, this.result.reason, this.result.wasClean, this.result.error?.code ?? null];
  }
}

const NAMES = [
  "willClose",
  "close",
  "receive a code",
  "receive none",
  "fail",
  "failSending",
  "end",
  "end by an error",
] as const;
const MORE_NAMES = ["leave some", "leave all", "queue", "queue much", "timeOut", "abort"] as const;
type Step = (typeof NAMES | typeof MORE_NAMES)[number];
const STEPS: readonly Step[] = [...NAMES, ...MORE_NAMES];

/** Lets something happen, if it can happen now. */
function happen(step: Step, peer: Peer): void {
  const { closing } = peer;
  if (step === "willClose") closing.willClose();
  else if (step === "close") closing.close(1000, NO_REASON);
  else if (step === "receive a code") peer.receive(4000, "theirs");
  else if (step === "receive none") peer.receive(1005, "");
  else if (step === "fail" && closing.reads) closing.fail(wrong, 1002, "MASKED");
  else if (step === "failSending" && peer.queued > 0) closing.failSending(lost);
  else if (step === "end" && closing.reads) closing.end(null);
  else if (step === "end by an error" && closing.reads) closing.end(lost);
  else if (step === "leave some") peer.leave(CLOSE_FRAME);
  else if (step === "leave all") peer.leave(Infinity);
  else if (step === "queue" && closing.maySend) peer.queued += 100;
  else if (step === "queue much" && closing.maySend) peer.queued += 200_000;
  else if (step === "timeOut" && peer.waiting !== null && peer.result === null) peer.timeOut();
  else if (step === "abort") closing.abort(aborted);
}

const INSIDE = ["closing", "send", "wait", "flush", "end sending"];

/** How the network is, what happens inside which call, then what happens. */
function fuzz(data: Uint8Array): void {
  const input = new Input(data), peer = new Peer(), { closing } = peer;
  const flags = input.byte();
  peer.eager = (flags & 1) !== 0;
  peer.noMemory = (flags & 6) === 6;
  const inner = STEPS[input.byte() % STEPS.length]!;
  if (flags & 8) peer.inside = { name: INSIDE[(flags >> 4) % INSIDE.length]!, run: () => happen(inner, peer) };
  const steps = [...input.rest()].map((byte) => STEPS[byte % STEPS.length]!);
  const story = () =>
    `${steps}; inside ${flags & 8 ? `${INSIDE[(flags >> 4) % INSIDE.length]}: ${inner}` : "nothing"}: ${peer.log}`;
  for (const step of steps) {
    const before = { maySend: closing.maySend, mayDeliver: closing.mayDeliver, reads: closing.reads };
    happen(step, peer);
    for (const what of ["maySend", "mayDeliver", "reads"] as const) {
      check(before[what] || !closing[what], () => `${what} again after ${step}: ${story()}`);
    }
    check(closing.finished === (peer.result !== null), () => `finished: ${story()}`);
    check(!closing.maySend || !closing.sent, () => `a frame may follow the close frame: ${story()}`);
  }
  const begun = closing.sent || peer.log.includes("closing");
  if (peer.result === null && begun) {
    // Nothing hangs: what has begun to end is limited.
    check(peer.waiting !== null, () => `nothing is waited for: ${story()}`);
    peer.timeOut();
    check(peer.result !== null, () => `the time is up, and it is not the end: ${story()}`);
  }
  if (peer.result !== null) judge(peer.result, peer, [...steps, inner], story);
}

/** Whether the end is reported by the rules of RFC 6455 sections 7.1.4 and 7.1.5. */
function judge(
  { code, reason, wasClean, error }: ConnectionEnd,
  peer: Peer,
  steps: readonly Step[],
  story: () => string,
): void {
  const sent = peer.log.filter((call) => call.startsWith("send "));
  check(sent.length <= 1, () => `two close frames: ${story()}`);
  check(reason === (code === 4000 ? "theirs" : ""), () => `the reason ${reason} of ${code}: ${story()}`);
  check(code === 1006 || (peer.received && code === (reason === "" ? 1005 : 4000)), () => `code ${code}: ${story()}`);
  check(wasClean === (code !== 1006 && peer.closeLeft), () => `wasClean is ${wasClean}: ${story()}`);
  check(code === 1006 || error === null, () => `${error} with ${code}: ${story()}`);
  if (peer.log.includes("closing") && !peer.received) {
    check(error === wrong || peer.noMemory, () => `not the failure: ${story()}`);
  }
  const from: Record<string, Step | null> = { ERR_PROTOCOL: "fail", ERR_ABORTED: "abort", ERR_INTERNAL: null };
  const step = error === null ? null : from[error.code];
  if (step) check(steps.includes(step), () => `${error} by itself: ${story()}`);
  if (error?.code === "ERR_INTERNAL") check(peer.noMemory, () => `${error} by itself: ${story()}`);
}

function seeds(): Uint8Array[] {
  const step = (name: Step) => STEPS.indexOf(name);
  return ([
    ["close", "leave all", "receive a code", "end"],
    ["receive a code", "leave all", "timeOut"],
    ["queue much", "close", "leave some", "receive none", "end by an error"],
    ["queue", "failSending", "receive a code", "end"],
    ["fail", "leave all", "end"],
    ["willClose", "queue", "end", "abort"],
  ] as const).flatMap((steps, i) =>
    [0, 1, 9, 25, 41, 6].map((flags) => Uint8Array.from([flags, i, ...steps.map(step)]))
  );
}

export const closingHandshake: Target = { name: "closing_handshake", fuzz, seeds, dictionary: [] };
