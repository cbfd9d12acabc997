/**
 * Calibration as a term of a loss: are the ranks of true parameters among draws from their posteriors uniform?
 *
 * The rank of a pair is the share of draws from `q(. | x)` whose density is below that of the true `theta`,
 *
 *     a_i = ( sum_m 1[ q(theta_im | x_i) < q(theta_i | x_i) ] + 1/2 ) / (M + 1),
 *
 * one minus the credible level of the smallest highest-density region that holds the truth. Over pairs of a calibrated posterior it is
 * uniform, so sorted ranks lie on a straight line; the term is their mean squared distance from it,
 *
 *     mean_i ( (i + 1/2) / B - a_(i) )^2.
 *
 * Overconfident posteriors have ranks that are too small. The conservative form counts only these.
 *
 * The indicator is exact on the way forward. Backward it is a logistic function of the difference of log densities, where
 * the Python package lampe passes the clipped gradient of densities: far from the step there is nothing to be gained, and log densities have
 * no scale. Equal ranks share their places. A batch of B pairs of a calibrated posterior has about `1 / (6 B)`.
 *
 * A ratio has no draws of its own. Of a true parameter and M independent ones, all drawn from the prior, `theta_j` is the true one
 * with probability `w_j = r_j / (r_0 + ... + r_M)` given `x`, so the rank of the true one by its ratio, ties broken at random, is uniform between
 *
 *     l_i = sum_j w_j 1[ r_j < r_0 ]    and    h_i = 1 - sum_j w_j 1[ r_j > r_0 ],
 *
 * and over pairs of an exact ratio it is uniform on [0, 1] for every M. The term is the mean squared distance of its distribution
 * function from the diagonal,
 *
 *     mean_t ( mean_i clip( (t - l_i) / (h_i - l_i) ) - t )^2.
 *
 * Where all M lie far out, `w_0` is near one and a pair says nothing: posteriors much narrower than the prior need many draws.
 * The prior itself is calibrated, too: a ratio that a large weight holds at one has no term left, and a held-out loss that tells.
 *
 * @see Falkiewicz, Takeishi, Shekhzadeh, Wehenkel, Delaunoy, Louppe and Kalousis (2023), https://arxiv.org/abs/2310.13402
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { Tensor, Tf } from "../engine/types.js";
import { lowest } from "./nre.js";

/** A calibration term. */
export interface CalibrationTerm {
  /** What the term is multiplied by; `> 0`. */
  readonly weight: number;
  /** Draws from each posterior, M, or from the prior for a ratio. Default 16. Cost grows in proportion. */
  readonly draws?: number;
  /** Counts only ranks that are too small, which overconfident posteriors have. Default false. */
  readonly conservative?: boolean;
}

const termNames: OptionNames<CalibrationTerm> = { weight: true, draws: true, conservative: true };

/**
 * The term with its defaults.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if the weight is not positive or `draws` not a positive whole number.
 */
export function checkedTerm(caller: string, term: CalibrationTerm): Required<CalibrationTerm> {
  checkOptions(`${caller}: calibration`, term, termNames);
  const { weight, draws = 16, conservative = false } = term;
  if (!(weight > 0 && weight < Infinity)) {
    throw new ConfigError(`${caller}: the weight of calibration must be a positive number, got ${weight}.`);
  }
  if (!(Number.isSafeInteger(draws) && draws >= 1)) {
    throw new ConfigError(`${caller}: draws of calibration must be a positive whole number, got ${draws}.`);
  }
  if (typeof conservative !== "boolean") {
    throw new ConfigError(
      `${caller}: conservative of calibration must be true or false, got ${conservative}.`,
    );
  }
  return { weight, draws, conservative };
}

/**
 * The term for a batch, before its weight.
 *
 * @param truth - `log q(theta_i | x_i)`, `[B]`.
 * @param others - `log q` at draws from `q(. | x_i)`, `[B, M]`.
 */
export function miscalibration(
  tf: Tf,
  truth: Tensor,
  others: Tensor,
  { conservative = false }: Pick<CalibrationTerm, "conservative"> = {},
): Tensor {
  const [rows, draws] = others.shape;
  const isBelow = exactStep(tf, tf.sub(tf.reshape(truth, [rows, 1]), others));
  const ranks = tf.mul(tf.add(tf.sum(isBelow, 1), 0.5), 1 / (draws + 1)) as Tensor;
  // places by comparison with all others, constant where nothing changes its place: below, and half of equals, itself among them
  const gaps = tf.sub(tf.reshape(ranks, [rows, 1]), tf.reshape(ranks, [1, rows]));
  const half = 0.5 / (draws + 1); // ranks are multiples of twice that, but for rounding
  const below = tf.step(tf.sub(gaps, half));
  const notAbove = tf.step(tf.add(gaps, half));
  const places = tf.mul(tf.sum(tf.add(below, notAbove), 1), 0.5 / rows);
  const missing = tf.sub(places, ranks);
  return tf.mean(tf.square(conservative ? tf.relu(missing) : missing));
}

/** Levels where the distribution of a ratio's ranks is compared with the uniform one. */
const levels = Array.from({ length: 32 }, (_, k) => (k + 0.5) / 32);

/**
 * The term of a ratio for a batch, before its weight.
 *
 * @param logRatio - `[B, M + 1]`: column 0 holds the joint pairs, the others parameters from the prior.
 */
export function ratioMiscalibration(
  tf: Tf,
  logRatio: Tensor,
  { conservative = false }: Pick<CalibrationTerm, "conservative"> = {},
): Tensor {
  const rows = logRatio.shape[0];
  const floored = tf.maximum(logRatio, lowest);
  const share = tf.softmax(floored);
  const truth = tf.slice(floored, [0, 0], [rows, 1]);
  const shareWhere = (difference: Tensor) => tf.sum(tf.mul(share, exactStep(tf, difference)), 1, true);
  const from = shareWhere(tf.sub(truth, floored));
  const width = tf.maximum(tf.sub(tf.sub(1, from), shareWhere(tf.sub(floored, truth))), 1e-6);
  const level = tf.tensor(levels, [1, levels.length]);
  const isReached = tf.minimum(tf.relu(tf.div(tf.sub(level, from), width)), 1);
  const excess = tf.sub(tf.mean(isReached, 0), tf.reshape(level, [levels.length]));
  return tf.mean(tf.square(conservative ? tf.relu(excess) : excess));
}

/** One where `x > 0`, else zero; with the slope of a logistic function. */
function exactStep(tf: Tf, x: Tensor): Tensor {
  return tf.customGrad((at, save) => {
    (save as (tensors: Tensor[]) => void)([at as Tensor]);
    return {
      value: tf.step(at as Tensor),
      gradFunc: (dy: Tensor, [point]: Tensor[]) => {
        const s = tf.sigmoid(point);
        return tf.mul(dy, tf.mul(s, tf.sub(1, s)));
      },
    };
  })(x);
}
