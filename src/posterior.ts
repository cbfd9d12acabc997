/**
 * From an estimator and an observation to a target that can be sampled:
 * `log p(theta | x_1..M) = sum_i log r(x_i, theta) + log p(theta)` up to a constant.
 *
 * @module
 */
import { warningsAt } from "./calibration/cloud.js";
import type { LogDensity, Prior } from "./core/contracts.js";
import { ConfigError, ShapeError } from "./core/errors.js";
import { fromRows, type Matrix, matrix, row } from "./core/matrix.js";
import { checkOptions, type OptionNames } from "./core/options.js";
import { type DirectPosterior, directPosterior } from "./direct-posterior.js";
import type { LikelihoodEstimator } from "./estimators/likelihood.js";
import type { PosteriorEstimator } from "./estimators/posterior.js";
import type { NamedRatio } from "./estimators/ratio.js";
import { restrictPrior } from "./prior/restrict.js";

/** Options of `posterior`. */
export interface PosteriorOptions {
  /** One observation as a flat row of `xDim` values, or several independent ones as rows: `[M, xDim]`. */
  readonly observed: ArrayLike<number> | readonly ArrayLike<number>[] | Matrix;
  /** Default: the prior of the simulations. The ratio does not depend on it, so any prior inside its support will do. */
  readonly prior?: Prior;
  /** Parameters held at known values; the posterior of the others is conditional on them. Default none. */
  readonly given?: Readonly<Record<string, number>>;
}

const optionNames: OptionNames<PosteriorOptions> = {
  observed: true,
  prior: true,
  given: true,
};

/**
 * The posterior of a trained ratio at an observation, unnormalised, with its gradient.
 *
 * A posterior estimator gives it normalised, and draws without a chain: `posterior(...).sample(10_000)`. It is of one
 * observation and of all parameters under the prior of the simulations, so there `prior`, `given` and several rows are
 * refused.
 *
 * Where the estimator knows its training data and the observation lies outside, the posterior has `warnings`, which `summary` of
 * its draws and `importance` tell. Many observations with a posterior each: `posteriors`.
 *
 * @param estimator - of a ratio, trained or calibrated by `calibrateRatio` (a calibration in steps leaves no gradient:
 *   sample by `metropolis`), of a likelihood, or of a posterior.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if there is no prior, `prior` reaches beyond that of the simulations, or `given` names an
 *   unknown parameter or lies outside the prior.
 * @throws {ShapeError} if an observation does not have the shape the estimator was trained on.
 * @example
 * const draws = await sample(hmc(posterior(estimator, { observed })), { seed: "hello" });
 */
export function posterior(
  estimator: NamedRatio | LikelihoodEstimator,
  options: PosteriorOptions,
): LogDensity<false>;
export function posterior(
  estimator: PosteriorEstimator,
  options: Pick<PosteriorOptions, "observed">,
): DirectPosterior;
export function posterior(
  estimator: NamedRatio | LikelihoodEstimator | PosteriorEstimator,
  options: Pick<PosteriorOptions, "observed">,
): LogDensity;
export function posterior(
  estimator: NamedRatio | LikelihoodEstimator | PosteriorEstimator,
  options: PosteriorOptions,
): LogDensity {
  checkOptions("posterior", options, optionNames);
  if (!("kind" in estimator)) return fromRatio(estimator, options);
  if (estimator.kind === "posterior") return fromDensity(estimator, options);
  return fromRatio(estimator.kind === "likelihood" ? asRatio(estimator) : estimator, options);
}

/** A likelihood is a ratio to one, which is all that a posterior without its constant needs. */
function asRatio({ header, prior, xDim, observe }: LikelihoodEstimator): NamedRatio {
  return {
    header,
    xDim,
    ...(prior && { prior }),
    observe(x) {
      const { logProb, gradient } = observe(x);
      return { logRatio: logProb, gradient };
    },
  };
}

/** A density over parameters answers for the prior, the parameters and the shape of data that it was trained with. */
function fromDensity(
  estimator: PosteriorEstimator,
  { observed, prior, given }: PosteriorOptions,
): DirectPosterior {
  if (prior || given) {
    throw new ConfigError(
      `posterior: ${prior ? "another prior" : "given"} needs an estimator of the ratio or the likelihood; ` +
        "a posterior estimator holds the prior of its simulations and all parameters. Leave it out, or train aalr(simulations).",
    );
  }
  const x = observationMatrix(observed, estimator.xDim);
  if (x.rows !== 1) {
    throw new ShapeError(
      `posterior: a posterior estimator takes one observation, got ${x.rows} rows. Train on sets with setEmbedding, ` +
        "or train aalr(simulations), whose ratios of independent observations add.",
    );
  }
  return directPosterior(estimator, x);
}

