/**
 * Objectives over densities of parameters: NPE and its sequential siblings differ in their losses alone.
 *
 * @module
 */
import { cloudRecord } from "../calibration/cloud.js";
import { identity } from "../core/bijection.js";
import type { PriorSpec } from "../core/contracts.js";
import { ConfigError, ShapeError } from "../core/errors.js";
import { row, takeRows } from "../core/matrix.js";
import { foldIn } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import { fitStandardiser, type Standardiser } from "../dataset/standardise.js";
import { applyTailMaps, fitTailMaps } from "../dataset/tail-maps.js";
import type { Tensor, Tensors, Tf } from "../engine/types.js";
import type { ConditionalDensity, DensitySpec } from "../flows/density.js";
import { conditionalDensity } from "../flows/from-spec.js";
import { type Embedding, embeddingRecord } from "../nets/embedding.js";
import { posteriorCard } from "../posterior-card.js";
import { priorFromSpec } from "../prior/from-spec.js";
import { fewestPairs } from "../report-card.js";
import { rowLength } from "../simulator.js";
import type { Objective, PortableObjective, Tables } from "../train/objective.js";
import { posteriorDefaults } from "../train/options.js";
import { checkTable } from "./aalr.js";
import {
  type PosteriorEstimator,
  type PosteriorHeader,
  posteriorEstimator,
  unconstrainedRows,
} from "./posterior.js";
import { toStandardised } from "./ratio-evaluator.js";

/** The family unless the user says otherwise. */
export const defaultPosteriorDensity: DensitySpec = { kind: "nsf" };

/** Options of every such objective. */
export interface DensityOptions {
  /** The family of the posterior. Default a neural spline flow. */
  readonly density?: DensitySpec;
  /** A network that turns data rows into features, trained along. Default none. */
  readonly embedding?: Embedding;
}

/** A table of the engine and its shape. */
interface SmallTable {
  readonly values: Float64Array;
  readonly shape: readonly number[];
}

/** What tells an objective over densities of parameters from plain NPE. */
export interface PosteriorLoss
  extends Pick<Objective<PosteriorEstimator>, "batch" | "indices" | "draw" | "blocks"> {
  /** Numbers beside each row, `[N, 1]`, from the rows to train on and how `u` is standardised. Default none. */
  readonly columns?: (training: Int32Array, scaling: Standardiser) => Readonly<Record<string, Float32Array>>;
  /** Tables whose rows are not those of the simulations, from how `u` is standardised and its density. Default none. */
  readonly tables?: (
    scaling: Standardiser,
    density: ConditionalDensity,
  ) => Readonly<Record<string, SmallTable>>;
  /**
   * Mean loss of a batch. `batch` has standardised unconstrained parameters `u: [B, D]`, `context: [B, C]` after its
   * embedding, and what `batch` above names.
   */
  loss(
    tf: Tf,
    logProb: (u: Tensor, context: Tensor) => Tensor,
    batch: Tensors,
    network: { readonly density: ConditionalDensity; readonly parameters: Tensors },
  ): Tensor;
  /** Part of what a checkpoint must match. */
  readonly spec?: Readonly<Record<string, unknown>>;
  /** Part of the estimator's header. */
  readonly header?: Pick<PosteriorHeader, "balance" | "calibration">;
}

/** What a worker thread rebuilds such an objective from, beside its options. */
export interface PosteriorPortable {
  readonly simulations: Dataset;
  readonly prior?: PriorSpec;
}

/**
 * An objective over densities of parameters, in unconstrained space and standardised there.
 *
 * @param portable - how a worker thread rebuilds it; `input` completes what it is made from.
 * @throws as `npe`, naming `method`.
 */
