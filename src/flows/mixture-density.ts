/**
 * Mixture density networks: a mixture of K normal distributions with full covariances, all of it a function of the context.
 *
 * The precision of a component is `A' A`, with `A` upper triangular and its diagonal positive, so that
 *
 *     log p(value | context) = LSE_k( log w_k + log det A_k - |A_k (value - m_k)|^2 / 2 ) - V/2 log 2 pi
 *
 * and no matrix is inverted; a sample solves `A_k (value - m_k) = noise` from the last column up.
 *
 * @see Bishop (1994), https://publications.aston.ac.uk/id/eprint/373/; Papamakarios and Murray (2016), https://arxiv.org/abs/1605.06376
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { Tensor, Tensors, Tf } from "../engine/types.js";
import type { Activation } from "../nets/activations.js";
import { dense, denseParameters, fanInsOf, initialiseUniform } from "../nets/dense.js";
import { trunk } from "../nets/trunk.js";
import { boundedLog } from "./affine.js";
import type { ConditionalDensity } from "./density.js";
import { checkDims } from "./stack.js";

/** Options of `mixtureDensity`; each has a default. */
export interface MixtureDensityOptions {
  /** Number of normal distributions, K. Default 10. */
  readonly components?: number;
  /** Units of each hidden layer. Default `[50, 50]`. */
  readonly hidden?: readonly number[];
  /** Default `silu`. */
  readonly activation?: Activation;
}

/** The mixtures at B contexts. */
export interface MixtureComponents {
  /** Logarithms of the weights, `[B, K]`, normalised. */
  readonly logWeights: Tensor;
  /** `[B, K, V]`. */
  readonly means: Tensor;
  /** Upper triangular `A`, `[B, K, V, V]`; the precision is `A' A`. */
  readonly factors: Tensor;
  /** `[B, K, V, V]`. */
  readonly precisions: Tensor;
}

/** A mixture density network. */
export interface MixtureDensity extends ConditionalDensity {
  /** The mixtures at `context: [B, C]`. */
  components(tf: Tf, parameters: Tensors, context: Tensor): MixtureComponents;
}

const optionNames: OptionNames<MixtureDensityOptions> = { components: true, hidden: true, activation: true };

/**
 * Builds a mixture density network. By default ten components and two hidden layers of 50 units, the sizes of `build_mdn` in
 * sbi 0.27. It starts with precisions near one and means near zero.
 *
 * @param valueDim - columns of a value, V.
 * @param contextDim - columns of a context.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} for impossible sizes.
 * @example
 * const density = mixtureDensity({ components: 4 }, 2, 8);
 */
