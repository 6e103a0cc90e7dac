/** Colours, if the output is a terminal that has them. */
import process from "node:process";
import { styleText } from "node:util";

/** What a piece of text is, which determines its colour. */
export type Style = "in" | "out" | "dim" | "error" | "key" | "string" | "number" | "word";

const STYLES: Readonly<Record<Style, Parameters<typeof styleText>[0]>> = {
  in: "cyan",
  out: "green",
  dim: "dim",
  error: "red",
  key: "blue",
  string: "green",
  number: "yellow",
  word: "magenta",
};

/** Returns a text with its colour, or as it is. */
export type Paint = (style: Style, text: string) => string;

/** The painter for standard output or error. `NO_COLOR` (https://no-color.org) and `TERM=dumb` turn colours off. */
export function paintFor(stream: { isTTY?: boolean }): Paint {
  const { NO_COLOR, TERM } = process.env;
  if (stream.isTTY !== true || (NO_COLOR ?? "") !== "" || TERM === "dumb") return (_style, text) => text;
  return (style, text) => styleText(STYLES[style], text, { validateStream: false });
}
