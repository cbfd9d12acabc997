/**
 * Curves of a measured quantity with their standard errors, beside curves that others published: accuracy against the
 * number of simulations, or against what they cost.
 *
 * @module
 */
import {
  axisLabel,
  type FigureOptions,
  formatNumber,
  paddedExtent,
  type Quantity,
  requireFinite,
  requireWidth,
} from "./checks.js";
import { logDomain, logFormat, logTicks } from "./log-axis.js";
import { setColor } from "./palette.js";
import {
  axisX,
  axisY,
  drawPanels,
  type LegendItem,
  legendColumns,
  type Plot,
  type PointSymbol,
  pointSymbols,
} from "./plot.js";

/** One measured point. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
  /** Standard error of `y`; left out or `NaN` where it is not known. */
  readonly error?: number;
}

/** One line of points. */
export interface Curve {
  readonly label: string;
  /** In any order. */
  readonly points: readonly CurvePoint[];
  /** CSS colour and symbol. Default: both in order. */
  readonly color?: string;
  readonly symbol?: PointSymbol;
}

/** A line of points that others measured. */
export interface ReferenceCurve extends Pick<Curve, "label" | "points"> {
  /** CSS colour. Default that of the text, paler. */
  readonly color?: string;
  /** Lengths of strokes and gaps, as `stroke-dasharray` takes them. Default `"5,3"`. */
  readonly dash?: string;
}

/** What `curvesFigure` draws. */
export interface CurvesData {
  /** Positive, on a logarithmic axis. */
  readonly x: Quantity;
  readonly y: Quantity;
  readonly curves: readonly Curve[];
  /** Curves of others: dashed, without errors, their labels at their right ends. */
  readonly references?: readonly ReferenceCurve[];
  /** What the legend calls them. Default `"published"`. */
  readonly referenceKind?: string;
  /** A logarithmic vertical axis; every `y` must then be positive, and bands end at the axis. Default `false`. */
  readonly logY?: boolean;
  /** Values that the vertical axis must hold, e.g. the best possible. */
  readonly include?: readonly number[];
}

/**
 * Draws curves with bands of one standard error on both sides (bars, where a curve is a single point) over a
 * logarithmic horizontal axis.
 *
 * @param options.width - px. Default 384, so that two stand side by side in a page and one fills a phone.
 * @returns SVG text, equal for equal data.
 * @throws {RangeError} if there is no point, a number is not finite, or an `x`, or with `logY` a `y`, is not positive.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function curvesFigure(data: CurvesData, options: FigureOptions = {}): Promise<string> {
  const { width = 384 } = options;
  checkCurves(data, width);
  const { x, y, references = [], referenceKind = "published", logY = false, include = [] } = data;
  const curves = data.curves.map(styled);
  const all = [...curves, ...references].flatMap(({ points }) => points);
  const extent = [...all.flatMap(({ y, error }) => [y - (error || 0), y + (error || 0)]), ...include];
  const yDomain = logY
    ? logDomain([...all.map((point) => point.y), ...extent.filter((value) => value > 0)])
    : paddedExtent(extent);
  const xDomain = logDomain(all.map((point) => point.x));
  const ticks = logTicks(xDomain);

  const labelRoom = 8.2 * Math.max(0, ...references.map(({ label }) => label.length)) + 8;
  const [left, top, right, bottom] = [logY ? 72 : 62, 10, references.length > 0 ? labelRoom + 6 : 16, 48];
  const plotHeight = 280;
  const items: LegendItem[] = [
    ...curves.map(({ label, color, symbol }) => ({ label, color, mark: symbol })),
    ...(references.length > 0
      ? [{ label: referenceKind, color: "currentColor", mark: "dashed" as const }]
      : []),
  ];
  const below = legendColumns(items, left, plotHeight + 12, width - left);
  const frame = {
    width,
    height: plotHeight + below.height + 6,
    title: options.title ?? `${y.label} against ${x.label}`,
    description:
      options.description ??
      `Curves of ${curves.map(({ label }) => label).join(", ")}${references.length > 0 ? `, and ${referenceKind === "published" ? "published ones" : `those of the ${referenceKind}`} of ${references.map(({ label }) => label).join(", ")}` : ""}.`,
    overlay: below.svg,
  };
  return drawPanels("curvesFigure", frame, (plot) => {
    const height = (value: number) => (logY ? Math.log(value) : value);
    const share = (value: number) =>
      (height(value) - height(yDomain[0])) / (height(yDomain[1]) - height(yDomain[0]));
    const yScale = (value: number) => plotHeight - bottom - share(value) * (plotHeight - top - bottom);
    const lowest = logY ? yDomain[0] : -Infinity;
    const yTicks = logTicks(yDomain);
    return [
      {
        left: 0,
        top: 0,
        options: {
          width,
          height: plotHeight,
          marginLeft: left,
          marginTop: top,
          marginRight: right,
          marginBottom: bottom,
          x: {
            type: "log",
            domain: xDomain,
            ...axisX(axisLabel(x), 5, { ticks, tickFormat: logFormat(ticks) }),
          },
          y: logY
            ? {
                type: "log",
                domain: yDomain,
                ...axisY(axisLabel(y), 5, {
                  ticks: yTicks,
                  tickFormat: (tick: number) => formatNumber(tick, 1),
                  labelOffset: 64,
                }),
              }
            : { domain: yDomain, ...axisY(axisLabel(y), 5) },
          marks: [
            ...references.flatMap((curve) => referenceMarks(plot, curve)),
            ...endLabels(plot, references, yScale),
            ...curves.flatMap((curve) => curveMarks(plot, curve, lowest)),
            plot.frame({ strokeOpacity: 0.4 }),
          ],
        },
      },
    ];
  });
}

/** Colour and symbol of the curve at place `i`; twenty differ in one of the two. */
export function curveStyle(i: number): { readonly color: string; readonly symbol: PointSymbol } {
  return { color: setColor(i), symbol: pointSymbols[i % pointSymbols.length] };
}

