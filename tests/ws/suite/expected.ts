/**
 * Which tests of `ws` do not pass with our `WebSocket`, and why. docs/ws.md has the reasons and how many tests each has.
 */

/** Tests that fail for one reason. */
export interface Reason {
  /** As docs/ws.md has it. */
  readonly why: string;
  /** The ends of their names. */
  readonly tests: readonly string[];
  /** Only on this runtime. */
  readonly runtime?: "deno" | "bun";
  /** Whether they may pass as well: it is no matter of ours. */
  readonly mayPass: boolean;
}

/** How many tests there are. */
export const TESTS = 209;

export const REASONS: readonly Reason[] = [
  {
    why: "They look into a socket of `ws`, or send by it: `_socket`, `_receiver`, `_closeTimer`",
    tests: [
      "#ctor > options > accepts the `maxPayload` option",
      "Events > does not re-emit `net.Socket` errors",
      "#close > sends the close status code only when necessary",
      "#close > sets a timer for the closing handshake to complete",
      "permessage-deflate > consumes all received data when connection is closed (1/2)",
      "permessage-deflate > consumes all received data when connection is closed (2/2)",
      "permessage-deflate > handles a close frame received while compressing data",
      "permessage-deflate > #close > can be used while data is being decompressed",
      "permessage-deflate > #terminate > can be used while data is being decompressed",
      "Connection close > closes cleanly after simultaneous errors (1/2)",
      "Connection close > closes cleanly after simultaneous errors (2/2)",
      "The returned stream > errors if a write occurs when `readyState` is `CLOSING`",
      "The returned stream > does not swallow errors that may occur while destroying",
      "The returned stream > handles backpressure (2/3)",
      "The returned stream > handles backpressure (3/3)",
      "The returned stream > resumes the socket if `readyState` is `CLOSING`",
    ],
    mayPass: false,
  },
  {
    why: "They want Node's own request, response or socket: `instanceof`, the event `socket`, `createConnection`",
    tests: [
      "Events > emits an 'upgrade' event",
      "Events > emits a 'redirect' event",
      "Connection establishing > fails if the Upgrade header field value cannot be read",
      "Connection establishing > honors the `createConnection` option",
      "In a listener of the 'redirect' event > allows to abort the request without swallowing errors",
      "SSL > allows to disable sending the SNI extension",
      "Request headers > honors the `finishRequest` option",
    ],
    mayPass: false,
  },
  {
    why: "`generateMask`, `mask: false` and `protocolVersion: 8` are errors",
    tests: [
      "#ctor > options > honors the `generateMask` option",
      "#send > honors the `mask` option",
      "Request headers > honors the `origin` option (2/2)",
    ],
    mayPass: false,
  },
  {
    why: "After a violation of the protocol, our close frame has a reason",
    tests: [
      "Events > emits an 'error' event if an error occurs (1/2)",
      "The returned stream > reemits errors",
    ],
    mayPass: false,
  },
  {
    why: "They know the words of one error as they were before `ws` 8.18.2",
    tests: [
      "#ctor > throws an error when using an invalid url",
      "Connection establishing > emits an error if the redirect URL is invalid (2/2)",
    ],
    mayPass: false,
  },
  {
    why: "They stop a compression that is under way; ours is done when `send()` returns",
    tests: [
      "permessage-deflate > #send > calls the callback if the socket is closed prematurely",
      "permessage-deflate > #terminate > can be used while data is being compressed",
    ],
    mayPass: false,
  },
  {
    why: "`upgrade` comes only if the response is right",
    tests: ["The returned stream > makes `_final()` a noop if no socket is assigned"],
    mayPass: false,
  },
  {
    why: "They fail with `ws` itself on these runtimes: Blobs of files",
    tests: [
      "Events > emits an 'error' event if an error occurs (2/2)",
      "Events > emits the 'error' event only once (2/2)",
      "Events > does not emit 'error' after 'close'",
    ],
    mayPass: true,
  },
  {
    why: "They fail with `ws` itself on Deno: its server wants no client's certificate",
    tests: ["SSL > connects to secure websocket server with client side certificate"],
    runtime: "deno",
    mayPass: true,
  },
  {
    why: "They fail with `ws` itself on Bun: its server takes no connection from another one",
    tests: [
      "When moving away from a secure context > If there is no 'redirect' event listener > drops the `auth` option",
      "If there is no 'redirect' event listener > drops the Authorization and Cookie headers",
      "When moving away from a secure context > If there is at least one 'redirect' event listener > does not drop any headers by default",
    ],
    runtime: "bun",
    mayPass: true,
  },
];
