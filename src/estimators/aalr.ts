/**
 * AALR: amortised approximate likelihood ratios (Hermans, Begy and Louppe 2020,
 * https://arxiv.org/abs/1903.04057, Algorithm 1). A classifier that tells joint pairs `(theta, x)` from
 * independent ones has the logit `log r(x, theta) = log p(x | theta) / p(x)`. The default loss is its
 * generalisation to K contrasts, NRE-C; `contrasts: 1` is the paper's.
 *
 * @module
 */
import { cloudRecord } from "../calibration/cloud.js";
import type { Prior } from "../core/contracts.js";
import { ConfigError, ShapeError } from "../core/errors.js";
import { type Matrix, takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn, type Key } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import { fitStandardiser, type Standardiser } from "../dataset/standardise.js";
import {
  countRows,
  isStored,
  openDataset,
  type Rows,
  readAll,
  type StoredDataset,
} from "../dataset/stored.js";
import { applyTailMaps, fitTailMaps, type TailMap } from "../dataset/tail-maps.js";
import type { Feeds, Specs, Tensor, Tf } from "../engine/types.js";
import { type CalibrationTerm, checkedTerm, ratioMiscalibration } from "../losses/calibration.js";
import { checkNreLoss, type NreLoss, nreLoss } from "../losses/nre.js";
import { type Embedding, embeddingRecord } from "../nets/embedding.js";
import { type RatioNetworkSpec, ratioNetwork } from "../nets/ratio-network.js";
import { fewestPairs, reportCard } from "../report-card.js";
import { simulateRange } from "../simulate-range.js";
import { rowLength, type Simulator } from "../simulator.js";
import type { Method, Objective, PortableObjective, Tables, TrainedMembers } from "../train/objective.js";
import { manyRows } from "../train/options.js";
import { type RatioEstimator, type RatioHeader, ratioEstimator } from "./ratio.js";
import { standardisedData, toStandardised } from "./ratio-evaluator.js";

/** Standardisation of parameters and data, whose tails are mapped before where a column needs it; plain JSON. */
export interface RatioTransforms {
  readonly theta: Standardiser;
  readonly x: Standardiser;
  readonly tails?: readonly TailMap[];
}

/** Options of `aalr`. */
export interface AalrOptions extends Partial<NreLoss> {
  /** A term that holds posteriors calibrated, on average over data. Default none. */
  readonly calibration?: CalibrationTerm;
  /** Default two residual blocks with SiLU, five hidden layers of 128 units; four blocks from 300,000 simulations on. */
  readonly network?: RatioNetworkSpec;
  /** A network that turns data rows into features, trained along. Default none. */
  readonly embedding?: Embedding;
  /** Whether skewed and heavy-tailed columns of data are mapped (`fitTailMaps`), which an embedding does itself. Default false. */
  readonly tails?: boolean;
  /** Simulates new rows for every epoch, as Algorithm 1 does, instead of going over the same rows again. */
  readonly fresh?: Simulator;
}

const optionNames: OptionNames<AalrOptions> = {
  contrasts: true,
  gamma: true,
  balance: true,
  calibration: true,
  network: true,
  embedding: true,
  tails: true,
  fresh: true,
};

/** Network and loss, all set. */
interface AalrSpec {
  readonly network: RatioNetworkSpec;
  readonly loss: NreLoss;
  readonly calibration?: Required<CalibrationTerm>;
}

/** The network for `n` simulations unless the user says otherwise. */
export function defaultRatioNetwork(n: number): RatioNetworkSpec & { readonly kind: "residual" } {
  return { kind: "residual", width: 128, blocks: n >= manyRows ? 4 : 2, activation: "silu" };
}