/** A curve whose look is settled, its points from left to right. */
export type StyledCurve = Required<Curve>;

/** Settles the look of the curve at place `i`. */
export function styled(curve: Curve, i: number): StyledCurve {
  return { ...curveStyle(i), ...curve, points: sorted(curve.points) };
}

function sorted(points: readonly CurvePoint[]): readonly CurvePoint[] {
  return [...points].sort((a, b) => a.x - b.x);
}

const abscissa = { x: "x", y: "y" } as const;

/**
 * The marks of a measured curve: band, bars, line and points.
 *
 * @param lowest - where bands end at the latest: a logarithmic axis has no zero.
 */
export function curveMarks(plot: Plot, { points, color, symbol }: StyledCurve, lowest: number) {
  const known = points.filter(({ error }) => error !== undefined && error > 0);
  const range = {
    x: "x",
    y1: ({ y, error = 0 }: CurvePoint) => Math.max(lowest, y - error),
    y2: ({ y, error = 0 }: CurvePoint) => y + error,
  };
  return [
    plot.areaY(known, { ...range, fill: color, fillOpacity: 0.16 }),
    plot.ruleX(known, { ...range, stroke: color, strokeWidth: 1.4 }),
    plot.line(points, { ...abscissa, stroke: color, strokeWidth: 2 }),
    plot.dot(points, { ...abscissa, fill: color, symbol, r: 3.8 }),
  ];
}

/** The marks of a curve of others: a thin broken line and small points. */
export function referenceMarks(plot: Plot, { points, color, dash = "5,3" }: ReferenceCurve) {
  const [stroke, opacity] = color === undefined ? ["currentColor", 0.6] : [color, 1];
  return [
    plot.line(sorted(points), {
      ...abscissa,
      stroke,
      strokeOpacity: opacity,
      strokeWidth: 1.3,
      strokeDasharray: dash,
    }),
    plot.dot(points, { ...abscissa, fill: stroke, fillOpacity: opacity, r: 1.8 }),
  ];
}

/** Labels beside the right ends, moved apart where they would touch. */
function endLabels(
  plot: Plot,
  references: readonly Pick<Curve, "label" | "points">[],
  yScale: (y: number) => number,
) {
  const lineHeight = 14;
  const ends = references
    .map(({ label, points }) => ({ label, at: yScale(sorted(points)[points.length - 1].y) }))
    .sort((a, b) => a.at - b.at);
  const places = ends.map(({ at }) => at);
  for (let round = 0; round < 100; round++) {
    for (let i = 1; i < places.length; i++) {
      const overlap = Math.max(0, lineHeight - (places[i] - places[i - 1]));
      places[i - 1] -= overlap / 2;
      places[i] += overlap / 2;
    }
  }
  return ends.map(({ label }, i) =>
    plot.text([label], {
      frameAnchor: "top-right",
      textAnchor: "start",
      lineAnchor: "middle",
      dx: 6,
      dy: places[i] - 10, // from the top of the frame
      fillOpacity: 0.8,
    }),
  );
}

function checkCurves({ curves, references = [], include = [], logY }: CurvesData, width: number): void {
  requireWidth("curvesFigure", width);
  if (curves.length === 0) throw new RangeError("curvesFigure: curves must not be empty.");
  if (include.length > 0) requireFinite("curvesFigure: include", include);
  requireCurves("curvesFigure", [...curves, ...references]);
  for (const { label, points } of logY ? [...curves, ...references] : []) {
    const low = points.find(({ y }) => !(y > 0));
    if (low) throw new RangeError(`curvesFigure: y of "${label}" must be positive, got ${low.y}.`);
  }
}

/**
 * Checks the points of curves.
 *
 * @param caller - the figure function, for messages.
 * @throws {RangeError} if a curve has no point, a number is not finite or an `x` is not positive.
 */
export function requireCurves(caller: string, curves: readonly Pick<Curve, "label" | "points">[]): void {
  for (const { label, points } of curves) {
    requireFinite(
      `${caller}: points of "${label}"`,
      points.flatMap(({ x, y }) => [x, y]),
    );
    const bad = points.find(({ x }) => !(x > 0));
    if (bad) throw new RangeError(`${caller}: x of "${label}" must be positive, got ${bad.x}.`);
  }
}
