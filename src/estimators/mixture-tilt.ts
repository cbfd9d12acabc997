/**
 * What turns a density under the prior into that under a proposal, where the proposal is a mixture of normal distributions and
 * the prior is normal or flat: the quotient of the two, up to a factor a mixture of exponentials of quadratic forms,
 *
 *     g(theta) = proposal / prior = sum_l exp( e_l + f_l . (theta - c_l) - |R_l (theta - c_l)|^2 / 2 ),
 *
 * with `c_l` the mean of a component, `R_l' R_l = P_l - P_prior`, `f_l = P_prior (c_l - m_prior)` and
 * `e_l = log w_l + log det P_l / 2 + (c_l - m_prior) . f_l / 2`. Against a mixture `q` with components `N(m_k, (A_k' A_k)^-1)`
 * its integral is a sum over pairs,
 *
 *     integral q g = sum_kl w_k g_l(m_k) det(B)^(-1/2) exp( |B^(-1/2) t|^2 / 2 ),
 *     B = I + W' W,  W = R_l A_k^-1,  t = A_k^-T ( f_l - R_l' R_l (m_k - c_l) ),
 *
 * so that `q g / integral q g` is the posterior under the proposal where `q` is that under the prior. All eigenvalues of `B` are
 * at least one, whatever `q` is, so the integral is finite and its factors stable, provided only that no component of the
 * proposal is wider than the prior. The proposal is ours to choose: `noWiderThan` chooses it so.
 *
 * @see Greenberg, Nonnenmacher and Macke (2019), https://arxiv.org/abs/1905.07488, section 3.2 and appendix
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { cholesky, dot, logDetCholesky, multiply } from "../core/linalg.js";
import { type Matrix, row } from "../core/matrix.js";
import { logSumExp } from "../core/special.js";
import type { Standardiser } from "../dataset/standardise.js";
import type { Tensor, Tf } from "../engine/types.js";
import type { Gaussian, GaussianMixture } from "../sequential/gaussian-mixture.js";

/** One term of the quotient; `slope` and `root` per unit of `theta`. */
interface Term {
  /** `e`, nats. */
  readonly log: number;
  /** `f`, `[D]`. */
  readonly slope: Float64Array;
  /** `c`, `[D]`. */
  readonly center: Float64Array;
  /** `R`, `[D, D]`, upper triangular. */
  readonly root: Float64Array;
}

/** The quotient of a proposal and the prior. */
export type Tilt = readonly Term[];

/** The quotient of the prior and itself. */
export function noTilt(dim: number): Tilt {
  const zeros = new Float64Array(dim);
  return [{ log: 0, slope: zeros, center: zeros, root: new Float64Array(dim * dim) }];
}

/**
 * The quotient of a proposal and a prior.
 *
 * @throws {ConfigError} if a component of the proposal is wider than the prior in some direction, or as wide.
 */
export function tiltOf(caller: string, { logWeights, components }: GaussianMixture, prior: Gaussian): Tilt {
  const dim = prior.mean.length;
  return components.map(({ mean, precision }, l): Term => {
    const lower = factorOf(precision, prior.precision, 1, dim);
    if (!lower) {
      throw new ConfigError(
        `${caller}: component ${l} of a proposal is as wide as the prior in some direction, or wider; expected precisions above ` +
          "that of the prior, else the posterior under the proposal may not exist. Propose from narrower components.",
      );
    }
    const from = mean.map((value, j) => value - prior.mean[j]);
    const slope = multiply(prior.precision, from, new Float64Array(dim));
    const root = new Float64Array(dim * dim);
    for (let i = 0; i < dim; i++) for (let j = i; j < dim; j++) root[i * dim + j] = lower[j * dim + i];
    const logDet = logDetCholesky(cholesky(precision, dim), dim);
    return { log: logWeights[l] + 0.5 * (logDet + dot(from, slope)), slope, center: mean, root };
  });
}

/**
 * A mixture whose components are narrower than the prior in every direction: each gets the smallest part of the prior's
 * precision, to a thousandth, that makes it so. With all of it, `P + P_prior > P_prior`; most components need none.
 */