export function posteriorObjective(
  method: PosteriorHeader["method"],
  simulations: Dataset,
  { density: spec = defaultPosteriorDensity, embedding }: DensityOptions,
  own: PosteriorLoss,
  portable: Omit<PortableObjective, "input"> & { input(data: PosteriorPortable): unknown },
): Objective<PosteriorEstimator> {
  const { theta, x, names, xShape, prior } = simulations;
  checkTable(theta, x, method);
  const xDim = rowLength(xShape, method);
  if (x.cols !== xDim) {
    throw new ShapeError(`${method}: x has ${x.cols} columns but xShape [${xShape}] has ${xDim}.`);
  }
  const density = conditionalDensity(spec, names.length, embedding?.features ?? xDim);
  const { u, finite } = unconstrainedRows(theta, prior?.support ?? identity(names.length));
  const outside = finite.indexOf(false);
  if (outside >= 0) {
    const at = names.map((name, j) => `${name} = ${row(theta, outside)[j]}`).join(", ");
    throw new RangeError(
      `${method}: row ${outside} of theta (${at}) lies outside the prior or on its edge; expected parameters drawn from the prior.`,
    );
  }
  const { columns = () => ({}) } = own;
  return {
    method,
    n: theta.rows,
    defaults: posteriorDefaults(theta.rows),
    spec: { density: density.spec, embedding: embeddingRecord(embedding), ...own.spec },
    parameters: [...density.parameters, ...(embedding?.parameters ?? [])],
    initialise(key) {
      const head = density.initialise(foldIn(key, "density"));
      const tail = embedding?.initialise(foldIn(key, "embedding")) ?? new Float32Array(0);
      const packed = new Float32Array(head.length + tail.length);
      packed.set(head);
      packed.set(tail, head.length);
      return packed;
    },

    tables(training): Tables {
      const tails = embedding ? undefined : fitTailMaps(takeRows(x, training));
      const mapped = applyTailMaps(x, tails);
      const transforms: PosteriorHeader["transforms"] = {
        u: fitStandardiser(takeRows(u, training), { robust: false }),
        x: fitStandardiser(takeRows(mapped, training)),
        ...(tails && { tails }),
      };
      const beside = columns(training, transforms.u);
      const small = Object.entries<SmallTable>(own.tables?.(transforms.u, density) ?? {});
      return {
        specs: {
          u: { shape: [u.rows, u.cols] },
          x: { shape: [x.rows, x.cols] },
          ...Object.fromEntries(Object.keys(beside).map((name) => [name, { shape: [u.rows, 1] }])),
          ...Object.fromEntries(small.map(([name, { shape }]) => [name, { shape }])),
        },
        values: {
          u: toStandardised(u, transforms.u),
          x: toStandardised(mapped, transforms.x),
          ...beside,
          ...Object.fromEntries(small.map(([name, { values }]) => [name, values])),
        },
        transforms,
      };
    },

    batch: { u: { table: "u", index: "rows" }, x: { table: "x", index: "rows" }, ...own.batch },
    indices: own.indices,
    draw: own.draw,
    ...(own.blocks && { blocks: own.blocks }),
    loss(tf, parameters, batch) {
      const context = embedding ? embedding.apply(tf, parameters, batch.x) : batch.x;
      const logProb = (at: Tensor, given: Tensor) => density.logProb(tf, parameters, at, given);
      return own.loss(tf, logProb, { ...batch, context }, { density, parameters });
    },

    async estimator({ weights, transforms, logs, heldOut, card, engine }) {
      const header: PosteriorHeader = {
        method,
        names,
        xShape,
        density: density.spec,
        ...own.header,
        transforms: transforms as PosteriorHeader["transforms"],
        logs,
        embedding: embeddingRecord(embedding),
        ...cloudRecord(x),
      };
      const estimator = posteriorEstimator(header, weights, {
        engine,
        density,
        ...(prior && { prior }),
        ...(embedding && { embedding }),
      });
      // held-out rows of proposals say nothing of calibration under the prior
      if (card === false || method !== "npe" || heldOut.length < fewestPairs) return estimator;
      try {
        const pairs = { theta: takeRows(theta, heldOut), x: takeRows(x, heldOut) };
        const { priorDraws: _, ...request } = card;
        return { ...estimator, header: { ...header, card: await posteriorCard(estimator, pairs, request) } };
      } catch (error) {
        await estimator.dispose();
        throw error;
      }
    },
    ...(!embedding && {
      portable: {
        module: portable.module,
        export: portable.export,
        input: portable.input({
          simulations: { theta, x, names, xShape, dropped: 0, source: {} },
          ...(prior && { prior: prior.spec }),
        }),
      },
    }),
  };
}

/** The simulations that a worker thread was given. */
export function portableSimulations({ simulations, prior }: PosteriorPortable): Dataset {
  return { ...simulations, ...(prior && { prior: priorFromSpec(prior) }) };
}

/** `log p(u)` of the rows, the prior's density in unconstrained space, `[N]`, nats; zeros for rows outside, which are refused. */
export function unconstrainedLogPrior(caller: string, { theta, prior }: Dataset): Float64Array {
  if (!prior) {
    throw new ConfigError(
      `${caller}: the simulations came without a prior, so the posterior is of nothing. Give the table its prior.`,
    );
  }
  const { u, finite } = unconstrainedRows(theta, prior.support);
  const log = prior.logProb(theta);
  return log.map((value, i) => (finite[i] ? value + prior.support.logDet(row(u, i)) : 0));
}
