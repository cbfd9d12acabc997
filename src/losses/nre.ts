/**
 * Contrastive ratio losses: NRE-C (Miller, Weniger and Forre 2022, https://arxiv.org/abs/2210.06170, eqs. 6-8), of which
 * AALR = NRE-A (Hermans, Begy and Louppe 2020, https://arxiv.org/abs/1903.04057, Algorithm 1) is the corner K = 1,
 * gamma = 1, and NRE-B (Durkan, Murray and Papamakarios 2020, https://arxiv.org/abs/2002.03712) the limit gamma -> infinity.
 *
 * With logits `h_k = log r(x, theta_k)`, odds `gamma` of any joint class over the marginal class, and K candidates,
 *
 *     log q(y = k | x, theta_1..K) = log gamma + h_k - LSE(log K, {log gamma + h_j})
 *     log q(y = 0 | x, theta_1..K) = log K            - LSE(log K, {log gamma + h_j})
 *     L = -gamma / (1 + gamma) <log q(y = 1)>  - 1 / (1 + gamma) <log q(y = 0)>
 *
 * where the first average has `theta_1` joint with `x` and the second has all K independent of it. Its minimum is
 * `h = log p(x | theta) / p(x)` for every finite gamma; NRE-B leaves an unknown `c(x)` and so is not normalised.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import type { Tensor, Tf } from "../engine/types.js";

/** Which contrastive loss. */
export interface NreLoss {
  /** Independent parameters per data row, K. 1 is NRE-A. */
  readonly contrasts: number;
  /** Odds of any joint class over the marginal class; `Infinity` is NRE-B. */
  readonly gamma: number;
  /**
   * Weight of the balance penalty `(<sigma(h_joint) + sigma(h_marginal)> - 1)^2` (Delaunoy et al. 2022,
   * https://arxiv.org/abs/2208.13624, eq. 9), which makes posteriors conservative; 0 leaves it out, 100 is usual.
   */
  readonly balance: number;
}

/** @throws {ConfigError} if K is not a positive integer, gamma not positive or the penalty negative. */
export function checkNreLoss({ contrasts, gamma, balance }: NreLoss): void {
  if (!Number.isInteger(contrasts) || contrasts < 1) {
    throw new ConfigError(`aalr: contrasts must be a positive integer, got ${contrasts}.`);
  }
  if (!(gamma > 0)) throw new ConfigError(`aalr: gamma must be positive (Infinity for NRE-B), got ${gamma}.`);
  if (!(balance >= 0 && balance < Infinity)) {
    throw new ConfigError(`aalr: balance must be a non-negative number, got ${balance}.`);
  }
}

/**
 * Independent pairs whose log ratio is below this no longer push: what they would add, `exp(-40) = 4e-18`, is lost in
 * float32 anyway, and carried back through the layers it becomes subnormal, on which processors are slow (six times
 * slower training on two moons).
 */
export const lowest = -40;

/**
 * The loss of one minibatch, nats per data row.
 *
 * @param logits - `[B, K + 1]`: column 0 holds the joint pairs, the others independent parameters.
 */
export function nreLoss(tf: Tf, logits: Tensor, { contrasts, gamma, balance }: NreLoss): Tensor {
  const rows = logits.shape[0];
  const columns = (from: number, count: number) => tf.slice(logits, [0, from], [rows, count]);
  const joint = columns(0, 1);
  const floored = tf.maximum(logits, lowest);
  const flooredColumns = (from: number, count: number) => tf.slice(floored, [0, from], [rows, count]);
  const marginal = flooredColumns(1, contrasts);
  const mean = (x: Tensor) => tf.mean(x);
  let loss: Tensor;
  if (gamma === Infinity) {
    loss = tf.sub(mean(tf.logSumExp(floored, 1)), mean(joint));
  } else if (contrasts === 1) {
    // Two classes: -log q(1) = softplus(-u), -log q(0) = softplus(u), u = log gamma + h.
    const shift = (h: Tensor) => tf.add(h, Math.log(gamma));
    loss = tf.add(
      tf.mul(gamma / (1 + gamma), mean(tf.softplus(tf.neg(shift(joint))))),
      tf.mul(1 / (1 + gamma), mean(tf.softplus(shift(marginal)))),
    );
  } else {
    // With u = LSE_j(h_j) + log gamma - log K: log q(0) = -softplus(u), log q(1) = h_1 + log gamma - log K - softplus(u).
    const constant = Math.log(gamma) - Math.log(contrasts);
    const pooled = (h: Tensor) => tf.add(tf.logSumExp(h, 1), constant);
    const withJoint = pooled(flooredColumns(0, contrasts));
    const logProbJoint = tf.sub(tf.add(tf.reshape(joint, [rows]), constant), tf.softplus(withJoint));
    loss = tf.add(
      tf.mul(-gamma / (1 + gamma), mean(logProbJoint)),
      tf.mul(1 / (1 + gamma), mean(tf.softplus(pooled(marginal)))),
    );
  }
  if (balance === 0) return loss;
  return tf.add(loss, tf.mul(balance, imbalance(tf, joint, columns(1, 1))));
}

/**
 * `(<sigma(h_joint)> + <sigma(h_marginal)> - 1)^2`: zero for the classifier that a balanced estimator is.
 *
 * @param joint - log ratios of joint pairs.
 * @param marginal - log ratios of independent pairs.
 */
export function imbalance(tf: Tf, joint: Tensor, marginal: Tensor): Tensor {
  return tf.square(tf.sub(tf.add(tf.mean(tf.sigmoid(joint)), tf.mean(tf.sigmoid(marginal))), 1));
}
