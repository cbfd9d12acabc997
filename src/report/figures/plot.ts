/**
 * Observable Plot on the server: panels in, SVG text out, the same bytes for the same data.
 *
 * Plot numbers its clip paths by a counter that lives as long as the process, and its coordinates carry all
 * digits of a double. Here identifiers are named after a hash of the picture (so that several figures can
 * stand in one page) and coordinates are rounded to a hundredth of a pixel.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type * as PlotModule from "@observablehq/plot";
import { importOptional } from "../../core/optional.js";
import { escapeHtml, richSvg, unescapeHtml } from "../html.js";
import { fontFamily, fontSize } from "./palette.js";

/** The Plot library, handed to the function that describes the panels. */
export type Plot = typeof PlotModule;

/** One Plot in a figure. */
export interface Panel {
  /** Upper left corner in the figure, px. */
  readonly left: number;
  readonly top: number;
  /** A Plot specification with `width`, `height` and margins. */
  readonly options: PlotModule.PlotOptions;
}

/** A whole figure: its size, its words for those who cannot see it, and what is drawn over the panels. */
export interface FigureFrame {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly description?: string;
  /** SVG elements drawn last, e.g. a legend. */
  readonly overlay?: string;
}

/**
 * Draws panels into one SVG. Loads Plot and linkedom when called.
 *
 * @param caller - the figure function, for messages.
 * @param build - describes the panels, given the Plot library.
 * @returns SVG text that stands alone and can be put into a page as it is.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function drawPanels(
  caller: string,
  frame: FigureFrame,
  build: (plot: Plot) => readonly Panel[],
): Promise<string> {
  const plot = await importOptional(caller, "@observablehq/plot", () => import("@observablehq/plot"));
  const { parseHTML } = await importOptional(caller, "linkedom", () => import("linkedom"));
  const { document } = parseHTML("<!DOCTYPE html><html><body></body></html>");

  const body = build(plot)
    .map(({ left, top, options }) => {
      const svg = plot.plot({ ...options, document, style: { fontSize: `${fontSize}px` } });
      const style = svg.querySelector("style"); // the figure's own style replaces it
      style?.remove();
      return `<g transform="translate(${left},${top})">${setScripts(roundCoordinates(svg.innerHTML))}</g>`;
    })
    .join("");

  const { width, height, title, description, overlay = "" } = frame;
  const desc = description === undefined ? "" : `<desc>${escapeHtml(description)}</desc>`;
  return nameIds(
    `<svg xmlns="http://www.w3.org/2000/svg" class="galton-figure" role="img" aria-label="${escapeHtml(title)}" ` +
      `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" fill="currentColor" ` +
      `font-family="${fontFamily}" font-size="${fontSize}" text-anchor="middle">` +
      `<title>${escapeHtml(title)}</title>${desc}<style>${style}</style>${body}${overlay}</svg>`,
  );
}

/** Alone in a dark window the figure writes light; in a page it takes the page's colour (specificity zero). */
const style =
  ":where(.galton-figure){max-width:100%;height:auto;font-variant-numeric:tabular-nums}" +
  "@media (prefers-color-scheme:dark){:where(.galton-figure){color:#dfe3e8}}";

/** Rounds numbers inside tags (never in text) to a hundredth of a pixel. */
function roundCoordinates(svg: string): string {
  return svg.replace(/<[^>]*>/g, (tag) =>
    tag.replace(/-?\d+\.\d{3,}(e-\d+)?/g, (number) => String(Math.round(Number(number) * 100) / 100 || 0)),
  );
}

/** Sets indices and powers in labels. */
function setScripts(svg: string): string {
  return svg.replace(
    /(<text[^>]*>)([^<]+)(?=<\/text>)/g,
    (_, tag, text) => tag + richSvg(unescapeHtml(text)),
  );
}

/** Renames Plot's counted identifiers in order of appearance, after a hash of the picture without them. */
function nameIds(svg: string): string {
  const counted = /plot-[a-z]+-\d+/g;
  const hash = createHash("sha256").update(svg.replace(counted, "")).digest("hex").slice(0, 8);
  const names = new Map<string, string>();
  return svg.replace(counted, (id) => {
    if (!names.has(id)) names.set(id, `figure-${hash}-${names.size + 1}`);
    return names.get(id)!;
  });
}

