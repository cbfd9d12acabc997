/**
 * Likelihood estimation: a conditional density `q(x | theta)` trained on simulations.
 *
 *     NLE, NDE    -log q(x | theta)
 *     SCANDAL     -log q(x | theta) + alpha |t(x, z | theta) - d log q(x | theta) / d theta|^2
 *
 * The mean of the first over `x ~ p(x | theta)` is least where `q` is the likelihood, whatever `theta` was drawn from. The
 * mean of the second term is least there, too, since `E[t(x, z | theta) | x, theta] = t(x | theta)`: the joint score tells
 * how the likelihood changes at every row, where the rows alone show its value only. A larger `alpha` makes differences
 * `log q(x | theta0) - log q(x | theta1)` better and `log q` itself worse.
 *
 * Columns whose values lie on a lattice, such as counts, are spread over its cells before a flow learns them, see
 * `dataset/lattices.ts`.
 *
 * @see Papamakarios, Sterratt and Murray (2019), https://arxiv.org/abs/1805.07226 (NLE)
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244 (NDE, SCANDAL)
 * @module
 */
import { cloudRecord } from "../calibration/cloud.js";
import type { PriorSpec } from "../core/contracts.js";
import { ConfigError, ShapeError } from "../core/errors.js";
import { type Matrix, matrix, row, takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { type Key, key } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import type { GoldDataset } from "../dataset/gold.js";
import { dequantise, fitLattices, type Lattices } from "../dataset/lattices.js";
import type { Standardiser } from "../dataset/standardise.js";
import { applyTailMaps, fitTailMaps } from "../dataset/tail-maps.js";
import type { ConditionalDensity, DensitySpec } from "../flows/density.js";
import { conditionalDensity } from "../flows/from-spec.js";
import { likelihoodCard } from "../likelihood-card.js";
import { scoreTerm } from "../losses/gold.js";
import { priorFromSpec } from "../prior/from-spec.js";
import { fewestPairs } from "../report-card.js";
import { rowLength } from "../simulator.js";
import type { Objective, Tables } from "../train/objective.js";
import { likelihoodDefaults } from "../train/options.js";
import { checkTable, fitTransforms, isHeavyTailed } from "./aalr.js";
import { type LikelihoodEstimator, type LikelihoodHeader, likelihoodEstimator } from "./likelihood.js";
import { standardisedData, toStandardised } from "./ratio-evaluator.js";

/** Options of `nle`. */
export interface NleOptions {
  /**
   * The family of the likelihood. Default a masked autoregressive flow, or, where all data are whole numbers and ten
   * different ones at most, `{ kind: "categoricalDensity", values }` of those.
   */
  readonly density?: DensitySpec;
  /**
   * Whether columns of a lattice, such as counts, are spread over its cells while a density of measured numbers is trained:
   * left as they are, its density would grow without bound at each value. Default true; other columns are not touched, nor any
   * where values are counted.
   *
   * @see Theis et al. (2016), https://arxiv.org/abs/1511.01844
   */
  readonly dequantise?: boolean;
}

/** Options of `scandal`. */
export interface ScandalOptions extends NleOptions {
  /**
   * Weight of the score term, in standardised parameters (so it does not depend on their units). Default `"auto"`: the
   * term of a flat likelihood then has the size of the surprise of a standard normal `x`, half its dimension.
   */
  readonly alpha?: number | "auto";
}

const optionNames: OptionNames<NleOptions> = { density: true, dequantise: true };

/** Different whole numbers in data, up to which they are taken for counts. */
const mostCounts = 10;

/** The family unless the user says otherwise. */
function defaultDensity({ data }: Matrix): DensitySpec {
  const values = new Set<number>();
  for (const value of data) {
    values.add(value);
    if (!Number.isInteger(value) || values.size > mostCounts) return { kind: "maf" };
  }
  return values.size < 2
    ? { kind: "maf" }
    : { kind: "categoricalDensity", values: [...values].sort((a, b) => a - b) };
}

/** Simulations, each with the point that made it and the joint score there. */
interface Scored {
  readonly data: Dataset;
  /** `[N, D]`, per unit of `theta`. */
  readonly jointScore: Matrix;
  /** Rows without a joint score: those of a fixed reference point. */
  readonly hasScore: readonly boolean[];
}

/** What the objective leaves beside the weights. */
type LikelihoodTransforms = LikelihoodHeader["transforms"] & { readonly alpha?: number };

/**
 * The NLE objective on a table of simulations, for `train`. What the parameters were drawn from does not matter.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} for an impossible density, or if `dequantise` is not true or false.
 * @throws {ShapeError} if the table is empty or ragged.
 * @throws {RangeError} if data are counted and a value is none of those that the density knows.
 * @example
 * const estimator = await train(nle(simulations), { seed: "hello" });
 * const draws = await sample(hmc(posterior(estimator, { observed: [x1, x2, x3] })), { seed: "hello" }); // they add
 */
export function nle(simulations: Dataset, options: NleOptions = {}): Objective<LikelihoodEstimator> {
  checkOptions("nle", options, optionNames);
  return build("nle", { data: simulations }, options);
}

/**
 * The SCANDAL objective on a table with gold, for `train`. Each row counts at the point that it was simulated at.
 *
 * @throws as `nle`; {ConfigError} if `alpha` is not positive or the density is not smooth; {RangeError} if a joint score
 *   is not finite at the point that its row was simulated at.
 * @example
 * const estimator = await train(scandal(await simulateGold(program, { n: 1000, seed: "hello" })), { seed: "hello" });
 */
export function scandal(
  simulations: GoldDataset,
  options: ScandalOptions = {},
): Objective<LikelihoodEstimator> {
  checkOptions<ScandalOptions>("scandal", options, { ...optionNames, alpha: true });
  const { alpha = "auto" } = options;
  if (alpha !== "auto" && !(alpha > 0 && alpha < Infinity)) {
    throw new ConfigError(`scandal: alpha must be a positive number or "auto", got ${alpha}.`);
  }
  return build("scandal", scored(simulations), { ...options, alpha });
}

/**
 * The simulations of a table with gold, each with the point that made it: what `nle` takes.
 *
 * @example
 * const estimator = await train(nle(simulatedPairs(simulations)), { seed: "hello" });
 */
export function simulatedPairs({
  theta,
  thetaRef,
  y,
  x,
  names,
  xShape,
  proposal,
  source,
}: GoldDataset): Dataset {
  const own = matrix(x.rows, names.length);
  for (let i = 0; i < x.rows; i++) row(own, i).set(row(y[i] === 0 ? theta : thetaRef, i));
  return { theta: own, x, names, xShape, ...(proposal && { prior: proposal }), dropped: 0, source };
}

function scored(simulations: GoldDataset): Scored {
  const { y, x, jointScore, jointScoreRef, names } = simulations;
  const data = simulatedPairs(simulations);
  const score = matrix(x.rows, names.length);
  const hasScore = Array.from(y, (label) => label === 0 || jointScoreRef !== undefined);
  for (let i = 0; i < x.rows; i++) {
    if (hasScore[i]) row(score, i).set(row(y[i] === 0 ? jointScore : (jointScoreRef as Matrix), i));
  }
  const at = score.data.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    const [i, j] = [Math.floor(at / names.length), at % names.length];
    throw new RangeError(
      `scandal: the joint score is ${score.data[at]} in row ${i}, column ${j} (${names[j]}); expected finite numbers ` +
        "at the point that the row was simulated at.",
    );
  }
  return { data, jointScore: score, hasScore };
}

