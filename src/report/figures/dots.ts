/**
 * One quantity for several things at once, a line of dots each: the accuracy of methods on many problems.
 *
 * @module
 */
import {
  axisLabel,
  type FigureOptions,
  paddedExtent,
  type Quantity,
  requireFinite,
  requireWidth,
} from "./checks.js";
import { axisX, drawPanels, type LegendItem, legendColumns, type PointSymbol } from "./plot.js";

/** What has a dot on some or all lines. */
export interface DotSeries {
  readonly label: string;
  /** CSS colour. */
  readonly color: string;
  readonly symbol: PointSymbol;
  /** Draw the outline only, as for what others measured. Default `false`. */
  readonly isHollow?: boolean;
  /** One a line, `undefined` where there is none; `error` is a standard error, `NaN` where it is not known. */
  readonly dots: readonly ({ readonly value: number; readonly error?: number } | undefined)[];
}

/** Options of `dotsFigure`. */
export interface DotsOptions extends FigureOptions {
  /** A value to compare with, drawn as a dashed line. */
  readonly reference?: { readonly label: string; readonly value: number };
}

/** Vertical room of a dot, and between lines, px. */
const dotRoom = 11;
const lineGap = 14;

/**
 * Draws a line for each label with the dots of all series under each other, bars of one standard error on both sides.
 *
 * @param labels - of the lines, from above.
 * @param options.width - px. Default 560.
 * @returns SVG text, equal for equal data.
 * @throws {RangeError} if there is no dot, or a number is not finite.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function dotsFigure(
  quantity: Quantity,
  labels: readonly string[],
  series: readonly DotSeries[],
  options: DotsOptions = {},
): Promise<string> {
  const { width = 560, reference } = options;
  requireWidth("dotsFigure", width);
  const lineHeight = series.length * dotRoom + lineGap;
  const dots = series.flatMap(({ color, symbol, isHollow = false, dots }, s) =>
    dots.flatMap((dot, line) => {
      if (dot === undefined) return [];
      const error = Number.isFinite(dot.error) ? dot.error! : 0;
      const y = line * lineHeight + lineGap / 2 + (s + 0.5) * dotRoom;
      return [{ x: dot.value, from: dot.value - error, to: dot.value + error, y, color, symbol, isHollow }];
    }),
  );
  requireFinite(
    "dotsFigure: values",
    dots.flatMap(({ x, from, to }) => [x, from, to]),
  );
  const ends = dots.flatMap(({ from, to }) => [from, to]);
  const domain = paddedExtent(reference === undefined ? ends : [...ends, reference.value], 0.05);
  // Lettering is about 0.55 em wide on average: 13 px letters, 7.2 px each.
  const left = Math.min(width * 0.45, 14 + 7.2 * Math.max(...labels.map(({ length }) => length)));
  const [top, right, bottom] = [reference === undefined ? 8 : 24, 14, 48];
  const inner = labels.length * lineHeight;
  const panelHeight = top + inner + bottom;
  const items = series.map(
    ({ label, color, symbol, isHollow }): LegendItem => ({ label, color, mark: symbol, isHollow }),
  );
  const below = legendColumns(items, 14, panelHeight + 12, width - 14);
  const frame = {
    width,
    height: panelHeight + below.height + 6,
    title: options.title ?? `${quantity.label} of ${series.map(({ label }) => label).join(", ")}`,
    description: options.description ?? `Dots of ${quantity.label} on lines for ${labels.join(", ")}.`,
    overlay: below.svg,
  };
  return drawPanels("dotsFigure", frame, (plot) => [
    {
      left: 0,
      top: 0,
      options: {
        width,
        height: panelHeight,
        marginLeft: left,
        marginRight: right,
        marginTop: top,
        marginBottom: bottom,
        x: { domain, ...axisX(axisLabel(quantity), 5) },
        y: { domain: [inner, 0], axis: null },
        color: { type: "identity" },
        symbol: { type: "identity" },
        marks: [
          plot.ruleY(
            labels.slice(1).map((_, i) => (i + 1) * lineHeight),
            { strokeOpacity: 0.15 },
          ),
          ...(reference === undefined
            ? []
            : [
                plot.ruleX([reference.value], { strokeDasharray: "4,3", strokeOpacity: 0.8 }),
                plot.text([reference.label], { x: () => reference.value, frameAnchor: "top", dy: -14 }),
              ]),
          plot.ruleY(dots, { y: "y", x1: "from", x2: "to", stroke: "color", strokeWidth: 2 }),
          ...[true, false].map((hollow) =>
            plot.dot(
              dots.filter(({ isHollow }) => isHollow === hollow),
              {
                x: "x",
                y: "y",
                symbol: "symbol",
                r: 4.5,
                ...(hollow ? { stroke: "color" } : { fill: "color" }),
              },
            ),
          ),
          plot.text(labels, {
            y: (_: string, i: number) => (i + 0.5) * lineHeight,
            frameAnchor: "left",
            textAnchor: "end",
            dx: -8,
          }),
          plot.frame({ strokeOpacity: 0.4 }),
        ],
      },
    },
  ]);
}