/**
 * The AALR objective on a table of simulations, for `train`. Simulations on disk (`openDataset`) are trained on in
 * windows where they are more than one.
 *
 * @param options.contrasts - independent parameters per data row, K. Default 4; 1 is the paper's loss; more is
 *   more accurate and costs in proportion.
 * @param options.gamma - odds of a joint class over the marginal class. Default 1; `Infinity` is NRE-B.
 * @param options.balance - weight of the balance penalty. Default 0.
 * @param options.calibration - `{ weight, draws, conservative }` of the calibration term. Default none.
 * @param options.tails - whether skewed and heavy-tailed columns of data are mapped first. Default false.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} for an impossible loss or network, tails that are neither true nor false, for balance and calibration at once, or a fresh simulator that does not fit the table.
 * @throws {ShapeError} if the table is empty or ragged.
 * @example
 * const estimator = await train(aalr(simulations), { seed: "hello" });
 */
export function aalr(
  simulations: Dataset | StoredDataset,
  options: AalrOptions = {},
): Objective<RatioEstimator> {
  checkOptions("aalr", options, optionNames);
  return build(simulations, options, isHeavyTailed(simulations.prior));
}

/** @param robustTheta - whether parameters are standardised robustly. */
function build(
  simulations: Dataset | StoredDataset,
  options: AalrOptions,
  robustTheta: boolean,
): Objective<RatioEstimator> {
  const n = countRows(simulations);
  const spec: AalrSpec = {
    network: options.network ?? defaultRatioNetwork(n),
    loss: { contrasts: options.contrasts ?? 4, gamma: options.gamma ?? 1, balance: options.balance ?? 0 },
    ...(options.calibration && { calibration: checkedTerm("aalr", options.calibration) }),
  };
  checkNreLoss(spec.loss);
  if (spec.loss.balance > 0 && spec.calibration) {
    throw new ConfigError(
      "aalr: balance and calibration are two remedies for one fault; leave one of them out.",
    );
  }
  const { names, xShape, prior } = simulations;
  if (!isStored(simulations)) checkTable(simulations.theta, simulations.x, "aalr");
  const [thetaDim, xDim] = [names.length, rowLength(xShape, "aalr")];
  const network = ratioNetwork(spec.network, thetaDim, xDim, options.embedding);
  const { loss, calibration } = spec;
  /** Independent parameters of each row: the loss takes the first of them, the calibration term all. */
  const contrasts = Math.max(loss.contrasts, calibration?.draws ?? 0);
  const { fresh } = options;
  if (fresh && (fresh.parameters.join() !== names.join() || fresh.xShape.join() !== xShape.join())) {
    throw new ConfigError(
      `aalr: the fresh simulator "${fresh.name}" has parameters (${fresh.parameters.join(", ")}) and xShape [${fresh.xShape}] ` +
        `but the table has (${names.join(", ")}) and [${xShape}].`,
    );
  }
  if (fresh && isStored(simulations)) {
    throw new ConfigError(
      "aalr: fresh simulates anew for every epoch, so simulations on disk would be read once only. " +
        "Leave fresh out, or pass a table in memory.",
    );
  }
  if (fresh && prior && JSON.stringify(fresh.prior.spec) !== JSON.stringify(prior.spec)) {
    throw new ConfigError(
      `aalr: the fresh simulator "${fresh.name}" draws from the prior ${JSON.stringify(fresh.prior.spec)} but the table comes from ` +
        `${JSON.stringify(prior.spec)}. The evidence p(x) depends on the prior: simulate the table with the same simulator.`,
    );
  }
  const specs = (rows: number): Specs => ({ theta: { shape: [rows, thetaDim] }, x: { shape: [rows, xDim] } });
  const values = ({ theta, x }: Rows, transforms: unknown): Feeds => ({
    theta: toStandardised(theta, (transforms as RatioTransforms).theta),
    x: standardisedData(x, transforms as RatioTransforms),
  });
  if (options.tails !== undefined && typeof options.tails !== "boolean") {
    throw new ConfigError(`aalr: tails must be true or false, got ${options.tails}.`);
  }
  const withTails = options.tails === true && !options.embedding;
  const transformsOf = ({ theta, x }: Rows): RatioTransforms => {
    const tails = withTails ? fitTailMaps(x) : undefined;
    return { ...fitTransforms(theta, applyTailMaps(x, tails), robustTheta), ...(tails && { tails }) };
  };
  const portable = (data: AalrPortable["data"]): PortableObjective => {
    const own = {
      ...loss,
      network: spec.network,
      ...(calibration && { calibration }),
      ...(withTails && { tails: true }),
    };
    const input: AalrPortable = { data, robustTheta, options: own };
    return { module: import.meta.url, export: "aalrFromPortable", input };
  };
  const travels = !fresh && !options.embedding;

  const method: Method<RatioEstimator> = {
    method: "aalr",
    n,
    spec: {
      ...spec,
      embedding: embeddingRecord(options.embedding),
      ...(withTails && { tails: true }),
      ...(fresh && { fresh: fresh.name }),
    },
    parameters: network.parameters,
    initialise: (key) => network.initialise(key),

    batch: {
      theta: { table: "theta", index: "rows" },
      x: { table: "x", index: "rows" },
      contrast: { table: "theta", index: "contrasts" },
    },
    indices: (rows) => ({ rows, contrasts: rows * contrasts }),
    // balance and calibration square means over the whole batch
    blocks: (rows) =>
      loss.balance === 0 && !calibration ? cacheBlocks(rows, 1 + contrasts, spec.network) : 1,
    draw(rows, pool, rng, into) {
      into.rows.set(rows);
      drawContrasts(rows, pool, contrasts, (n) => rng.integer(n), into.contrasts);
    },

    loss(tf, parameters, batch) {
      const candidates = withContrasts(tf, batch.theta, batch.contrast, contrasts);
      const logRatio = network.apply(tf, parameters, candidates, batch.x);
      if (!calibration) return nreLoss(tf, logRatio, loss);
      const contrasted = tf.slice(logRatio, [0, 0], [logRatio.shape[0], 1 + loss.contrasts]);
      const term = ratioMiscalibration(tf, logRatio, calibration);
      return tf.add(nreLoss(tf, contrasted, loss), tf.mul(term, calibration.weight));
    },

    estimator: (members) =>
      assemble(members, simulations, {
        method: "aalr",
        names,
        xShape,
        network: spec.network,
        loss,
        ...(calibration && { calibration }),
        reference: "evidence",
        prior,
        embedding: options.embedding,
      }),
  };

  if (isStored(simulations)) {
    const { folder, invalid, windowRows } = simulations;
    return {
      ...method,
      streaming: {
        data: simulations,
        fit: transformsOf,
        specs,
        values,
        load: async () => build(await readAll(simulations), options, robustTheta),
      },
      ...(travels && { portable: portable({ folder, invalid, windowRows }) }),
    };
  }
  const { theta, x } = simulations;
  return {
    ...method,
    tables: (training): Tables => {
      const transforms = transformsOf({ theta: takeRows(theta, training), x: takeRows(x, training) });
      return { specs: specs(theta.rows), values: values({ theta, x }, transforms), transforms };
    },
    ...(fresh && {
      refresh: async (key: Key, transforms: unknown, signal?: AbortSignal) => {
        const thetas = fresh.prior.sample(theta.rows, foldIn(key, "theta"));
        const { x: xs, failures } = await simulateRange(fresh, thetas, foldIn(key, "x"), { signal });
        if (failures.length > 0) {
          throw new ConfigError(
            `aalr: the fresh simulator "${fresh.name}" failed on ${failures.length} of ${theta.rows} rows (first: ${failures[0].reason}). ` +
              `Training on the fly keeps no rows out; simulate a table with invalid: "drop" instead.`,
          );
        }
        return values({ theta: thetas, x: xs }, transforms);
      },
    }),
    ...(travels && { portable: portable({ theta, x, names, xShape, dropped: 0, source: {} }) }),
  };
}