/** One line of a legend. */
export interface LegendItem {
  readonly label: string;
  readonly color: string;
  /** `fill` for areas, `band` for faint ones without an edge, the others for what they say. */
  readonly mark: "fill" | "band" | "line" | "dashed" | "dot" | "cross" | PointSymbol;
  /** Symbols only: the outline, without a line. Default `false`. */
  readonly isHollow?: boolean;
  /** Dashed lines only: lengths of strokes and gaps. Default `"5,3"`. */
  readonly dash?: string;
}

/** Shapes of points that are told apart without colour, as Plot names them; in a legend they sit on their line. */
export const pointSymbols = ["circle", "square", "triangle", "diamond"] as const;
export type PointSymbol = (typeof pointSymbols)[number];

const symbolPaths: Readonly<Record<PointSymbol, string>> = {
  circle: "m-3.5,0a3.5,3.5 0 1,0 7,0a3.5,3.5 0 1,0 -7,0z",
  square: "m-3.2,-3.2h6.4v6.4h-6.4z",
  triangle: "m0,-4.6l4,7h-8z",
  diamond: "m0,-4.8l3.2,4.8l-3.2,4.8l-3.2,-4.8z",
};

/** Height of one legend line, px. */
export const legendLine = 19;

/** Legend items stacked under each other, the first with its middle at `(left, top)`. */
export function legend(items: readonly LegendItem[], left: number, top: number): string {
  const lines = items.map(({ label, color, mark, isHollow = false, dash = "5,3" }, i) => {
    const y = top + i * legendLine;
    return `${swatch(mark, color, left, y, isHollow, dash)}<text x="${left + 28}" y="${y}" dy="0.35em" text-anchor="start">${richSvg(label)}</text>`;
  });
  return `<g aria-label="legend">${lines.join("")}</g>`;
}

/** Legend items in as many columns as fit into `width`, read down the columns; `height` is what they take. */
export function legendColumns(items: readonly LegendItem[], left: number, top: number, width: number) {
  const longest = Math.max(...items.map(({ label }) => label.length));
  const room = Math.ceil(40 + 7.2 * longest); // lettering is about 0.55 em wide on average: 13 px letters, 7.2 px each
  const columns = Math.max(1, Math.min(items.length, Math.floor(width / room)));
  const perColumn = Math.ceil(items.length / columns);
  const parts = Array.from({ length: Math.ceil(items.length / perColumn) }, (_, c) =>
    legend(
      items.slice(c * perColumn, (c + 1) * perColumn),
      left + c * Math.round(Math.max(room, width / columns)),
      top,
    ),
  );
  return { svg: parts.join(""), height: perColumn * legendLine };
}

function swatch(
  mark: LegendItem["mark"],
  color: string,
  x: number,
  y: number,
  isHollow: boolean,
  dash: string,
): string {
  const stroke = `stroke="${color}" stroke-width="2"`;
  switch (mark) {
    case "fill":
      return `<rect x="${x}" y="${y - 6}" width="20" height="12" fill="${color}" fill-opacity="0.45" stroke="${color}"/>`;
    case "band":
      return `<rect x="${x}" y="${y - 6}" width="20" height="12" fill="${color}" fill-opacity="0.14"/>`;
    case "dot":
      return `<circle cx="${x + 10}" cy="${y}" r="3.5" fill="${color}"/>`;
    case "circle":
    case "square":
    case "triangle":
    case "diamond":
      if (isHollow) {
        return `<path d="M${x + 10},${y}${symbolPaths[mark]}" fill="none" stroke="${color}" stroke-width="1.5"/>`;
      }
      return `<path d="M${x},${y}h20" ${stroke}/><path d="M${x + 10},${y}${symbolPaths[mark]}" fill="${color}"/>`;
    case "cross":
      return `<path d="M${x + 5},${y}h10M${x + 10},${y - 5}v10" ${stroke}/>`;
    default:
      return `<path d="M${x},${y}h20" ${stroke}${mark === "dashed" ? ` stroke-dasharray="${dash}"` : ""}/>`;
  }
}

const ticksAndLabel = { labelAnchor: "center", labelArrow: "none", tickSize: 4 } as const;

/** Horizontal axis: outward ticks, label centred below, no arrow. */
export function axisX(label: string | null, ticks: number, rest: object = {}) {
  return { label, ticks, ...ticksAndLabel, labelOffset: 37, ...rest };
}

/** Vertical axis: outward ticks, label centred and turned, no arrow. */
export function axisY(label: string | null, ticks: number, rest: object = {}) {
  return { label, ticks, ...ticksAndLabel, labelOffset: 54, ...rest };
}