export function noWiderThan(
  { logWeights, components }: GaussianMixture,
  { precision: least }: Gaussian,
): GaussianMixture {
  const narrowed = components.map((component): Gaussian => {
    const { mean, precision } = component;
    const dim = mean.length;
    const isNarrow = (part: number) => factorOf(precision, least, 1 - part, dim) !== undefined;
    if (isNarrow(0)) return component;
    let [low, high] = [0, 1];
    while (high - low > 1e-3) {
      const middle = (low + high) / 2;
      if (isNarrow(middle)) high = middle;
      else low = middle;
    }
    return { mean, precision: precision.map((value, i) => value + high * least[i]) };
  });
  return { logWeights, components: narrowed };
}

/** The lower factor of `precision - part * least`, or `undefined` where that is not positive definite. */
function factorOf(
  precision: Float64Array,
  least: Float64Array,
  part: number,
  dim: number,
): Float64Array | undefined {
  const rest = precision.map((value, i) => value - part * least[i]);
  try {
    return cholesky(rest, dim);
  } catch {
    return undefined;
  }
}

/** `log g` of rows, `[N, D] -> [N]`, nats, up to the constant that `g` lacks. */
export function logTilt(tilt: Tilt, theta: Matrix): Float64Array {
  const dim = theta.cols;
  const image = new Float64Array(dim);
  return Float64Array.from({ length: theta.rows }, (_, i) =>
    logSumExp(
      tilt.map(({ log, slope, center, root }) => {
        const from = row(theta, i).map((value, j) => value - center[j]);
        multiply(root, from, image);
        return log + dot(slope, from) - 0.5 * dot(image, image);
      }),
    ),
  );
}

/** Quotients as tables of the engine: a row for each, its terms side by side, all in standardised parameters. */
export interface TiltTables {
  /** `[R, L]`. */
  readonly logs: Float64Array;
  /** `[R, L D]`. */
  readonly slopes: Float64Array;
  readonly centers: Float64Array;
  /** `[R, L D D]`. */
  readonly roots: Float64Array;
}

/** The logarithm of a term that is none. */
const never = -1e30;

/** @param scaling - of the parameters. Quotients of fewer than the most terms, L, get empty ones. */
export function tiltTables(
  tilts: readonly Tilt[],
  { center, scale }: Pick<Standardiser, "center" | "scale">,
): TiltTables {
  const dim = center.length;
  const terms = Math.max(...tilts.map((tilt) => tilt.length));
  const logs = new Float64Array(tilts.length * terms).fill(never);
  const slopes = new Float64Array(logs.length * dim);
  const centers = new Float64Array(logs.length * dim);
  const roots = new Float64Array(logs.length * dim * dim);
  for (const [r, tilt] of tilts.entries()) {
    for (const [l, term] of tilt.entries()) {
      const at = r * terms + l;
      logs[at] = term.log;
      slopes.set(
        term.slope.map((value, j) => value * scale[j]),
        at * dim,
      );
      centers.set(
        term.center.map((value, j) => (value - center[j]) / scale[j]),
        at * dim,
      );
      roots.set(
        term.root.map((value, k) => value * scale[k % dim]),
        at * dim * dim,
      );
    }
  }
  return { logs, slopes, centers, roots };
}

/** What the integral needs of a mixture: its components at each row, as `MixtureDensity.components` gives them. */
export interface TracedMixture {
  /** `[B, K]`. */
  readonly logWeights: Tensor;
  /** `[B, K, D]`. */
  readonly means: Tensor;
  /** Upper triangular, `[B, K, D, D]`; the precision is `A' A`. */
  readonly factors: Tensor;
}