export function mixtureDensity(
  options: MixtureDensityOptions,
  valueDim: number,
  contextDim: number,
): MixtureDensity {
  checkOptions("mixtureDensity", options, optionNames);
  const { components: count = 10, hidden = [50, 50], activation = "silu" } = options;
  checkDims("mixtureDensity", valueDim, contextDim);
  if (!Number.isInteger(count) || count < 1) {
    throw new ConfigError(`mixtureDensity: components must be a positive integer, got ${count}.`);
  }
  const size = valueDim;
  const upper = triangle(size);
  // per component: its means, the logarithms of its diagonal, what is above it
  const widths = [count, count * size, count * size, count * upper.length];
  const outputs = widths.reduce((a, b) => a + b, 0);
  const body = trunk({ kind: "mlp", hidden, activation }, outputs, "mixtureDensity");
  const parameters = [
    ...denseParameters("mixture.in", contextDim, body.first),
    ...body.parameters.map((each) => ({ ...each, name: `mixture.${each.name}` })),
  ];

  function shapes(tf: Tf, tensors: Tensors, context: Tensor) {
    const rows = context.shape[0];
    const own = Object.fromEntries(
      body.parameters.map((each) => [each.name, tensors[`mixture.${each.name}`]]),
    );
    const raw = body.apply(tf, own, dense(tf, tensors, "mixture.in", context));
    const used = widths.filter((width) => width > 0);
    const [logits, means, logDiagonal, above] = tf.split(raw, used, 1);
    return {
      logWeights: tf.logSoftmax(logits),
      means: tf.reshape(means, [rows, count, size]),
      logDiagonal: boundedLog(tf, tf.reshape(logDiagonal, [rows, count, size])),
      above: above && tf.reshape(above, [rows, count, upper.length]),
    };
  }

  /** `[B, K, V, V]` of diagonals and what stands above them. */
  function matrices(tf: Tf, logDiagonal: Tensor, above: Tensor | undefined): Tensor {
    const rows = logDiagonal.shape[0];
    const place = (entries: Tensor, at: readonly (readonly [number, number])[]) => {
      const target = Array.from({ length: at.length * size * size }, (_, k) => {
        const [i, j] = at[Math.floor(k / (size * size))];
        return Number(k % (size * size) === i * size + j);
      });
      const flat = tf.reshape(entries, [rows * count, at.length]);
      return tf.matMul(flat as never, tf.tensor2d(target, [at.length, size * size]) as never) as Tensor;
    };
    const diagonal = place(
      tf.exp(logDiagonal),
      Array.from({ length: size }, (_, i) => [i, i] as const),
    );
    const all = above ? tf.add(diagonal, place(above, upper)) : diagonal;
    return tf.reshape(all, [rows, count, size, size]);
  }

  return {
    spec: { kind: "mixtureDensity", components: count, hidden, activation },
    valueDim,
    contextDim,
    parameters,
    initialise(key) {
      const last = hidden[hidden.length - 1];
      const small = { "mixture.out.weight": 100 * last };
      return initialiseUniform(parameters, { ...fanInsOf(parameters, {}), ...small }, key);
    },
    components(tf, tensors, context) {
      const { logWeights, means, logDiagonal, above } = shapes(tf, tensors, context);
      const factors = matrices(tf, logDiagonal, above);
      return {
        logWeights,
        means,
        factors,
        precisions: tf.matMul(factors as never, factors as never, true, false),
      };
    },
    logProb(tf, tensors, value, context) {
      const rows = value.shape[0];
      const { logWeights, means, logDiagonal, above } = shapes(tf, tensors, context);
      const factors = matrices(tf, logDiagonal, above);
      const from = tf.sub(tf.reshape(value, [rows, 1, size]), means);
      const noise = tf.sum(tf.mul(factors, tf.reshape(from, [rows, count, 1, size])), -1);
      const perColumn = tf.sub(logDiagonal, tf.mul(tf.square(noise), 0.5));
      const logs = tf.add(logWeights, tf.sum(perColumn, -1));
      return tf.sub(tf.logSumExp(logs, 1), (size / 2) * Math.log(2 * Math.PI));
    },
    noise: ["uniform", ...Array<"normal">(size).fill("normal")],
    sample(tf, tensors, noise, context) {
      const rows = context.shape[0];
      const { logWeights, means, logDiagonal, above } = shapes(tf, tensors, context);
      const isChosen = choice(tf, tf.exp(logWeights), tf.slice(noise, [0, 0], [rows, 1]));
      const chosen = (x: Tensor) => tf.sum(tf.mul(x, tf.reshape(isChosen, [rows, count, 1])), 1) as Tensor;
      const mean = chosen(means);
      const inverse = tf.exp(tf.neg(chosen(logDiagonal)));
      const column = (x: Tensor, j: number) => tf.slice(x, [0, j], [rows, 1]);
      const entries = above && chosen(above);
      // row i of A (value - mean) = noise has the columns from i on
      const solved: Tensor[] = Array(size);
      for (let i = size - 1; i >= 0; i--) {
        let rest = column(noise, i + 1) as Tensor;
        upper.forEach(([row, j], k) => {
          if (row === i) rest = tf.sub(rest, tf.mul(column(entries!, k), solved[j]));
        });
        solved[i] = tf.mul(rest, column(inverse, i));
      }
      return tf.add(mean, size === 1 ? solved[0] : tf.concat(solved, 1));
    },
  };
}

/** Where a matrix has entries above its diagonal, row by row. */
function triangle(size: number): (readonly [number, number])[] {
  const at: (readonly [number, number])[] = [];
  for (let i = 0; i < size; i++) for (let j = i + 1; j < size; j++) at.push([i, j]);
  return at;
}

/** Ones at the component whose share of `[0, 1)` holds `u: [B, 1]`: `[B, K]`. */
function choice(tf: Tf, weights: Tensor, u: Tensor): Tensor {
  const [rows, count] = weights.shape;
  if (count === 1) return tf.onesLike(weights);
  const ends = tf.slice(tf.cumsum(weights, 1), [0, 0], [rows, count - 1]); // the last ends at one, whatever its rounding
  const isAbove = tf.step(tf.sub(u, ends));
  const ones = tf.ones([rows, 1]);
  return tf.sub(tf.concat([ones, isAbove], 1), tf.concat([isAbove, tf.zeros([rows, 1])], 1));
}