function fromRatio(estimator: NamedRatio, options: PosteriorOptions): LogDensity<false> {
  const { names } = estimator.header;
  const full = options.prior ?? estimator.prior;
  if (!full) {
    throw new ConfigError(
      `posterior: the simulations came without a prior. Pass prior: uniform({ ... }) or another prior over ${names.join(", ")}.`,
    );
  }
  if (full.names.join() !== names.join()) {
    throw new ConfigError(
      `posterior: the prior is over (${full.names.join(", ")}) but the estimator over (${names.join(", ")}).`,
    );
  }
  if (options.prior && estimator.prior) checkInside(options.prior, estimator.prior);
  const x = observationMatrix(options.observed, estimator.xDim);
  const given = options.given ?? {};
  for (const [name, value] of Object.entries(given)) {
    if (!names.includes(name)) {
      throw new ConfigError(`posterior: given names "${name}"; the parameters are ${names.join(", ")}.`);
    }
    if (!Number.isFinite(value))
      throw new ConfigError(`posterior: given ${name} must be finite, got ${value}.`);
  }
  const free = names.flatMap((name, j) => (Object.hasOwn(given, name) ? [] : [j]));
  if (free.length === 0)
    throw new ConfigError("posterior: given fixes every parameter; leave at least one free.");
  const prior = free.length === names.length ? full : restrictPrior(full, given);
  const observed = estimator.observe(x);

  /** Rows over the free parameters, completed with the given values. */
  const complete = (theta: Matrix): Matrix => {
    if (free.length === names.length) return theta;
    const out = matrix(theta.rows, names.length);
    for (let i = 0; i < theta.rows; i++) {
      names.forEach((name, j) => {
        if (Object.hasOwn(given, name)) out.data[i * names.length + j] = given[name];
      });
      free.forEach((j, k) => {
        out.data[i * names.length + j] = theta.data[i * theta.cols + k];
      });
    }
    return out;
  };

  return {
    dim: free.length,
    names: free.map((j) => names[j]),
    support: prior.support,
    normalised: false,
    start: prior,
    ...warningsAt(estimator.header.cloud, x),

    async logProb(theta) {
      const logPrior = prior.logProb(theta);
      const logRatio = await observed.logRatio(complete(theta));
      return sumOfLogs(logPrior, logRatio);
    },

    ...(estimator.differentiable !== false && {
      async gradient(theta: Matrix) {
        const logPrior = prior.logProb(theta);
        const slope = prior.gradient(theta);
        const ratio = await observed.gradient(complete(theta));
        const gradient = matrix(theta.rows, free.length);
        for (let i = 0; i < theta.rows; i++) {
          for (let k = 0; k < free.length; k++) {
            const at = i * free.length + k;
            gradient.data[at] = slope.data[at] + ratio.gradient.data[i * names.length + free[k]];
          }
        }
        return { logProb: sumOfLogs(logPrior, ratio.logProb), gradient };
      },
    }),
  };
}

/** `logPrior + logRatio`; outside the prior there is no ratio to ask for. */
function sumOfLogs(logPrior: Float64Array, logRatio: ArrayLike<number>): Float64Array {
  const out = new Float64Array(logPrior.length);
  for (let i = 0; i < out.length; i++) {
    out[i] = logPrior[i] === -Infinity ? -Infinity : logPrior[i] + logRatio[i];
  }
  return out;
}

/** @throws {ConfigError} if draws from `prior` lie where there were no simulations, and the ratio is a guess. */
function checkInside(prior: Prior, simulated: Prior): void {
  const draws = prior.sample(1000, [0, 0]);
  const outside = simulated.logProb(draws).indexOf(-Infinity);
  if (outside < 0) return;
  const at = prior.names.map((name, j) => `${name} = ${row(draws, outside)[j].toPrecision(4)}`).join(", ");
  throw new ConfigError(
    `posterior: prior must lie inside the prior of the simulations, but it draws ${at}, where the ratio was never trained. ` +
      "Cut it with truncatedPrior, or train on simulations from a wider prior.",
  );
}

/** Brings an observation, or several, into a matrix of rows. */
function observationMatrix(observed: PosteriorOptions["observed"], xDim: number): Matrix {
  const isMatrix = (value: object): value is Matrix => "cols" in value && "data" in value;
  if (typeof observed !== "object" || observed === null) {
    throw new ShapeError(
      `posterior: observed must be ${xDim} numbers, rows of them or a matrix, got ${observed}.`,
    );
  }
  let x: Matrix;
  if (isMatrix(observed)) x = observed;
  else if (observed.length > 0 && typeof observed[0] === "object")
    x = fromRows(observed as ArrayLike<number>[]);
  else x = fromRows([observed as ArrayLike<number>]);
  if (x.rows === 0) throw new ShapeError("posterior: expected at least one observation, got no rows.");
  if (x.cols !== xDim) {
    throw new ShapeError(
      `posterior: observed has ${x.cols} values but the estimator was trained on xDim = ${xDim}.`,
    );
  }
  return x;
}
