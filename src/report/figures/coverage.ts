/**
 * Expected coverage against credible level, with the band that chance alone would fill.
 *
 * @see Hermans et al. (2021), https://arxiv.org/abs/2110.06581
 * @module
 */

import { ShapeError } from "../../core/errors.js";
import { binomialInterval } from "./binomial.js";
import { type FigureOptions, requireFinite, requireWidth } from "./checks.js";
import { setColor } from "./palette.js";
import { axisX, axisY, drawPanels, legend, legendColumns } from "./plot.js";

/** Coverage of one estimator. */
export interface CoverageCurve {
  readonly label: string;
  /** Credible levels in `[0, 1]`, ascending. */
  readonly levels: ArrayLike<number>;
  /** Share of held-out pairs whose highest-density region of that level holds the truth. */
  readonly coverage: ArrayLike<number>;
  /** CSS colour. Default: the palette in order. */
  readonly color?: string;
}

/**
 * Draws expected coverage against credible level. On the diagonal the posterior is calibrated; below it regions are
 * too small (overconfident), above it too large (conservative). The band holds 95 % of the coverages, at each level
 * by itself, that `numPairs` pairs of a calibrated posterior give. The legend of more than three curves stands below.
 *
 * @param curves - one or more estimators, tested on the same number of pairs.
 * @param numPairs - held-out pairs behind each curve.
 * @param options.width - px. Default 420; the plot is square.
 * @returns SVG text, equal for equal data.
 * @throws {RangeError} if there is no curve, `numPairs` is not a positive whole number, or a value is outside `[0, 1]`.
 * @throws {ShapeError} if levels and coverage differ in length.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function coverageFigure(
  curves: readonly CoverageCurve[],
  numPairs: number,
  options: FigureOptions = {},
): Promise<string> {
  const { width = 420 } = options;
  checkCoverage(curves, numPairs, width);
  const band = Array.from({ length: 101 }, (_, i) => {
    const { lower, upper } = binomialInterval(numPairs, i / 100, 0.95);
    return { level: i / 100, lower: lower / numPairs, upper: upper / numPairs };
  });
  const [left, top, right, bottom] = [58, 12, 14, 48];
  const plotHeight = width - left - right + top + bottom;
  const items = [
    ...curves.map(({ label, color }, i) => ({ label, color: color ?? setColor(i), mark: "line" as const })),
    {
      label: `calibrated, ${numPairs.toLocaleString("en-US")} pairs, 95 %`,
      color: "currentColor",
      mark: "band" as const,
    },
  ];
  // a few lines fit above the diagonal; more would hide curves
  const below = curves.length > 3 ? legendColumns(items, left, plotHeight + 12, width - left) : undefined;
  const height = plotHeight + (below ? below.height + 6 : 0);
  const frame = {
    width,
    height,
    title: options.title ?? "Expected coverage against credible level",
    description:
      options.description ??
      "Curves on the diagonal are calibrated; below it a posterior is overconfident, above it conservative.",
    overlay: below?.svg ?? legend(items, left + 14, top + 18),
  };
  return drawPanels("coverageFigure", frame, (plot) => [
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
        x: { domain: [0, 1], ...axisX("credible level", 5) },
        y: { domain: [0, 1], ...axisY("expected coverage", 5) },
        marks: [
          plot.areaY(band, { x: "level", y1: "lower", y2: "upper", fill: "currentColor", fillOpacity: 0.14 }),
          plot.line(
            [
              [0, 0],
              [1, 1],
            ],
            { strokeDasharray: "4,3", strokeOpacity: 0.7, strokeWidth: 1 },
          ),
          ...curves.map(({ levels, coverage, color }, i) =>
            plot.line(Array.from(levels), {
              x: (level: number) => level,
              y: Array.from(coverage),
              stroke: color ?? setColor(i),
              strokeWidth: 2,
            }),
          ),
          plot.text([[0.97, 0.06]], {
            text: () => "below: overconfident",
            textAnchor: "end",
            fillOpacity: 0.7,
          }),
          plot.frame({ strokeOpacity: 0.4 }),
        ],
      },
    },
  ]);
}

function checkCoverage(curves: readonly CoverageCurve[], numPairs: number, width: number): void {
  requireWidth("coverageFigure", width);
  if (curves.length === 0) throw new RangeError("coverageFigure: curves must not be empty.");
  if (!(Number.isInteger(numPairs) && numPairs >= 1)) {
    throw new RangeError(`coverageFigure: numPairs must be a positive whole number, got ${numPairs}.`);
  }
  for (const { label, levels, coverage } of curves) {
    if (levels.length !== coverage.length) {
      throw new ShapeError(
        `coverageFigure: "${label}" has ${levels.length} levels but ${coverage.length} coverages.`,
      );
    }
    for (const [what, values] of Object.entries({ levels, coverage })) {
      requireFinite(`coverageFigure: ${what} of "${label}"`, values);
      const bad = Array.from(values).find((value) => value < 0 || value > 1);
      if (bad !== undefined) {
        throw new RangeError(`coverageFigure: ${what} of "${label}" must lie in [0, 1], got ${bad}.`);
      }
    }
  }
}