/** What a worker thread rebuilds the objective from. */
interface AalrPortable {
  readonly data: Dataset | Pick<StoredDataset, "folder" | "invalid" | "windowRows">;
  readonly robustTheta: boolean;
  readonly options: AalrOptions;
}

/** Rebuilds the objective in a worker thread. */
export async function aalrFromPortable({
  data,
  robustTheta,
  options,
}: AalrPortable): Promise<Objective<RatioEstimator>> {
  if (!("folder" in data)) return build(data, options, robustTheta);
  const { folder, invalid, windowRows } = data;
  return build(await openDataset(folder, { invalid, windowRows }), options, robustTheta);
}

/** @throws {ShapeError} if the table is empty or ragged. */
export function checkTable(theta: Matrix, x: Matrix, caller: string): void {
  if (theta.rows === 0) throw new ShapeError(`${caller}: expected a table of simulations, got no rows.`);
  if (theta.rows !== x.rows) {
    throw new ShapeError(`${caller}: theta has ${theta.rows} rows but x has ${x.rows}.`);
  }
}

/**
 * Standardisation of data robustly, of parameters by mean and standard deviation (robustly too where the prior has
 * none, as a Cauchy prior, whose few far draws would squeeze all others into one point); from training rows only.
 */
export function fitTransforms(theta: Matrix, x: Matrix, robustTheta: boolean): RatioTransforms {
  return { theta: fitStandardiser(theta, { robust: robustTheta }), x: fitStandardiser(x) };
}

