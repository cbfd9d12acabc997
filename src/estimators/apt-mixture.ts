/**
 * APT in its mixture form: SNPE-C with a mixture density network, on rows of the prior and of proposals that are mixtures of
 * normal distributions.
 *
 * Under a proposal the posterior is `q~(theta | x) = q(theta | x) g(theta) / integral q g`, with `g = proposal / prior` and `q`
 * the posterior under the prior `p`. Where `q` and the proposal are mixtures and `p` is normal or flat, the integral has a closed
 * form (`mixture-tilt.ts`), so the plain loss of each row under its own proposal,
 *
 *     -log q(theta | x) - log g(theta) + log integral q g,
 *
 * trains `q` directly: no atoms, no correction afterwards, and rows of all rounds together, where SNPE-A has those of one. On
 * rows of the prior `g = 1`, and it is the loss of NPE. It is least where `q` is the posterior, and unlike that of atoms
 * it leaves no mass of `q` free.
 *
 * The algebra holds where the prior is normal or flat, so `q` is a density of `theta` itself, not of unconstrained
 * parameters, as in SNPE-A. A uniform prior and proposals cut at its walls are met by a factor that the loss need not know: `q`
 * then learns a posterior that ends there, as well as a mixture can.
 *
 * @see Greenberg, Nonnenmacher and Macke (2019), https://arxiv.org/abs/1905.07488, section 3.2 and appendix
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { sliceRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { Dataset } from "../dataset/dataset.js";
import type { DensitySpec } from "../flows/density.js";
import type { MixtureDensity } from "../flows/mixture-density.js";
import type { GaussianMixture } from "../sequential/gaussian-mixture.js";
import { priorGaussian } from "../sequential/prior-gaussian.js";
import type { Objective } from "../train/objective.js";
import { logTilt, logTiltedMass, noTilt, tiltOf, tiltTables } from "./mixture-tilt.js";
import type { PosteriorEstimator } from "./posterior.js";
import {
  type DensityOptions,
  type PosteriorLoss,
  type PosteriorPortable,
  portableSimulations,
  posteriorObjective,
} from "./posterior-objective.js";

/** Rows that a mixture has drawn. */
export interface MixtureRows {
  /** Each component narrower than the prior in every direction; draws outside a uniform prior left out. */
  readonly mixture: GaussianMixture;
  /** How many rows of the table it drew. */
  readonly rows: number;
}

/** Options of `aptMixture`. */
export interface AptMixtureOptions extends DensityOptions {
  /** The network, of the kind `mixtureDensity`. Default that with its own defaults. */
  readonly density?: DensitySpec;
  /** The proposals in the order of their rows, which are the last of the table; the rows before them are the prior's. */
  readonly proposals: readonly MixtureRows[];
}

const optionNames: OptionNames<AptMixtureOptions> = { density: true, embedding: true, proposals: true };

/**
 * The APT objective in its mixture form on a table of simulations, for `train`. `simulations.prior` is the prior of the posterior
 * that is to be learned. What comes out is a posterior estimator on the scale of `theta`, without a prior and without a report
 * card: it may have mass beyond the walls of a uniform prior, where its draws are to be left out.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if there is no prior, or one that is neither normal nor uniform, the density is no mixture, proposals
 *   have more rows than the table, or a component of one is not narrower than the prior.
 * @throws {ShapeError} if the table is empty or ragged.
 * @throws {RangeError} if a row of `theta` lies outside the prior.
 * @example
 * const mixture = { logWeights: Float64Array.of(0), components: [{ mean: Float64Array.of(1), precision: Float64Array.of(4) }] };
 * const estimator = await train(aptMixture(simulations, { proposals: [{ mixture, rows: 2000 }] }), { seed: "hello" });
 */
