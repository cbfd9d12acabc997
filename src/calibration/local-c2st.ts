/**
 * The local classifier two-sample test (L-C2ST): is the posterior right at this observation? A classifier learns to tell
 * joint pairs `(theta, x)` from pairs of a posterior draw and the same `x`, over all `x` of a held-out table. For the exact
 * posterior there is nothing to tell, and its probability is 1/2 everywhere; the statistic at an observation is
 *
 *     mean over draws theta ~ q(theta | observed) of (P(joint | theta, observed) - 1/2)^2.
 *
 * Classifiers of the same rows with the two members of each pair swapped at random say how large it is by chance. One
 * training serves any number of observations.
 *
 * @see Linhart, Gramfort and Rodrigues (2023), https://arxiv.org/abs/2306.03580, algorithms 1 and 2
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { type Matrix, matrix, row, stackRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn, key as keyOf, stream } from "../core/random.js";
import { sigmoid } from "../core/special.js";
import { applyStandardiser, fitStandardiser } from "../dataset/standardise.js";
import { openEngine } from "../engine/open.js";
import type { Engine, EngineName } from "../engine/types.js";
import { type Classifier, trainClassifiers } from "../metrics/classifier.js";

/** Held-out simulations and one posterior draw for each. */
export interface DrawnPairs {
  /** True parameters, `[N, D]`, and their data, `[N, L]`; not used in training the estimator. */
  readonly theta: Matrix;
  readonly x: Matrix;
  /** One draw of the posterior at each `x`, `[N, D]`. */
  readonly draws: Matrix;
}

/** Where the posterior is to be tested. */
export interface ObservedDraws {
  /** `[L]`. */
  readonly observed: ArrayLike<number>;
  /** Draws of the posterior there, `[S, D]`. */
  readonly draws: Matrix;
}

/** Options of `localC2st`. */
export interface LocalC2stOptions {
  /** Default 1. */
  readonly seed?: string | number;
  /** Widths of the classifier's hidden layers. Default `[50, 50]`. */
  readonly hidden?: readonly number[];
  /** Classifiers of swapped pairs. Default 100. */
  readonly trials?: number;
  /** Default `"auto"`. */
  readonly engine?: EngineName | "auto" | Engine;
  readonly signal?: AbortSignal;
}

const optionNames: OptionNames<LocalC2stOptions> = {
  seed: true,
  hidden: true,
  trials: true,
  engine: true,
  signal: true,
};

/** The verdict at one observation. */
export interface LocalC2st {
  /** Between 0 and 1/4; larger is worse. */
  readonly statistic: number;
  /** The statistic of each classifier of swapped pairs, `[trials]`. */
  readonly byChance: Float64Array;
  /** `(1 + #{by chance at least as large}) / (1 + trials)`: small where the posterior is wrong. */
  readonly pValue: number;
}

/** Fewer pairs than this teach a classifier nothing. */
const fewestPairs = 100;

/**
 * Tests a posterior at observations.
 *
 * @param pairs - at least 100; a thousand or more see finer errors.
 * @param observations - where to test, and draws of the posterior there.
 * @returns one verdict per observation.
 * @throws {TypeError} if there is no such option.
 * @throws {ShapeError} if rows or widths do not match, or there are too few pairs or no draws.
 * @throws {RangeError} if a value is not finite or `trials` is not a positive whole number.
 * @example
 * const [{ pValue }] = await localC2st({ theta, x, draws: oneDrawEach }, [{ observed, draws }], { seed: 1 });
 */
