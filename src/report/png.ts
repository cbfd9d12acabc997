/**
 * Figures as PNG, for places that take no SVG.
 *
 * @module
 */
import { importOptional } from "../core/optional.js";

/** Options of `svgToPng`. */
export interface PngOptions {
  /** Width of the picture, px; the height follows. Default 1200. */
  readonly width?: number;
  /** CSS colour behind the figure. Default `"white"`; text is black, so keep it light. */
  readonly background?: string;
}

/**
 * Draws SVG text to PNG bytes with resvg (optional package `@resvg/resvg-js`).
 *
 * resvg takes its fonts from the system and draws **no text at all where none is installed** (bare containers):
 * install one (Debian: `fonts-dejavu-core`) or keep the SVG, which is the default everywhere. The bytes depend
 * on the fonts found, so PNG files are not equal between machines; the SVG is.
 *
 * @param svg - text of one SVG figure.
 * @param options - each has a default.
 * @returns the bytes of a PNG file.
 * @throws {RangeError} if `width` is not a whole number from 1 to 20000.
 * @throws {TypeError} if `svg` is not SVG text.
 * @throws {ConfigError} if `@resvg/resvg-js` is not installed.
 */
export async function svgToPng(svg: string, { width = 1200, background = "white" }: PngOptions = {}) {
  if (!(Number.isInteger(width) && width >= 1 && width <= 20_000)) {
    throw new RangeError(`svgToPng: width must be a whole number from 1 to 20000 px, got ${width}.`);
  }
  if (!/^\s*(<\?xml[^>]*>\s*)?<svg[\s>]/.test(svg)) {
    throw new TypeError(`svgToPng: expected SVG text that begins with "<svg", got "${svg.slice(0, 20)}".`);
  }
  const { Resvg } = await importOptional("svgToPng", "@resvg/resvg-js", () => import("@resvg/resvg-js"));
  const image = new Resvg(svg, { background, fitTo: { mode: "width", value: width } }).render();
  return new Uint8Array(image.asPng());
}
