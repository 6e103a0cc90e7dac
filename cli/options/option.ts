/** One option of the command line. Parsing, help and completions all use these rows. */

/** The topics of the help, in order. */
export const TOPICS = {
  message: "Messages",
  output: "Output",
  reconnect: "Connecting again",
  http: "The request",
  network: "The network",
  proxy: "Proxies",
  tls: "TLS",
  accepted: "curl's options for what curlws always does: accepted, without effect",
} as const;

/** One topic of the help. */
export type Topic = keyof typeof TOPICS;

/** One option. */
export interface Option {
  /** The long name without its dashes: curl's where curl has the option. */
  readonly name: string;
  /** A letter or digit. */
  readonly short?: string;
  /** The name of its value in the help; a flag has none. */
  readonly value?: string;
  /** Why the value must be a separate argument that does not begin with a dash: what the letter means to curl's users. */
  readonly apart?: string;
  /** One or two lines, without a full stop. */
  readonly help: string;
  readonly topic?: Topic;
  /** Its text on the first screen of help; an option without one is not shown there. */
  readonly brief?: string;
  /** How a shell completes its value. */
  readonly complete?: "file" | "folder" | "host" | readonly string[];
  /** The option of `CurlWebSocket` that it sets: the name in the library's errors. */
  readonly sets?: string;
}

/** An option of curl that curlws does not support. */
export interface Unsupported {
  readonly name: string;
  readonly short?: string;
  /** The reason, which follows "curl's --name: ". */
  readonly why: string;
}
