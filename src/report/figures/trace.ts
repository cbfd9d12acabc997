/**
 * Chains over their draws, and the ranks of their draws among all: what mixing looks like.
 *
 * @see Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021), section 5, https://doi.org/10.1214/20-BA1221
 * @module
 */
import type { Draws } from "../../../samplers/draws.js";
import { ShapeError } from "../../core/errors.js";
import { binomialInterval } from "./binomial.js";
import {
  axisLabel,
  type FigureOptions,
  paddedExtent,
  type Quantity,
  requireFinite,
  requireWidth,
} from "./checks.js";
import { setColor } from "./palette.js";
import { axisX, axisY, drawPanels, type Panel } from "./plot.js";

/** Options of `traceFigure`. */
export interface TraceOptions extends FigureOptions {
  /** Labels and units. Default: the names of the draws. */
  readonly parameters?: readonly Quantity[];
  /** Chains to draw, evenly spaced among all. Default 4. */
  readonly maxChains?: number;
  /** Points per chain at most; longer chains are thinned evenly. Default 400. */
  readonly maxPoints?: number;
}

/**
 * Draws one row per parameter: a few chains against the draw number, and beside it, for the same chains, how
 * often their draws fall into each twentieth of the ranks of all draws. Mixed chains lie over each other, and
 * their rank lines stay flat; the grey band holds 95 % of the counts of independent draws (autocorrelated draws
 * leave it more often).
 *
 * @param draws - a sampler run, `[chains, draws, D]`.
 * @param options.width - px. Default 600.
 * @returns SVG text, equal for equal data.
 * @throws {RangeError} if there are no draws, fewer than two per chain, or one is not finite.
 * @throws {ShapeError} if `parameters` does not name every parameter.
 * @throws {ConfigError} if `@observablehq/plot` or `linkedom` is not installed.
 */
export async function traceFigure(draws: Draws, options: TraceOptions = {}): Promise<string> {
  const { width = 600, maxChains = 4, maxPoints = 400 } = options;
  const { parameters = draws.names.map((label): Quantity => ({ label })) } = options;
  checkTrace(draws, parameters, width, maxChains, maxPoints);
  const shown = chainsShown(draws.chains, maxChains);
  const step = Math.ceil(draws.draws / maxPoints);

  const rowHeight = 150;
  const left = 62;
  const split = Math.round(width * 0.6);
  const frame = {
    width,
    height: parameters.length * rowHeight + 44,
    title: options.title ?? `Chains of ${parameters.map((parameter) => parameter.label).join(", ")}`,
    description:
      options.description ??
      `${shown.length} of ${draws.chains} chains against the draw number, and the rank counts of their draws.`,
  };
  return drawPanels("traceFigure", frame, (plot) =>
    parameters.flatMap((parameter, p): Panel[] => {
      const last = p === parameters.length - 1;
      const top = p * rowHeight;
      const values = parameterValues(draws, p);
      const lines = shown.map((c) => thinned(values.subarray(c * draws.draws, (c + 1) * draws.draws), step));
      const { counts, edges, bands } = rankCounts(values, draws.chains, draws.draws, shown);
      const xAxis = (label: string, ticks: number) =>
        last ? axisX(label, ticks) : { ...axisX(null, ticks), tickFormat: () => "" };
      const shared = { height: rowHeight + 44, marginTop: 14, marginBottom: 50 };
      const frameMark = plot.frame({ strokeOpacity: 0.4 });
      return [
        {
          left: 0,
          top,
          options: {
            ...shared,
            width: split,
            marginLeft: left,
            marginRight: 8,
            x: { domain: [0, draws.draws - 1], ...xAxis("draw", 5) },
            y: {
              domain: paddedExtent(lines.flatMap((line) => line.map(([, y]) => y))),
              ...axisY(axisLabel(parameter), 4),
            },
            marks: [
              ...lines.map((line, k) =>
                plot.line(line, { stroke: setColor(k), strokeWidth: 0.9, strokeOpacity: 0.85 }),
              ),
              frameMark,
            ],
          },
        },
        {
          left: split,
          top,
          options: {
            ...shared,
            width: width - split,
            marginLeft: 54,
            marginRight: 24,
            x: { domain: [0, values.length], ...xAxis("rank among all draws", 3) },
            y: {
              domain: [0, 1.05 * Math.max(...counts.flat(), ...bands.map((band) => band.upper))],
              ...axisY("draws", 4, { labelOffset: 46 }),
            },
            marks: [
              plot.rect(bands, {
                x1: (_: unknown, i: number) => edges[i],
                x2: (_: unknown, i: number) => edges[i + 1],
                y1: "lower",
                y2: "upper",
                fill: "currentColor",
                fillOpacity: 0.12,
              }),
              ...counts.map((count, k) =>
                plot.line(stairs(edges, count), { stroke: setColor(k), strokeWidth: 1.4 }),
              ),
              frameMark,
            ],
          },
        },
      ];
    }),
  );
}

