/** Draws bars as a stand-alone SVG: one panel per scenario, two panels per row. */

export interface Panel {
  title: string;
  bars: { label: string; value: number | null; text: string; own: boolean }[];
}

/** Escapes a text for XML. */
export const escapeXml = (text: string): string =>
  text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]!);

export function drawBars(title: string, subtitle: string, panels: Panel[]): string {
  const WIDTH = 1080, PANEL = 500, LABEL = 150, BAR = 190, ROW = 22;
  const heights = panels.map(({ bars }) => 44 + bars.length * ROW);
  let top = 84;
  const drawn = panels.map(({ title, bars }, index) => {
    const max = Math.max(...bars.map(({ value }) => value ?? 0)) || 1;
    const x = 30 + index % 2 * (PANEL + 20), y = top;
    if (index % 2) top += Math.max(heights[index]!, heights[index - 1]!);
    const rows = bars.map(({ label, value, text, own }, row) => {
      const width = Math.max(1, (value ?? 0) / max * BAR).toFixed(1), at = 14 + row * ROW;
      return `<text x="${LABEL - 8}" y="${at + 13}" text-anchor="end"${own ? ' font-weight="700"' : ""}>${
        escapeXml(label)
      }</text><rect x="${LABEL}" y="${at}" width="${width}" height="17" fill="${own ? "#0f8a5f" : "#8a94a6"}"/>` +
        `<text x="${LABEL + Number(width) + 6}" y="${at + 13}">${escapeXml(text)}</text>`;
    });
    return `<g transform="translate(${x} ${y})"><text y="2" font-size="15" font-weight="700">${
      escapeXml(title)
    }</text>\n${rows.join("\n")}</g>`;
  });
  if (panels.length % 2) top += heights.at(-1)!;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}" ` +
    `font-family="system-ui, sans-serif" font-size="12" fill="#1c2430"><rect width="100%" height="100%" fill="#fff"/>\n` +
    `<text x="30" y="34" font-size="20" font-weight="700">${escapeXml(title)}</text>\n` +
    `<text x="30" y="57" fill="#5b6472">${escapeXml(subtitle)}</text>\n${drawn.join("\n")}\n</svg>\n`;
}
