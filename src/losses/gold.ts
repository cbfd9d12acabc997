/**
 * Losses that learn `log r(x | theta0, theta1) = log p(x | theta0) / p(x | theta1)` from simulations with gold.
 *
 * Where `y = 0` the data come from `theta0`, where `y = 1` from `theta1`; `l` is the network's `log r`, `sp` softplus:
 *
 *     CARL    y sp(l) + (1 - y) sp(-l)                                  (labels only: the likelihood ratio trick)
 *     ROLR    y (r(x,z) - exp l)^2 + (1 - y) (1 / r(x,z) - exp -l)^2
 *     ALICE   s sp(l) + (1 - s) sp(-l),   s = 1 / (1 + r(x,z))
 *     score   (1 - y) |t(x,z | theta0) - d l / d theta0|^2 + y |t(x,z | theta1) + d l / d theta1|^2
 *
 * CASCAL, RASCAL and ALICES are CARL, ROLR and ALICE plus `alpha` times the score term. Each term's minimum is exact:
 * ROLR because `E[r(x,z) | x, theta1] = r(x)` and `E[1 / r(x,z) | x, theta0] = 1 / r(x)`, ALICE because
 * `E[s(x,z) | x] = s(x)` under the even mixture, the score because `E[t(x,z | theta0) | x, theta0] = t(x | theta0)`. The
 * last holds for `z ~ p(z | x, theta0)` alone, hence the mask: rows of `theta1` would bias it.
 *
 * @see Cranmer, Pavez and Louppe (2015), https://arxiv.org/abs/1506.02169 (CARL); Brehmer, Louppe, Pavez and Cranmer
 * (2018), https://arxiv.org/abs/1805.12244 (ROLR, CASCAL, RASCAL); Stoye et al. (2018), https://arxiv.org/abs/1808.00973
 * (ALICE, ALICES)
 * @module
 */
import { sigmoid } from "../core/special.js";
import type { Tensor, Tf } from "../engine/types.js";

/** The methods by name. */
export type GoldMethod = "carl" | "rolr" | "alice" | "cascal" | "rascal" | "alices";

/** What a method is made of. */
export interface GoldLoss {
  /** Its ratio term. */
  readonly ratio: "carl" | "rolr" | "alice";
  /** Whether the score term is added. */
  readonly score: boolean;
}

export const goldLosses: Readonly<Record<GoldMethod, GoldLoss>> = {
  carl: { ratio: "carl", score: false },
  rolr: { ratio: "rolr", score: false },
  alice: { ratio: "alice", score: false },
  cascal: { ratio: "carl", score: true },
  rascal: { ratio: "rolr", score: true },
  alices: { ratio: "alice", score: true },
};

/** ROLR takes joint log ratios beyond this, nats, as this: their exponentials would drown all other rows. */
export const ratioLimit = 10;

/**
 * What one row's ratio term compares with: its label (CARL), `r(x,z)` or `1 / r(x,z)` within `exp(+-10)` (ROLR), or the
 * soft label `s(x,z)` (ALICE). A path that is impossible at one point, `jointLogRatio = +-Infinity`, is a label for all.
 */
export function ratioTarget(ratio: GoldLoss["ratio"], jointLogRatio: number, y: number): number {
  if (ratio === "carl") return y;
  if (ratio === "alice") return sigmoid(-jointLogRatio);
  const clipped = Math.max(-ratioLimit, Math.min(ratioLimit, jointLogRatio));
  return Math.exp(y === 1 ? clipped : -clipped);
}

/**
 * The ratio term of each row.
 *
 * @param logRatio - what the network says, any shape.
 * @param target - of `ratioTarget`, the same shape.
 * @param y - labels, the same shape.
 */
export function ratioTerm(
  tf: Tf,
  ratio: GoldLoss["ratio"],
  { logRatio, target, y }: { readonly logRatio: Tensor; readonly target: Tensor; readonly y: Tensor },
): Tensor {
  if (ratio === "rolr") {
    const towards = tf.mul(logRatio, tf.sub(tf.mul(y, 2), 1)); // log r where y = 1, log 1 / r where y = 0
    return tf.square(tf.sub(target, saturatingExp(tf, towards)));
  }
  return tf.add(
    tf.mul(target, flooredSoftplus(tf, logRatio)),
    tf.mul(tf.sub(1, target), flooredSoftplus(tf, tf.neg(logRatio))),
  );
}

/** Below this a softplus adds less than float32 can tell, and its subnormal slope slows processors down. */
const lowest = -40;

function flooredSoftplus(tf: Tf, u: Tensor): Tensor {
  return tf.softplus(tf.maximum(u, lowest));
}

/**
 * `exp(u)` that goes on as a straight line outside `+-10`, with the slope that it has there: it cannot overflow, and its
 * gradient never vanishes, as that of a clipped one would.
 */
function saturatingExp(tf: Tf, u: Tensor): Tensor {
  const inside = tf.clipByValue(u, -ratioLimit, ratioLimit);
  return tf.mul(tf.exp(inside), tf.add(tf.sub(u, inside), 1));
}

/**
 * The score term of each row, without its mask: `|slope - score|^2`.
 *
 * @param slope - gradient of the network's log ratio with respect to the (standardised) point the row came from, `[B, D]`.
 * @param score - `t(x,z | theta0)`, or `-t(x,z | theta1)` for rows of `theta1`, in the same units, `[B, D]`.
 * @returns `[B]`.
 */
export function scoreTerm(tf: Tf, slope: Tensor, score: Tensor): Tensor {
  return tf.sum(tf.square(tf.sub(slope, score)), 1);
}