export function aptMixture(simulations: Dataset, options: AptMixtureOptions): Objective<PosteriorEstimator> {
  const caller = "aptMixture";
  checkOptions(caller, options, optionNames);
  const { density = { kind: "mixtureDensity" }, embedding, proposals } = options;
  const { prior, ...table } = simulations;
  if (density.kind !== "mixtureDensity") {
    throw new ConfigError(
      `${caller}: the density must be of the kind "mixtureDensity", got "${density.kind}". Use apt, by atoms, for others.`,
    );
  }
  if (!prior) {
    throw new ConfigError(
      `${caller}: the simulations came without a prior, so the posterior is of nothing. Give the table its prior.`,
    );
  }
  const n = table.theta.rows;
  const [dim, proposed] = [prior.dim, proposals.reduce((sum, { rows }) => sum + rows, 0)];
  if (!(proposals.every(({ rows }) => Number.isSafeInteger(rows) && rows >= 1) && proposed <= n)) {
    const counts = proposals.map(({ rows }) => rows).join(", ");
    throw new ConfigError(
      `${caller}: rows of proposals must be positive whole numbers, together at most the ${n} rows that there are, got ${counts}.`,
    );
  }
  const outside = prior.logProb(table.theta).indexOf(-Infinity);
  if (outside >= 0) {
    throw new RangeError(`${caller}: row ${outside} of theta lies outside the prior; leave such rows out.`);
  }
  const flatOrNormal = priorGaussian(prior, caller, "aptMixture");
  const tilts = [noTilt(dim), ...proposals.map(({ mixture }) => tiltOf(caller, mixture, flatOrNormal))];
  const proposalOf = new Int32Array(n);
  const logs = new Float32Array(n);
  let at = n - proposed;
  for (const [r, { rows }] of proposals.entries()) {
    proposalOf.fill(r + 1, at, at + rows);
    logs.set(logTilt(tilts[r + 1], sliceRows(table.theta, at, at + rows)), at);
    at += rows;
  }
  const terms = Math.max(...tilts.map((tilt) => tilt.length));
  const loss: PosteriorLoss = {
    spec: { form: "mixture", proposals: proposals.map(plainRows) },
    columns: () => ({ logTilt: logs }),
    tables: (scaling) => {
      const { logs, slopes, centers, roots } = tiltTables(tilts, scaling);
      const wide = (values: Float64Array, columns: number) => ({
        values,
        shape: [tilts.length, terms * columns],
      });
      return {
        logs: wide(logs, 1),
        slopes: wide(slopes, dim),
        centers: wide(centers, dim),
        roots: wide(roots, dim * dim),
      };
    },
    batch: {
      logTilt: { table: "logTilt", index: "rows" },
      logs: { table: "logs", index: "proposals" },
      slopes: { table: "slopes", index: "proposals" },
      centers: { table: "centers", index: "proposals" },
      roots: { table: "roots", index: "proposals" },
    },
    indices: (rows) => ({ rows, proposals: rows }),
    draw(rows, _pool, _rng, into) {
      into.rows.set(rows);
      for (const [i, own] of rows.entries()) into.proposals[i] = proposalOf[own];
    },
    loss(
      tf,
      logProb,
      { u, context, logTilt, logs, slopes, centers, roots },
      { density: network, parameters },
    ) {
      const mixture = (network as MixtureDensity).components(tf, parameters, context);
      const mass = logTiltedMass(tf, mixture, { logs, slopes, centers, roots });
      const log = tf.add(logProb(u, context), tf.reshape(logTilt, [u.shape[0]]));
      return tf.mean(tf.sub(mass, log));
    },
  };
  return posteriorObjective("apt", table, { density, embedding }, loss, {
    module: import.meta.url,
    export: "aptMixtureFromPortable",
    input: (data): AptMixturePortable => ({
      ...data,
      prior: prior.spec,
      options: { density, proposals },
    }),
  });
}

type AptMixturePortable = PosteriorPortable & { readonly options: AptMixtureOptions };

/** Rebuilds the objective in a worker thread. */
export function aptMixtureFromPortable({
  options,
  ...data
}: AptMixturePortable): Objective<PosteriorEstimator> {
  return aptMixture(portableSimulations(data), options);
}

/** A proposal as plain JSON. */
function plainRows({ mixture: { logWeights, components }, rows }: MixtureRows) {
  return {
    rows,
    logWeights: Array.from(logWeights),
    components: components.map(({ mean, precision }) => ({
      mean: Array.from(mean),
      precision: Array.from(precision),
    })),
  };
}