export async function localC2st(
  pairs: DrawnPairs,
  observations: readonly ObservedDraws[],
  options: LocalC2stOptions = {},
): Promise<LocalC2st[]> {
  checkOptions("localC2st", options, optionNames);
  const { seed = 1, hidden = [50, 50], trials = 100, engine: asked = "auto", signal } = options;
  if (!Number.isSafeInteger(trials) || trials < 1) {
    throw new RangeError(`localC2st: trials must be a positive whole number, got ${trials}.`);
  }
  checkPairs(pairs);
  const key = foldIn(keyOf(seed), "localC2st");
  const n = pairs.theta.rows;
  const joint = beside(pairs.theta, pairs.x);
  const drawn = beside(pairs.draws, pairs.x);
  const standardiser = fitStandardiser(joint, { robust: false });
  const tests = observations.map((observation, i) => {
    checkObservation(observation, i, pairs);
    const { observed, draws } = observation;
    const x = matrix(draws.rows, observed.length);
    for (let s = 0; s < draws.rows; s++) row(x, s).set(observed);
    return applyStandardiser(beside(draws, x), standardiser);
  });

  // every row stands twice, with either label, so that a swapped pair is a choice of rows
  const both = applyStandardiser(stackRows([joint, drawn, joint, drawn]), standardiser);
  const labels = Uint8Array.from({ length: 4 * n }, (_, i) => (i < n || i >= 3 * n ? 0 : 1));
  const sets = Array.from({ length: trials + 1 }, (_, t) => {
    const rng = stream(foldIn(foldIn(key, "swap"), t));
    const swapped = Array.from({ length: n }, () => t > 0 && rng.uniform() < 0.5);
    const seen = swapped.flatMap((swap, i) => (swap ? [2 * n + i, 3 * n + i] : [i, n + i]));
    return { seen, key: foldIn(foldIn(key, "classifier"), t) };
  });
  const engine = typeof asked === "object" ? asked : await openEngine(asked);
  const [own, ...nulls] = await trainClassifiers(engine, both, labels, sets, {
    hidden,
    earlyStopping: true,
    maxEpochs: 1000,
    signal,
  });
  return tests.map((rows) => {
    const statistic = meanSquare(own, rows);
    const byChance = Float64Array.from(nulls, (classifier) => meanSquare(classifier, rows));
    const asLarge = byChance.filter((value) => value >= statistic).length;
    return { statistic, byChance, pValue: (1 + asLarge) / (1 + trials) };
  });
}

/** `(P - 1/2)^2`, averaged over rows. */
function meanSquare(classifier: Classifier, rows: Matrix): number {
  const logits = classifier.logits(rows);
  return logits.reduce((sum, logit) => sum + (sigmoid(logit) - 0.5) ** 2, 0) / rows.rows;
}

/** Two tables side by side. */
function beside(left: Matrix, right: Matrix): Matrix {
  const out = matrix(left.rows, left.cols + right.cols);
  for (let i = 0; i < left.rows; i++) {
    row(out, i).set(row(left, i));
    row(out, i).set(row(right, i), left.cols);
  }
  return out;
}

function checkPairs({ theta, x, draws }: DrawnPairs): void {
  const n = theta.rows;
  if (x.rows !== n || draws.rows !== n || draws.cols !== theta.cols) {
    throw new ShapeError(
      `localC2st: expected ${n} rows of x and one draw of ${theta.cols} parameters for each, ` +
        `got ${x.rows} rows of x and draws of [${draws.rows}, ${draws.cols}].`,
    );
  }
  if (n < fewestPairs) {
    throw new ShapeError(`localC2st: expected at least ${fewestPairs} held-out pairs, got ${n}.`);
  }
  checkFinite({ theta, x, draws }, "");
}

function checkObservation({ observed, draws }: ObservedDraws, i: number, { theta, x }: DrawnPairs): void {
  if (observed.length !== x.cols || draws.cols !== theta.cols || draws.rows === 0) {
    throw new ShapeError(
      `localC2st: observation ${i} needs ${x.cols} values and draws of ${theta.cols} parameters, ` +
        `got ${observed.length} values and draws of [${draws.rows}, ${draws.cols}].`,
    );
  }
  checkFinite(
    { observed: matrix(1, observed.length, Float64Array.from(observed)), draws },
    `observation ${i}: `,
  );
}

function checkFinite(tables: Readonly<Record<string, Matrix>>, where: string): void {
  for (const [name, { data, cols }] of Object.entries(tables)) {
    const at = data.findIndex((value) => !Number.isFinite(value));
    if (at < 0) continue;
    throw new RangeError(
      `localC2st: ${where}${name} holds ${data[at]} in row ${Math.floor(at / cols)}, expected finite numbers.`,
    );
  }
}
