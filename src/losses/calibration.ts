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
 * @see Falkiewicz, Takeishi, Shekhzadeh, Wehenkel, Delaunoy, Louppe and Kalousis (2023), https://arxiv.org/abs/2310.13402
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { Tensor, Tf } from "../engine/types.js";

/** A calibration term. */
export interface CalibrationTerm {
  /** What the term is multiplied by; `> 0`. */
  readonly weight: number;
  /** Draws from each posterior, M. Default 16. Cost grows in proportion. */
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
