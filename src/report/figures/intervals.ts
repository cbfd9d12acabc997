/**
 * Intervals of one quantity side by side: methods, experiments, definitions.
 *
 * @module
 */
import {
  axisLabel,
  type FigureOptions,
  formatMeasured,
  paddedExtent,
  type Quantity,
  requireFinite,
  requireWidth,
} from "./checks.js";
import { setColor } from "./palette.js";
import { axisX, drawPanels } from "./plot.js";

/** One line of the figure. */
export interface IntervalRow {
  readonly label: string;
  /** Median or best fit. */
  readonly center: number;
  /** 68 % interval. */
  readonly inner: readonly [number, number];
  /** 95 % interval, where there is one. */
  readonly outer?: readonly [number, number];
  /** CSS colour. Default: the first of the palette. */
  readonly color?: string;
  /** What stands at the right. Default: the centre and the 68 % interval. */
  readonly text?: string;
}

/** Options of `intervalsFigure`. */
export interface IntervalsOptions extends FigureOptions {
  /** A value to compare with, drawn as a dashed line. */
  readonly reference?: { readonly label: string; readonly value: number };
}

/**
 * Draws one line per row: a dot at the centre, a thick bar over 68 %, a thin one over 95 %, and the numbers at the right.
 *
 * @param options.width - px. Default 560.
 * @returns SVG text, equal for equal data.
 * @throws {RangeError} if there are no rows, or a number is not finite or an interval is upside down.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function intervalsFigure(
  quantity: Quantity,
  rows: readonly IntervalRow[],
  options: IntervalsOptions = {},
): Promise<string> {
  const { width = 560, reference } = options;
  checkIntervals(rows, reference?.value, width);
  const values = rows.flatMap(({ center, inner, outer = inner }) => [center, ...inner, ...outer]);
  const domain = paddedExtent(reference === undefined ? values : [...values, reference.value], 0.06);
  // Lettering is about 0.55 em wide on average: 13 px letters, 7.2 px each.
  const left = Math.min(width * 0.35, 14 + 7.2 * Math.max(...rows.map(({ label }) => label.length)));
  const texts = rows.map(
    ({ text, center, inner }) =>
      text ?? `${formatMeasured(center)}  (${formatMeasured(inner[0])} to ${formatMeasured(inner[1])})`,
  );
  const right = Math.max(150, 16 + 7.2 * Math.max(...texts.map(({ length }) => length)));
  const [top, bottom, line] = [reference === undefined ? 8 : 24, 48, 28];
  const height = top + rows.length * line + bottom;
  const frame = {
    width,
    height,
    title: options.title ?? `Intervals of ${quantity.label}`,
    description:
      options.description ?? `68 % and 95 % intervals of ${quantity.label}, ${rows.length} of them.`,
  };
  return drawPanels("intervalsFigure", frame, (plot) => {
    const data = rows.map(({ label, center, inner, outer, color = setColor(0) }, y) => ({
      y,
      label,
      center,
      inner,
      outer: outer ?? inner,
      color,
      text: texts[y],
    }));
    type Datum = (typeof data)[number];
    const bar = (pick: (row: Datum) => readonly [number, number], strokeWidth: number) =>
      plot.ruleY(data, {
        y: "y",
        x1: (row: Datum) => pick(row)[0],
        x2: (row: Datum) => pick(row)[1],
        stroke: (row: Datum) => row.color,
        strokeWidth,
      });
    return [
      {
        left: 0,
        top: 0,
        options: {
          width,
          height,
          marginLeft: left,
          marginRight: right,
          marginTop: top,
          marginBottom: bottom,
          x: { domain, ...axisX(axisLabel(quantity), 5) },
          y: { domain: [rows.length - 0.5, -0.5], axis: null },
          color: { type: "identity" },
          marks: [
            ...(reference === undefined
              ? []
              : [
                  plot.ruleX([reference.value], { strokeDasharray: "4,3", strokeOpacity: 0.8 }),
                  plot.text([reference.label], { x: () => reference.value, frameAnchor: "top", dy: -14 }),
                ]),
            bar((row) => row.outer, 1.4),
            bar((row) => row.inner, 4),
            plot.dot(data, { x: "center", y: "y", r: 4.5, fill: (row: Datum) => row.color }),
            plot.text(data, { y: "y", text: "label", frameAnchor: "left", textAnchor: "end", dx: -8 }),
            plot.text(data, { y: "y", text: "text", frameAnchor: "right", textAnchor: "start", dx: 8 }),
            plot.frame({ strokeOpacity: 0.4 }),
          ],
        },
      },
    ];
  });
}

function checkIntervals(rows: readonly IntervalRow[], reference: number | undefined, width: number): void {
  requireWidth("intervalsFigure", width);
  if (rows.length === 0) throw new RangeError("intervalsFigure: rows must not be empty.");
  if (reference !== undefined) requireFinite("intervalsFigure: reference", [reference]);
  for (const { label, center, inner, outer = inner } of rows) {
    requireFinite(`intervalsFigure: row "${label}"`, [center, ...inner, ...outer]);
    if (inner[0] > inner[1] || outer[0] > outer[1]) {
      throw new RangeError(`intervalsFigure: intervals of row "${label}" must go from low to high.`);
    }
  }
}
