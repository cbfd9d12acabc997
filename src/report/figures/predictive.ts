/**
 * Data against what the posterior predicts for them.
 *
 * @module
 */
import { ShapeError } from "../../core/errors.js";
import { column, type Matrix } from "../../core/matrix.js";
import {
  axisLabel,
  centralIntervals,
  extent,
  type FigureOptions,
  paddedExtent,
  type Quantity,
  requireFinite,
  requireWidth,
} from "./checks.js";
import { palette, setColor } from "./palette.js";
import { axisX, axisY, drawPanels, type LegendItem, legend, legendLine, type Plot } from "./plot.js";

/** What was measured. */
export interface MeasuredPoints {
  /** Default `measured`. */
  readonly label?: string;
  /** Positions on the physical axis, `[L]`; they may repeat. */
  readonly x: ArrayLike<number>;
  /** Values, `[L]`. */
  readonly y: ArrayLike<number>;
  /** Standard errors, `[L]`; drawn as bars of one sigma. */
  readonly errors?: ArrayLike<number>;
}

/** Predictions at given positions. */
export interface PredictiveDraws {
  readonly label: string;
  /** Positions, `[M]`; need not be those of the data. */
  readonly x: ArrayLike<number>;
  /** One predicted row per posterior draw, `[S, M]`: with noise for replicated data, without for the mean curve. */
  readonly draws: Matrix;
  /** Bands need distinct positions. Default: `"band"` where positions are distinct, else `"bars"`. */
  readonly style?: "band" | "bars";
  /** CSS colour. Default: the palette in order. */
  readonly color?: string;
}

/** A curve to compare with, e.g. the Standard Model. */
export interface ReferenceCurve {
  readonly label: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** CSS colour. Default: vermilion. */
  readonly color?: string;
}

/** What `predictiveFigure` draws. */
export interface PredictiveData {
  readonly xAxis: Quantity;
  readonly yAxis: Quantity;
  readonly observed: MeasuredPoints;
  readonly predictive: readonly PredictiveDraws[];
  readonly references?: readonly ReferenceCurve[];
}

interface Band {
  readonly x: number;
  readonly median: number;
  readonly lower68: number;
  readonly upper68: number;
  readonly lower95: number;
  readonly upper95: number;
}

