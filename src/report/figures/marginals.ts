/**
 * The marginal densities of one posterior, parameter by parameter, several methods over each other.
 *
 * @module
 */
import { ShapeError } from "../../core/errors.js";
import { column, type Matrix } from "../../core/matrix.js";
import { axisLabel, type FigureOptions, paddedExtent, requireFinite, requireWidth } from "./checks.js";
import type { CornerParameter } from "./corner.js";
import { type Density1, density1 } from "./density.js";
import { setColor } from "./palette.js";
import { axisX, drawPanels, legendColumns } from "./plot.js";

/** The marginals of one method: draws, or densities where they are known. */
export interface MarginalSet {
  readonly label: string;
  /** `[N, D]`, smoothed for the figure; or `densities`. */
  readonly draws?: Matrix;
  /** One per parameter, drawn as they are; or `draws`. */
  readonly densities?: readonly Density1[];
  /** CSS colour. Default: the palette in order. */
  readonly color?: string;
  /** Default `"line"`. */
  readonly style?: "fill" | "line" | "dashed";
}

/**
 * Draws one panel per parameter with the marginal density of every set, two panels a line.
 *
 * @param options.width - px. Default 560.
 * @returns SVG text, equal for equal data.
 * @throws {RangeError} if there is nothing to draw or a number is not finite.
 * @throws {TypeError} if a set has not one of `draws` and `densities`.
 * @throws {ShapeError} if sets and parameters differ in dimension.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function marginalsFigure(
  parameters: readonly CornerParameter[],
  sets: readonly MarginalSet[],
  options: FigureOptions = {},
): Promise<string> {
  const { width = 560 } = options;
  checkMarginals(parameters, sets, width);
  const curves = parameters.map(({ range }, i) =>
    sets.map(
      ({ draws, densities }) =>
        densities?.[i] ?? density1(column(draws!, i), { ...(range && { bounds: [range] }) }),
    ),
  );
  const [margin, gap, panelHeight] = [14, 16, 150];
  const panelWidth = (width - gap) / 2;
  const looks = sets.map(({ label, color, style = "line" }, i) => ({
    label,
    color: color ?? setColor(i),
    mark: style,
  }));
  const lines = Math.ceil(parameters.length / 2);
  const below = legendColumns(looks, margin, lines * panelHeight + 14, width - margin);
  const frame = {
    width,
    height: lines * panelHeight + below.height + 8,
    title: options.title ?? `Marginal densities of ${parameters.map(({ label }) => label).join(", ")}`,
    description: options.description ?? `Marginals of ${sets.map(({ label }) => label).join(", ")}.`,
    overlay: below.svg,
  };
  return drawPanels("marginalsFigure", frame, (plot) =>
    parameters.map((parameter, i) => {
      const highest = Math.max(...curves[i].flatMap(({ density }) => Array.from(density)));
      const ends = curves[i].flatMap(({ x }) => [x[0], x[x.length - 1]]);
      return {
        left: (i % 2) * (panelWidth + gap),
        top: Math.floor(i / 2) * panelHeight,
        options: {
          width: panelWidth,
          height: panelHeight,
          marginLeft: margin,
          marginRight: margin,
          marginTop: 6,
          marginBottom: 46,
          x: {
            domain: parameter.shown ?? parameter.range ?? paddedExtent(ends, 0.02),
            ...axisX(axisLabel(parameter), 5),
          },
          y: { axis: null, domain: [0, highest * 1.08] },
          marks: [
            ...curves[i].flatMap(({ x, density }, s) => {
              const { color, mark } = looks[s];
              const place = { x, y: density, clip: true as const };
              return [
                ...(mark === "fill"
                  ? [plot.areaY(density, { ...place, fill: color, fillOpacity: 0.2 })]
                  : []),
                plot.lineY(density, {
                  ...place,
                  stroke: color,
                  strokeWidth: 1.6,
                  ...(mark === "dashed" && { strokeDasharray: "5,3" }),
                }),
              ];
            }),
            plot.frame({ strokeOpacity: 0.4 }),
          ],
        },
      };
    }),
  );
}

function checkMarginals(
  parameters: readonly CornerParameter[],
  sets: readonly MarginalSet[],
  width: number,
): void {
  requireWidth("marginalsFigure", width);
  if (parameters.length === 0) throw new RangeError("marginalsFigure: parameters must not be empty.");
  if (sets.length === 0) throw new RangeError("marginalsFigure: sets must not be empty.");
  for (const { label, draws, densities } of sets) {
    if ((draws === undefined) === (densities === undefined)) {
      throw new TypeError(`marginalsFigure: "${label}" must have draws or densities, and not both.`);
    }
    const count = draws?.cols ?? densities!.length;
    if (count !== parameters.length) {
      const what = draws ? `draws of "${label}" have ${count} columns` : `"${label}" has ${count} densities`;
      throw new ShapeError(`marginalsFigure: ${what} but ${parameters.length} parameters are named.`);
    }
    if (draws) requireFinite(`marginalsFigure: draws of "${label}"`, draws.data);
    for (const { x, density } of densities ?? []) {
      requireFinite(`marginalsFigure: densities of "${label}"`, x);
      requireFinite(`marginalsFigure: densities of "${label}"`, density);
    }
  }
}
