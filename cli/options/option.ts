/** What one option of the command line is. Parsing, help, completions and documents all read these rows. */

/** The parts of the help, in order. */
export const TOPICS = {
  message: "Messages",
  output: "Output",
  http: "The request",
  network: "The network",
  proxy: "Proxies",
  tls: "TLS",
  accepted: "curl's options for what is always so: taken, and without effect",
} as const;

/** One part of the help. */
export type Topic = keyof typeof TOPICS;

/** One option. */
export interface Option {
  /** The long name without its dashes: curl's where curl has the option. */
  readonly name: string;
  /** A letter or digit. */
  readonly short?: string;
  /** What its value is called in the help; a flag has none. */
  readonly value?: string;
  /** Why the value may neither stand right behind the letter nor begin with a dash: what it would be taken for instead. */
  readonly apart?: string;
  /** A line or two, without a full stop. */
  readonly help: string;
  readonly topic?: Topic;
  /** What it says on the first screen of help; without it, it does not stand there. */
  readonly brief?: string;
  /** What a shell completes its value with. */
  readonly complete?: "file" | "folder" | "host" | readonly string[];
  /** The option of `CurlWebSocket` that it sets, by which the errors of the library name it. */
  readonly sets?: string;
}

/** An option of curl that cannot be honoured. */
export interface Refused {
  readonly name: string;
  readonly short?: string;
  /** Behind "curl's --name: ". */
  readonly why: string;
}