/** Counts of ranks in equal bins for the chains shown, with the 95 % band of independent draws. */
export function rankCounts(values: Float64Array, chains: number, perChain: number, shown: readonly number[]) {
  const numBins = Math.max(2, Math.min(20, Math.floor(perChain / 5)));
  const order = Uint32Array.from(values.keys()).sort((a, b) => values[a] - values[b] || a - b);
  const bin = new Uint32Array(values.length);
  order.forEach((index, rank) => {
    bin[index] = Math.floor((rank * numBins) / values.length);
  });
  const counts = shown.map((c) => {
    const count = new Array<number>(numBins).fill(0);
    for (let i = c * perChain; i < (c + 1) * perChain; i++) count[bin[i]] += 1;
    return count;
  });
  const edges = Array.from({ length: numBins + 1 }, (_, i) => (i * chains * perChain) / numBins);
  const bands = counts[0].map(() => binomialInterval(perChain, 1 / numBins, 0.95));
  return { counts, edges, bands };
}

function stairs(edges: readonly number[], counts: readonly number[]): [number, number][] {
  return counts.flatMap((count, i): [number, number][] => [
    [edges[i], count],
    [edges[i + 1], count],
  ]);
}

/** `count` chains evenly spaced among `chains`, the first among them. */
function chainsShown(chains: number, count: number): number[] {
  const kept = Math.min(chains, count);
  return Array.from({ length: kept }, (_, i) => Math.floor((i * chains) / kept));
}

function parameterValues({ values, names, chains, draws }: Draws, p: number): Float64Array {
  return Float64Array.from({ length: chains * draws }, (_, i) => values[i * names.length + p]);
}

function thinned(chain: Float64Array, step: number): [number, number][] {
  return Array.from({ length: Math.ceil(chain.length / step) }, (_, i) => [i * step, chain[i * step]]);
}

function checkTrace(
  draws: Draws,
  parameters: readonly Quantity[],
  width: number,
  maxChains: number,
  maxPoints: number,
): void {
  requireWidth("traceFigure", width);
  requireFinite("traceFigure: draws", draws.values);
  if (draws.draws < 2)
    throw new RangeError(`traceFigure: needs at least 2 draws per chain, got ${draws.draws}.`);
  if (parameters.length !== draws.names.length) {
    throw new ShapeError(
      `traceFigure: ${parameters.length} parameters are named but the draws have ${draws.names.length}.`,
    );
  }
  if (!(Number.isInteger(maxChains) && maxChains >= 1)) {
    throw new RangeError(`traceFigure: maxChains must be a positive whole number, got ${maxChains}.`);
  }
  if (!(Number.isInteger(maxPoints) && maxPoints >= 2)) {
    throw new RangeError(`traceFigure: maxPoints must be a whole number of at least 2, got ${maxPoints}.`);
  }
}
