/**
 * Corner plots: every parameter's marginal on the diagonal, every pair's 68 % and 95 % highest-density
 * regions below it, several posteriors over each other.
 *
 * @module
 */
import type { Draws } from "../../../samplers/draws.js";
import { ShapeError } from "../../core/errors.js";
import { column, type Matrix } from "../../core/matrix.js";
import {
  axisLabel,
  type FigureOptions,
  paddedExtent,
  type Quantity,
  requireFinite,
  requireWidth,
} from "./checks.js";
import { type Density1, type Density2, density1, density2, levelOfDraws, levelOfGrid } from "./density.js";
import { type DensityGrid, gridMarginal1, gridMarginal2, requireGrid } from "./grid.js";
import { setColor } from "./palette.js";
import { axisX, axisY, drawPanels, type LegendItem, legend, type Panel, type Plot } from "./plot.js";

/** A parameter of a corner plot. */
export interface CornerParameter extends Quantity {
  /** Edges of the prior: the axis, and where smoothing must not leak. Default: as far as the draws go. */
  readonly range?: readonly [number, number];
  /** Part of the axis to show, where the range is much wider than the posterior. Default `range`. */
  readonly shown?: readonly [number, number];
}

/** One posterior: draws, or a density on a grid. */
export interface CornerSet {
  readonly label: string;
  /** `[N, D]`, or all draws of a sampler run. */
  readonly draws?: Matrix | Draws;
  /** A density on a grid instead of draws, e.g. an exact posterior. */
  readonly grid?: DensityGrid;
  /** Filled regions, or contour lines only. Default: the first set `"fill"`, the others `"line"`. */
  readonly style?: "fill" | "line" | "dashed";
  /** CSS colour. Default: the palette in order. */
  readonly color?: string;
  /** Independent draws that the draws are worth (ESS), for the smoothing. Default: the number of distinct ones. */
  readonly size?: number;
}

/** A point worth marking: the truth, a best fit, the Standard Model. */
export interface CornerPoint {
  readonly label: string;
  /** `[D]`; `NaN` where the point says nothing about a parameter. */
  readonly values: ArrayLike<number>;
  /** CSS colour. Default: the colour of the text. */
  readonly color?: string;
}

/** What `cornerFigure` draws. */
export interface CornerData {
  readonly parameters: readonly CornerParameter[];
  readonly sets: readonly CornerSet[];
  readonly points?: readonly CornerPoint[];
}

/** Probability inside the two contours. */
const masses = [0.95, 0.68] as const;

interface Layer {
  readonly label: string;
  readonly style: "fill" | "line" | "dashed";
  readonly color: string;
  readonly marginal: (i: number) => Density1;
  /** Density of parameters `i` (x) and `j` (y) and its 95 % and 68 % levels. */
  readonly pair: (i: number, j: number) => { field: Density2; levels: readonly number[] };
}