/** Whether some parameter of the prior has no standard deviation. */
export function isHeavyTailed(prior: Prior | undefined): boolean {
  return prior !== undefined && !prior.sd.every(Number.isFinite);
}

/** Blocks of a batch of `rows` rows with `pairs` pairs each, so that a layer's activations stay in the cache. */
export function cacheBlocks(rows: number, pairs: number, network: RatioNetworkSpec): number {
  const width = network.kind === "mlp" ? Math.max(...network.hidden) : network.width;
  const bytes = rows * pairs * width * Float32Array.BYTES_PER_ELEMENT;
  let blocks = 1;
  while (bytes / blocks > 2 ** 19 && rows % (2 * blocks) === 0) blocks *= 2;
  return blocks;
}

/** For each row, `k` rows of `pool` other than itself, uniformly and independently. */
export function drawContrasts(
  rows: Int32Array,
  pool: Int32Array,
  k: number,
  integer: (n: number) => number,
  out: Int32Array,
): void {
  for (let i = 0; i < out.length; i++) {
    const own = rows[Math.floor(i / k)];
    do out[i] = pool[integer(pool.length)];
    while (out[i] === own);
  }
}

/** `theta: [B, D]` and contrasts `[B K, D]` to candidates `[B, K + 1, D]`, the joint one first. */
function withContrasts(tf: Tf, theta: Tensor, contrast: Tensor, k: number): Tensor {
  const [rows, dim] = theta.shape;
  return tf.concat([tf.reshape(theta, [rows, 1, dim]), tf.reshape(contrast, [rows, k, dim])], 1);
}

/** Wraps trained members as an estimator and checks it on the rows they were not trained on. */
export async function assemble(
  members: TrainedMembers,
  simulations: Dataset | StoredDataset,
  made: {
    readonly method: "aalr" | "aalr-lrt";
    readonly names: readonly string[];
    readonly xShape: readonly number[];
    readonly network: RatioNetworkSpec;
    readonly loss: NreLoss;
    readonly calibration?: Required<CalibrationTerm>;
    readonly reference: "evidence" | { readonly thetaRef: readonly number[] };
    readonly prior?: Prior;
    readonly embedding?: Embedding;
  },
): Promise<RatioEstimator> {
  const { prior, embedding, ...rest } = made;
  const { heldOut, card, engine } = members;
  const header: RatioHeader = {
    ...rest,
    transforms: members.transforms as RatioTransforms,
    logs: members.logs,
    embedding: embeddingRecord(embedding),
    ...(isStored(simulations) ? {} : cloudRecord(simulations.x)),
  };
  const estimator = ratioEstimator(header, members.weights, {
    engine,
    ...(prior && { prior }),
    ...(embedding && { embedding }),
  });
  const pairs = isStored(simulations)
    ? members.heldOutRows
    : { theta: takeRows(simulations.theta, heldOut), x: takeRows(simulations.x, heldOut) };
  if (!prior || card === false || !pairs || heldOut.length < fewestPairs) return estimator;
  try {
    return { ...estimator, header: { ...header, card: await reportCard(estimator, pairs, card) } };
  } catch (error) {
    await estimator.dispose();
    throw error;
  }
}
