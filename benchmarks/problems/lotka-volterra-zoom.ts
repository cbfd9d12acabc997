/**
 * Predators and prey near one point: the jump process of `lotka_volterra_jumps` with a prior a fiftieth as wide in each
 * logarithm, the problem on which the joint score was shown to help a masked autoregressive flow.
 *
 * Nobody knows `p(x | theta)` of the nine summaries. As in the study, whose truth is the median of ten SCANDAL trainings,
 * that of here is learned: by SCANDAL with the defaults of the library from 100,000 simulations, in two halves.
 * `benchmarks/gold/lotka-volterra-reference.ts` makes it and says how far the halves are apart.
 *
 * Rows are compared as in the study: numerators on the grid of five values of each parameter from end to end of the prior,
 * data of the point in the middle, which is the denominator. Of one grid point there are two rows.
 *
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244; its code goldmine for the figures
 * @module
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { column, type Matrix, matrix } from "../../src/core/matrix.js";
import type { GoldProblem, RatioTest } from "../gold-problem.js";
import { type LotkaVolterraRanges, lotkaVolterra, usual } from "./lotka-volterra.js";

/** Half of the width of the prior, in each logarithm. */
const reach = 0.01;
const around = (value: number) => [value - reach, value + reach] as const;

/** The narrow prior. */
export const ranges: LotkaVolterraRanges = {
  predatorBirth: around(usual[0]),
  predatorDeath: around(usual[1]),
  preyBirth: around(usual[2]),
  predation: around(usual[3]),
};

/** The process of the study under it. */
export const simulator = lotkaVolterra({ prior: ranges });

/** Rows of each grid point. */
const repeats = 2;
const steps = [-1, -0.5, 0, 0.5, 1].map((step) => step * reach);

/** Numerators of the comparison, `[1250, 4]`: every grid point twice. */
export function gridPoints(): Matrix {
  const total = repeats * steps.length ** usual.length;
  const out = matrix(total, usual.length);
  out.data.forEach((_, k) => {
    const [i, j] = [Math.floor(k / usual.length), k % usual.length];
    const digit = Math.floor(i / repeats / steps.length ** j) % steps.length;
    out.data[k] = usual[j] + steps[digit];
  });
  return out;
}

/** Columns of the stored reference behind the nine summaries. */
export const referenceColumns = ["logRatio", "logProb", "jointLogRatio"] as const;

/** The rows with what is taken for the truth. */
export interface ZoomTest extends Required<RatioTest> {
  /** Of the path that made each row, `[N]`: its mean given `x` is the ratio, whatever was learned. */
  readonly jointLogRatio: Float64Array;
}

let stored: Promise<ZoomTest> | undefined;

/** Reads the stored rows. */
export function zoomTest(): Promise<ZoomTest> {
  stored ??= readRows();
  return stored;
}

async function readRows(): Promise<ZoomTest> {
  const path = fileURLToPath(new URL("./lotka-volterra-zoom.arrow", import.meta.url));
  const { decodeTable } = await import("../draws-table.js");
  const { names, values } = decodeTable(await readFile(path), path);
  const theta = gridPoints();
  const xDim = simulator.xShape[0];
  const x = matrix(theta.rows, xDim);
  for (let j = 0; j < xDim; j++) {
    column(values, j).forEach((value, i) => {
      x.data[i * xDim + j] = value;
    });
  }
  const [logRatio, logProb, jointLogRatio] = referenceColumns.map((name) =>
    column(values, names.indexOf(name)),
  );
  const weights = new Float64Array(theta.rows).fill(1 / theta.rows);
  return { theta, x, weights, logRatio, logProb, jointLogRatio };
}

export const problem: GoldProblem = {
  name: "lotka_volterra_zoom",
  title: "Rates of predators and prey, from nine summaries of their numbers, near one point",
  source: "goldmine, https://arxiv.org/abs/1805.12244",
  simulator,
  thetaRef: usual,
  comparison: {
    denominators: "drawn",
    estimatedBy: "SCANDAL, trained on 100,000 simulations in two halves",
    test: zoomTest,
  },
};