/**
 * Draws a corner plot as SVG. Contours are highest-density regions that hold 68 % and 95 % of the draws (of the
 * mass, for a grid); curves on the diagonal are normalised densities. Regions that lie on each other mean that
 * two methods agree.
 *
 * @param data.sets - posteriors in drawing order; give the one to be judged first.
 * @param options.width - px. Default 560, and 120 more for each parameter past the third.
 * @returns SVG text, equal for equal data.
 * @throws {RangeError} if there is nothing to draw or a number is not finite.
 * @throws {ShapeError} if sets, points and parameters differ in dimension.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function cornerFigure(data: CornerData, options: FigureOptions = {}): Promise<string> {
  const { parameters, points = [] } = data;
  const dim = parameters.length;
  const { width = 560 + 120 * Math.max(0, dim - 3) } = options;
  checkCorner(data, width);
  const layers = data.sets.map((set, i) => makeLayer(set, i, parameters));
  const domains = parameters.map(
    (parameter, i) =>
      parameter.shown ??
      parameter.range ??
      paddedExtent(
        layers.flatMap((layer) => visibleRange(layer.marginal(i))),
        0.02,
      ),
  );

  const left = dim > 1 ? 62 : 20;
  const [gap, top, right, bottom] = [dim === 2 ? 30 : 14, 12, 16, 48]; // two panels have ticks at their edges
  const size = (width - left - right - gap * (dim - 1)) / dim;
  const panelHeight = dim === 1 ? size * 0.5 : size;
  const items = legendItems(layers, points);
  const legendTop = dim === 1 ? top + panelHeight + bottom + 12 : top + 14;
  const height = Math.ceil(
    top + dim * panelHeight + (dim - 1) * gap + bottom + (dim === 1 ? items.length * 19 + 8 : 0),
  );

  const frame = {
    width,
    height,
    title: options.title ?? `Posterior of ${parameters.map((parameter) => parameter.label).join(", ")}`,
    description:
      options.description ??
      `Marginal densities${dim > 1 ? " and 68 % and 95 % highest-density regions" : ""} of ${layers.map((layer) => layer.label).join(", ")}.`,
    overlay: legend(items, dim === 1 ? left : left + size + gap + 16, legendTop),
  };
  return drawPanels("cornerFigure", frame, (plot) => {
    const panels: Panel[] = [];
    for (let row = 0; row < dim; row++) {
      for (let col = 0; col <= row; col++) {
        const margins = { marginLeft: left, marginBottom: bottom, marginTop: 2, marginRight: right };
        const ticks = size > 170 ? 4 : dim === 2 ? 2 : 3; // labels of two neighbours share a line
        const rotate = size < 110 ? { tickRotate: -35 } : {};
        panels.push({
          left: col * (size + gap),
          top: top - 2 + row * (panelHeight + gap),
          options: {
            ...margins,
            width: size + left + right,
            height: panelHeight + bottom + 2,
            x: {
              domain: domains[col],
              ...(row === dim - 1 ? axisX(axisLabel(parameters[col]), ticks, rotate) : { axis: null }),
            },
            ...(row === col
              ? marginalPanel(plot, layers, points, col)
              : pairPanel(plot, layers, points, col, row, {
                  domain: domains[row],
                  ...(col === 0 ? axisY(axisLabel(parameters[row]), ticks) : { axis: null }),
                })),
          },
        });
      }
    }
    return panels;
  });
}

function marginalPanel(plot: Plot, layers: readonly Layer[], points: readonly CornerPoint[], i: number) {
  const curves = layers.map((layer) => ({ layer, curve: layer.marginal(i) }));
  const highest = Math.max(...curves.map(({ curve }) => curve.density.reduce((a, b) => Math.max(a, b), 0)));
  return {
    y: { axis: null, domain: [0, highest * 1.08] },
    marks: [
      ...curves.flatMap(({ layer, curve: { x, density } }) => [
        ...(layer.style === "fill"
          ? [plot.areaY(density, { x, y: density, fill: layer.color, fillOpacity: 0.25, clip: true })]
          : []),
        plot.lineY(density, { x, y: density, stroke: layer.color, ...strokeOf(layer), clip: true }),
      ]),
      ...points
        .filter((point) => Number.isFinite(point.values[i]))
        .map((point) => plot.ruleX([point.values[i]], { stroke: point.color ?? "currentColor", clip: true })),
      plot.frame({ strokeOpacity: 0.4 }),
    ],
  };
}

function pairPanel(
  plot: Plot,
  layers: readonly Layer[],
  points: readonly CornerPoint[],
  i: number,
  j: number,
  y: object,
) {
  const regions = layers.flatMap((layer) => {
    const { field, levels } = layer.pair(i, j);
    const [x1, x2] = field.xRange;
    const [y1, y2] = field.yRange;
    const place = { width: field.cols, height: field.rows, x1, x2, y1, y2, value: identity, clip: true };
    return levels.flatMap((level) => [
      ...(layer.style === "fill"
        ? [
            plot.contour(field.density, {
              ...place,
              thresholds: [level],
              fill: layer.color,
              fillOpacity: 0.25,
            }),
          ]
        : []),
      plot.contour(field.density, {
        ...place,
        thresholds: [level],
        stroke: layer.color,
        ...strokeOf(layer),
      }),
    ]);
  });
  const marks = points
    .filter((point) => Number.isFinite(point.values[i]) && Number.isFinite(point.values[j]))
    .map((point) =>
      plot.dot([[point.values[i], point.values[j]]], {
        symbol: "plus",
        r: 5,
        stroke: point.color ?? "currentColor",
        strokeWidth: 2,
        clip: true,
      }),
    );
  return { y, marks: [...regions, ...marks, plot.frame({ strokeOpacity: 0.4 })] };
}

const identity = (value: number) => value;

function strokeOf({ style }: Layer) {
  return { strokeWidth: 1.6, ...(style === "dashed" && { strokeDasharray: "5,3" }) };
}

function legendItems(layers: readonly Layer[], points: readonly CornerPoint[]): LegendItem[] {
  return [
    ...layers.map(({ label, color, style }) => ({ label, color, mark: style })),
    ...points.map(({ label, color = "currentColor" }) => ({ label, color, mark: "cross" as const })),
  ];
}

/** Where a curve is above a thousandth of its peak. */
function visibleRange({ x, density }: Density1): number[] {
  const peak = density.reduce((a, b) => Math.max(a, b), 0);
  const above = Array.from(x).filter((_, i) => density[i] > 1e-3 * peak);
  return [above[0], above[above.length - 1]];
}