function build(
  method: LikelihoodHeader["method"],
  { data, jointScore, hasScore }: Pick<Scored, "data"> & Partial<Scored>,
  { density: wantedSpec, alpha: wanted, dequantise: withNoise = true }: ScandalOptions,
): Objective<LikelihoodEstimator> {
  if (typeof withNoise !== "boolean") {
    throw new ConfigError(`${method}: dequantise must be true or false, got ${JSON.stringify(withNoise)}.`);
  }
  const { theta, x, names, xShape, prior } = data;
  checkTable(theta, x, method);
  const xDim = rowLength(xShape, method);
  if (x.cols !== xDim || theta.cols !== names.length) {
    throw new ShapeError(
      `${method}: expected x of ${xDim} columns (xShape [${xShape}]) and theta of ${names.length} (${names.join(", ")}), got ${x.cols} and ${theta.cols}.`,
    );
  }
  const spec = wantedSpec ?? defaultDensity(x);
  const density = conditionalDensity(spec, xDim, names.length);
  checkValues(method, x, density);
  const robustTheta = isHeavyTailed(prior);
  const dim = names.length;
  const spread = withNoise && !density.values;
  const noisy = (lattices: Lattices | undefined, noise: Key) => dequantise(x, lattices, noise);

  return {
    method,
    n: x.rows,
    ...trainedBy(!density.values || xDim > 1, jointScore !== undefined, x.rows),
    spec: {
      density: density.spec,
      ...(jointScore && { alpha: wanted }),
      ...(!withNoise && { dequantise: false }),
    },
    parameters: density.parameters,
    initialise: (key) => density.initialise(key),

    tables(training): Tables {
      const lattices = spread ? fitLattices(takeRows(x, training)) : undefined;
      const values = noisy(lattices, key("dequantise")); // rows that are held out keep this noise
      const tails = density.values ? undefined : fitTailMaps(takeRows(values, training));
      const mapped = applyTailMaps(values, tails);
      const fitted = fitTransforms(takeRows(theta, training), takeRows(mapped, training), robustTheta);
      const standard = {
        theta: fitted.theta,
        x: density.values ? asTheyAre(xDim) : fitted.x,
        ...(tails && { tails }),
        ...(lattices && { lattices }),
      };
      const score =
        jointScore && scoreTable(jointScore, hasScore as boolean[], fitted.theta, training, wanted, xDim);
      return {
        specs: {
          theta: { shape: [x.rows, dim] },
          x: { shape: [x.rows, xDim] },
          ...(score && { score: { shape: [x.rows, dim + 1] } }),
        },
        values: {
          theta: toStandardised(theta, standard.theta),
          x: toStandardised(mapped, standard.x),
          ...(score && { score: score.table }),
        },
        transforms: { ...standard, ...(score && { alpha: score.alpha }) },
      };
    },

    ...(spread && {
      async refresh(epoch: Key, transforms: unknown) {
        const standard = transforms as LikelihoodTransforms;
        const { lattices } = standard;
        return lattices && { x: standardisedData(noisy(lattices, epoch), standard) };
      },
    }),

    batch: Object.fromEntries(
      ["theta", "x", ...(jointScore ? ["score"] : [])].map((table) => [table, { table, index: "rows" }]),
    ),
    indices: (rows) => ({ rows }),
    draw(rows, _pool, _rng, into) {
      into.rows.set(rows);
    },
    loss(tf, parameters, batch) {
      const logProb = (at: typeof batch.theta) => density.logProb(tf, parameters, batch.x, at);
      const surprise = tf.neg(tf.mean(logProb(batch.theta)));
      if (!jointScore) return surprise;
      const [rows] = batch.score.shape;
      const slope = tf.grad((at: typeof batch.theta) => tf.sum(logProb(at)))(batch.theta);
      const term = scoreTerm(tf, slope, tf.slice(batch.score, [0, 1], [rows, dim]));
      const weight = tf.reshape(tf.slice(batch.score, [0, 0], [rows, 1]), [rows]);
      return tf.add(surprise, tf.mean(tf.mul(weight, term)));
    },

    async estimator({ weights, transforms, logs, heldOut, card, engine }) {
      const { alpha, ...rest } = transforms as LikelihoodTransforms;
      const header: LikelihoodHeader = {
        method,
        names,
        xShape,
        density: density.spec,
        transforms: rest,
        ...(alpha !== undefined && { alpha }),
        logs,
        ...cloudRecord(x),
      };
      const estimator = likelihoodEstimator(header, weights, { engine, density, ...(prior && { prior }) });
      if (!prior || card === false || heldOut.length < fewestPairs) return estimator;
      try {
        const pairs = { theta: takeRows(theta, heldOut), x: takeRows(x, heldOut) };
        return { ...estimator, header: { ...header, card: await likelihoodCard(estimator, pairs, card) } };
      } catch (error) {
        await estimator.dispose();
        throw error;
      }
    },
    portable: {
      module: import.meta.url,
      export: "likelihoodFromPortable",
      input: {
        method,
        scored: { data: { theta, x, names, xShape, dropped: 0, source: {} }, jointScore, hasScore },
        ...(prior && { prior: prior.spec }),
        options: { density: spec, alpha: wanted, dequantise: withNoise },
      } satisfies LikelihoodPortable,
    },
  };
}

