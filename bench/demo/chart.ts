/** Draws the demo's results as a stand-alone SVG: one panel of CPU bars for every feed and runtime. */

import { escapeXml } from "../svg.ts";

export interface Bar {
  label: string;
  value: number | null;
  note: string;
}

export interface Panel {
  title: string;
  bars: Bar[];
}

const WIDTH = 1080;
const PANEL_WIDTH = 500;
const LABEL_WIDTH = 90;
const BAR_SPACE = 215;
const ROW = 30;
const TOP = 84;

/** By class, as a viewer may have a dark page. */
const STYLE = ".page{fill:#fff}.text{fill:#1c2430}.note{fill:#5b6472}.own{fill:#0f8a5f}.other{fill:#8a94a6}" +
  "@media(prefers-color-scheme:dark){.page{fill:#0d1117}.text{fill:#e6edf3}.note{fill:#9aa4b2}.own{fill:#2ea97d}" +
  ".other{fill:#6e7889}}";

function drawBar({ label, value, note }: Bar, y: number, max: number): string {
  const own = label === "curlws";
  const width = Math.max(1.5, (value ?? 0) / max * BAR_SPACE);
  const text = value === null ? "failed" : `${value.toFixed(value < 10 ? 2 : 1)} %`;
  return [
    `<text x="${LABEL_WIDTH - 10}" y="${y + 15}" text-anchor="end"${own ? ' font-weight="700"' : ""}>`,
    `${escapeXml(label)}</text>`,
    value === null
      ? ""
      : `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="21" class="${own ? "own" : "other"}"/>`,
    `<text x="${(LABEL_WIDTH + (value === null ? 0 : width) + 8).toFixed(1)}" y="${y + 15}" font-weight="600">`,
    `${text} <tspan font-weight="400" class="note">${escapeXml(note)}</tspan></text>`,
  ].join("");
}

export function drawChart(title: string, subtitle: string, panels: Panel[]): string {
  const max = Math.max(1, ...panels.flatMap(({ bars }) => bars.map(({ value }) => value ?? 0)));
  const panelHeight = 46 + ROW * Math.max(...panels.map(({ bars }) => bars.length));
  const height = TOP + panelHeight * Math.ceil(panels.length / 2) + 10;
  const drawn = panels.map(({ title, bars }, index) => {
    const x = 30 + (index % 2) * (PANEL_WIDTH + 20);
    const y = TOP + Math.floor(index / 2) * panelHeight;
    const rows = bars.map((bar, row) => drawBar(bar, 18 + row * ROW, max));
    return [
      `<g transform="translate(${x} ${y})">`,
      `<text x="0" y="4" font-size="16" font-weight="700">${escapeXml(title)}</text>`,
      ...rows,
      "</g>",
    ].join("\n");
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`,
    ` font-family="system-ui, sans-serif" font-size="14" class="text">`,
    `<style>${STYLE}</style>`,
    `<rect width="100%" height="100%" class="page"/>`,
    `<text x="30" y="34" font-size="20" font-weight="700">${escapeXml(title)}</text>`,
    `<text x="30" y="57" class="note">${escapeXml(subtitle)}</text>`,
    ...drawn,
    "</svg>\n",
  ].join("\n");
}