/** `log integral q g` for each row: a mixture `q` and the row of `TiltTables` that belongs to it, `[B]`, nats. */
export function logTiltedMass(
  tf: Tf,
  { logWeights, means, factors }: TracedMixture,
  tilt: { readonly [Name in keyof TiltTables]: Tensor },
): Tensor {
  const [rows, count, dim] = means.shape;
  const terms = tilt.logs.shape[1] as number;
  const pairs = rows * count * terms;
  /** `[B, K, ...]` beside every term, and `[B, L ...]` beside every component: `[B K L, ...]`. */
  const ofMixture = (x: Tensor, shape: number[]) =>
    tf.reshape(tf.tile(tf.reshape(x, [rows * count, 1, size(shape)]), [1, terms, 1]), [pairs, ...shape]);
  const ofTilt = (x: Tensor, shape: number[]) =>
    tf.reshape(tf.tile(tf.reshape(x, [rows, 1, terms * size(shape)]), [1, count, 1]), [pairs, ...shape]);
  const product = (a: Tensor, b: Tensor, isTransposed = false) =>
    tf.matMul(a as never, b as never, isTransposed, false) as Tensor;
  const columnOf = (x: Tensor) => tf.reshape(x, [pairs, dim, 1]);

  const inverse = ofMixture(inverseOfUpper(tf, tf.reshape(factors, [rows * count, dim * dim]), dim), [
    dim,
    dim,
  ]);
  const root = ofTilt(tilt.roots, [dim, dim]);
  const slope = ofTilt(tilt.slopes, [dim]);
  const from = tf.sub(ofMixture(means, [dim]), ofTilt(tilt.centers, [dim]));
  const image = product(root, columnOf(from));
  const perTerm = (x: Tensor) => tf.sum(tf.reshape(x, [pairs, dim]), 1);
  const atMean = tf.sub(perTerm(tf.mul(slope, from)), tf.mul(perTerm(tf.square(image)), 0.5));

  const along = product(inverse, tf.sub(columnOf(slope), product(root, image, true)), true);
  const whitened = product(root, inverse);
  const gram = tf.reshape(product(whitened, whitened, true), [pairs, dim * dim]);
  const spread = gaussianIntegral(tf, gram, tf.reshape(along, [pairs, dim]), dim);
  const logs = tf.add(
    tf.add(ofMixture(logWeights, []), ofTilt(tilt.logs, [])),
    tf.add(atMean, tf.reshape(spread, [pairs])),
  );
  return tf.logSumExp(tf.reshape(logs, [rows, count * terms]), 1);
}

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** The columns of a table, each `[N, 1]`; by slices, as a split has no gradient where there is one column only. */
const columnsOf = (tf: Tf, table: Tensor): Tensor[] =>
  Array.from({ length: table.shape[1] as number }, (_, j) => tf.slice(table, [0, j], [table.shape[0], 1]));

/** Inverses of upper triangular matrices, `[N, D D]` both, column by column from the diagonal up. */
function inverseOfUpper(tf: Tf, matrices: Tensor, dim: number): Tensor {
  const a = columnsOf(tf, matrices);
  const zero = tf.zeros([matrices.shape[0], 1]) as Tensor;
  const found: Tensor[] = Array(dim * dim).fill(zero);
  for (let j = 0; j < dim; j++) {
    found[j * dim + j] = tf.div(1, a[j * dim + j]);
    for (let i = j - 1; i >= 0; i--) {
      let sum: Tensor = tf.mul(a[i * dim + i + 1], found[(i + 1) * dim + j]);
      for (let l = i + 2; l <= j; l++) sum = tf.add(sum, tf.mul(a[i * dim + l], found[l * dim + j]));
      found[i * dim + j] = tf.neg(tf.mul(sum, found[i * dim + i]));
    }
  }
  return dim === 1 ? found[0] : tf.concat(found, 1);
}

/**
 * `-log det(I + M) / 2 + t' (I + M)^-1 t / 2`, `[N, 1]`, of positive semidefinite `M: [N, D D]` and `t: [N, D]`, by Cholesky
 * factors. Every pivot of `I + M` is at least one; what rounding takes from it is given back.
 */
function gaussianIntegral(tf: Tf, gram: Tensor, along: Tensor, dim: number): Tensor {
  const m = columnsOf(tf, gram);
  const t = columnsOf(tf, along);
  const c: Tensor[] = Array(dim * dim);
  const z: Tensor[] = [];
  let total: Tensor | undefined;
  for (let j = 0; j < dim; j++) {
    let pivot: Tensor = tf.add(m[j * dim + j], 1);
    let rest = t[j];
    for (let l = 0; l < j; l++) {
      pivot = tf.sub(pivot, tf.square(c[j * dim + l]));
      rest = tf.sub(rest, tf.mul(c[j * dim + l], z[l]));
    }
    pivot = tf.maximum(pivot, 1);
    const inverse = tf.div(1, tf.sqrt(pivot));
    z.push(tf.mul(rest, inverse));
    for (let i = j + 1; i < dim; i++) {
      let entry = m[i * dim + j];
      for (let l = 0; l < j; l++) entry = tf.sub(entry, tf.mul(c[i * dim + l], c[j * dim + l]));
      c[i * dim + j] = tf.mul(entry, inverse);
    }
    const part = tf.mul(tf.sub(tf.square(z[j]), tf.log(pivot)), 0.5);
    total = total ? tf.add(total, part) : part;
  }
  return total as Tensor;
}