/**
 * Draws measured points with their errors over the median and the central 68 % and 95 % intervals of posterior
 * predictions, and reference curves. With noise in the predictions, about 95 of 100 points lie in the outer band.
 *
 * @param options.width - px. Default 600.
 * @returns SVG text, equal for equal data.
 * @throws {RangeError} if there are no points or predictions, a number is not finite or an error is negative.
 * @throws {ShapeError} if positions, values, errors or predictions differ in length.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function predictiveFigure(data: PredictiveData, options: FigureOptions = {}): Promise<string> {
  const { width = 600 } = options;
  checkPredictive(data, width);
  const { observed, references = [] } = data;
  const bands = data.predictive.map(({ label, x, draws, style, color }, i) => ({
    label,
    color: color ?? setColor(i),
    style: style ?? (new Set(Array.from(x)).size === x.length ? "band" : "bars"),
    rows: summarise(x, draws),
  }));
  const points = Array.from(observed.x, (x, i) => ({
    x,
    y: observed.y[i],
    lower: observed.y[i] - (observed.errors?.[i] ?? 0),
    upper: observed.y[i] + (observed.errors?.[i] ?? 0),
  }));
  const curves = references.map(({ label, x, y, color = palette[1] }) => ({
    label,
    color,
    rows: Array.from(x, (value, i) => ({ x: value, y: y[i] })),
  }));

  const items: LegendItem[] = [
    { label: observed.label ?? "measured", color: "currentColor", mark: "dot" },
    ...bands.map(({ label, color }) => ({
      label: `${label}: median, 68 %, 95 %`,
      color,
      mark: "fill" as const,
    })),
    ...curves.map(({ label, color }) => ({ label, color, mark: "dashed" as const })),
  ];
  const legendHeight = items.length * legendLine + 8;
  const [left, right, bottom, body] = [66, 16, 48, Math.round(width * 0.5)];
  const frame = {
    width,
    height: legendHeight + body + bottom,
    title: options.title ?? `${data.yAxis.label} against ${data.xAxis.label}: data and posterior predictions`,
    description:
      options.description ?? `${points.length} measured points over the posterior predictive bands.`,
    overlay: legend(items, left, 14),
  };
  const domainX = paddedExtent(
    [...points, ...bands.flatMap((band) => band.rows)].map((one) => one.x),
    0.03,
  );
  const bandExtent = extent(bands.flatMap(({ rows }) => rows.flatMap((row) => [row.lower95, row.upper95])));
  const domainY = paddedExtent([...points.flatMap((one) => [one.lower, one.upper]), ...bandExtent], 0.05);

  return drawPanels("predictiveFigure", frame, (plot) => [
    {
      left: 0,
      top: legendHeight - 4,
      options: {
        width,
        height: body + bottom + 4,
        marginLeft: left,
        marginRight: right,
        marginTop: 4,
        marginBottom: bottom,
        x: { domain: domainX, ...axisX(axisLabel(data.xAxis), 6) },
        y: { domain: domainY, ...axisY(axisLabel(data.yAxis), 6) },
        marks: [
          ...bands.flatMap(({ rows, color, style }) =>
            style === "band" ? bandMarks(plot, rows, color) : barMarks(plot, rows, color),
          ),
          ...curves.map(({ rows, color }) =>
            plot.line(rows, {
              x: "x",
              y: "y",
              stroke: color,
              strokeWidth: 1.8,
              strokeDasharray: "6,3",
              clip: true,
            }),
          ),
          plot.ruleX(points, { x: "x", y1: "lower", y2: "upper", strokeWidth: 1.2 }),
          plot.dot(points, { x: "x", y: "y", r: 3, fill: "currentColor" }),
          plot.frame({ strokeOpacity: 0.4 }),
        ],
      },
    },
  ]);
}

function bandMarks(plot: Plot, rows: readonly Band[], color: string) {
  const sorted = [...rows].sort((a, b) => a.x - b.x);
  const area = (y1: string, y2: string) =>
    plot.areaY(sorted, { x: "x", y1, y2, fill: color, fillOpacity: 0.22, clip: true });
  return [
    area("lower95", "upper95"),
    area("lower68", "upper68"),
    plot.line(sorted, { x: "x", y: "median", stroke: color, strokeWidth: 1.8, clip: true }),
  ];
}

/** Thick bars for 68 %, thin for 95 %, a tick at the median. */
function barMarks(plot: Plot, rows: readonly Band[], color: string) {
  const bar = (y1: string, y2: string, strokeWidth: number) =>
    plot.ruleX(rows, { x: "x", y1, y2, stroke: color, strokeWidth, strokeOpacity: 0.35 });
  return [
    bar("lower95", "upper95", 6),
    bar("lower68", "upper68", 6),
    plot.dot(rows, { x: "x", y: "median", symbol: "square", r: 2.2, fill: color }),
  ];
}

function summarise(x: ArrayLike<number>, draws: Matrix): Band[] {
  return Array.from(x, (value, i) => ({ x: value, ...centralIntervals(column(draws, i)) }));
}

function checkPredictive({ observed, predictive, references = [] }: PredictiveData, width: number): void {
  requireWidth("predictiveFigure", width);
  const series = [
    { name: "observed", x: observed.x, y: observed.y },
    ...references.map(({ label, x, y }) => ({ name: `reference "${label}"`, x, y })),
  ];
  for (const { name, x, y } of series) {
    if (x.length !== y.length) {
      throw new ShapeError(`predictiveFigure: ${name} has ${x.length} positions but ${y.length} values.`);
    }
    requireFinite(`predictiveFigure: positions of ${name}`, x);
    requireFinite(`predictiveFigure: values of ${name}`, y);
  }
  const { errors, y } = observed;
  if (errors !== undefined) {
    if (errors.length !== y.length) {
      throw new ShapeError(`predictiveFigure: observed has ${y.length} values but ${errors.length} errors.`);
    }
    requireFinite("predictiveFigure: errors of observed", errors);
    const negative = Array.from(errors).find((error) => error < 0);
    if (negative !== undefined) {
      throw new RangeError(`predictiveFigure: errors of observed must be >= 0, got ${negative}.`);
    }
  }
  for (const { label, x, draws } of predictive) {
    if (draws.cols !== x.length) {
      throw new ShapeError(
        `predictiveFigure: draws of "${label}" have ${draws.cols} columns but there are ${x.length} positions.`,
      );
    }
    requireFinite(`predictiveFigure: positions of "${label}"`, x);
    requireFinite(`predictiveFigure: draws of "${label}"`, draws.data);
  }
}