function makeLayer(set: CornerSet, index: number, parameters: readonly CornerParameter[]): Layer {
  const { label, style = index === 0 ? "fill" : "line", color = setColor(index), size, grid } = set;
  const look = { label, style, color };
  if (grid !== undefined) {
    return {
      ...look,
      marginal: (i) => gridMarginal1(grid, i),
      pair: (i, j) => {
        const field = gridMarginal2(grid, i, j);
        return { field, levels: masses.map((mass) => levelOfGrid(field.density, mass)) };
      },
    };
  }
  const draws = drawsMatrix(set.draws!);
  const columns = parameters.map((_, i) => column(draws, i));
  const bounds = (i: number) => parameters[i].range ?? ([-Infinity, Infinity] as const);
  const marginals = columns.map((values, i) => density1(values, { size, bounds: [bounds(i)] }));
  return {
    ...look,
    marginal: (i) => marginals[i],
    pair: (i, j) => {
      const field = density2(columns[i], columns[j], { size, bounds: [bounds(i), bounds(j)] });
      return { field, levels: masses.map((mass) => levelOfDraws(field, columns[i], columns[j], mass)) };
    },
  };
}

/** All draws of a run as one `[chains * draws, D]` table (a view), or the table itself. */
export function drawsMatrix(draws: Matrix | Draws): Matrix {
  return "values" in draws
    ? { data: draws.values, rows: draws.chains * draws.draws, cols: draws.names.length }
    : draws;
}

function checkCorner({ parameters, sets, points = [] }: CornerData, width: number): void {
  requireWidth("cornerFigure", width);
  const dim = parameters.length;
  if (dim === 0) throw new RangeError("cornerFigure: parameters must name at least one parameter.");
  if (sets.length === 0) throw new RangeError("cornerFigure: sets must hold at least one posterior.");
  for (const { label, draws, grid } of sets) {
    if ((draws === undefined) === (grid === undefined)) {
      throw new TypeError(`cornerFigure: set "${label}" must have either draws or a grid.`);
    }
    if (grid !== undefined) requireGrid(`cornerFigure: grid of "${label}"`, grid, dim);
    else {
      const table = drawsMatrix(draws!);
      if (table.cols !== dim) {
        throw new ShapeError(
          `cornerFigure: draws of "${label}" have ${table.cols} columns but ${dim} parameters are named.`,
        );
      }
      requireFinite(`cornerFigure: draws of "${label}"`, table.data);
    }
  }
  for (const { label, values } of points) {
    if (values.length !== dim) {
      throw new ShapeError(
        `cornerFigure: point "${label}" has ${values.length} values but ${dim} parameters are named.`,
      );
    }
  }
}