/**
 * How to train. Probabilities of counts, learned from counts alone, fit the noise of few rows; joint scores hold them, so
 * that as many passes pay as for a flow.
 */
function trainedBy(isFlow: boolean, hasScores: boolean, n: number): Pick<Objective<unknown>, "defaults"> {
  const defaults = likelihoodDefaults(n);
  return isFlow ? { defaults } : hasScores ? { defaults: { epochs: defaults.epochs } } : {};
}

/** What a worker thread rebuilds the objective from. */
interface LikelihoodPortable {
  readonly method: LikelihoodHeader["method"];
  readonly scored: Pick<Scored, "data"> & Partial<Scored>;
  readonly prior?: PriorSpec;
  readonly options: ScandalOptions;
}

/** Rebuilds the objective in a worker thread. */
export function likelihoodFromPortable({ method, scored, prior, options }: LikelihoodPortable) {
  const data = { ...scored.data, ...(prior && { prior: priorFromSpec(prior) }) };
  return build(method, { ...scored, data }, options);
}

/** Weight of the score term, then the joint score in standardised parameters, `[N, 1 + D]`. */
function scoreTable(
  jointScore: Matrix,
  hasScore: readonly boolean[],
  { scale }: Standardiser,
  training: Int32Array,
  wanted: number | "auto" | undefined,
  xDim: number,
): { readonly table: Float32Array; readonly alpha: number } {
  const { rows, cols } = jointScore;
  const table = new Float32Array(rows * (cols + 1));
  const numScored = training.reduce((sum, i) => sum + Number(hasScore[i]), 0);
  const share = numScored > 0 ? training.length / numScored : 0;
  let squares = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) table[i * (cols + 1) + 1 + j] = jointScore.data[i * cols + j] * scale[j];
  }
  for (const i of training) {
    const own = table.subarray(i * (cols + 1) + 1, (i + 1) * (cols + 1));
    squares += own.reduce((sum, value) => sum + value * value, 0) / numScored;
  }
  // the surprise of a standard normal is half its dimension, up to a constant
  const alpha = wanted === "auto" ? (squares > 0 ? xDim / 2 / squares : 1) : (wanted ?? 0);
  for (let i = 0; i < rows; i++) table[i * (cols + 1)] = hasScore[i] ? alpha * share : 0;
  return { table, alpha };
}

/** The map that changes nothing, for values that are counted. */
const asTheyAre = (dim: number): Standardiser => ({
  center: Array(dim).fill(0),
  scale: Array(dim).fill(1),
  constantColumns: [],
});

function checkValues(method: string, x: Matrix, { values }: ConditionalDensity): void {
  if (!values) return;
  const known = new Set(values);
  const at = x.data.findIndex((value) => !known.has(value));
  if (at < 0) return;
  throw new RangeError(
    `${method}: x is ${x.data[at]} in row ${at}, but the density knows ${values.join(", ")} only; add it to its values.`,
  );
}
