/**
 * Networks that know how the ratio depends on theta: `p(x | theta) sigma(theta)` is a polynomial, and a network of `x` alone
 * gives its coefficients.
 *
 *     basis      r(x | theta, ref) = sum_b w_b(theta) exp(clamp(NN_b(x), +-5)) / sum_b w_b(theta) sigma_b
 *     quadratic  r(x | theta, ref) = |L(x)^T (1, theta - ref)|^2 / |C^T (1, theta - ref)|^2
 *
 * `w_b` are morphing weights, which are signed, so a numerator may come out negative: it is floored, and counted. The
 * quadratic form is positive, one at the reference point, and any non-negative polynomial of order 2: `L(x)` and `C` are
 * lower triangular with a one in the corner; for one parameter it is `(1 + theta a(x))^2 + (theta b(x))^2` over the same with
 * constants.
 *
 * @see Brehmer, Cranmer, Louppe and Pavez (2018), https://arxiv.org/abs/1805.00020, section III.D, on morphing-aware estimators
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { fromRows } from "../core/matrix.js";
import { checkOptions } from "../core/options.js";
import { foldIn } from "../core/random.js";
import { applyStandardiser, type Standardiser } from "../dataset/standardise.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "../engine/types.js";
import { initialiseUniform } from "./dense.js";
import type { Embedding } from "./embedding.js";
import { morphingBasis } from "./morphing-basis.js";
import type { RatioNetwork, RatioNetworkSpec } from "./ratio-network.js";
import { scoreNetwork } from "./score-network.js";

/** How a polynomial model is written; plain JSON. */
export interface MorphingOptions {
  /** Default `"quadratic"`, which is positive; `"basis"` for other orders or known cross sections. */
  readonly form?: "quadratic" | "basis";
  /** Highest degree in theta. Default 2, which is the only one of `"quadratic"`. */
  readonly order?: number;
  /** Of `"basis"`: as many points as the polynomial has monomials, `(D + 1)(D + 2) / 2` for order 2; `[C, D]`. */
  readonly basis?: readonly (readonly number[])[];
  /**
   * Of `"basis"`: `sigma(theta_b) / sigma(thetaRef)` at each basis point, 1 where densities themselves are polynomials.
   * Default: learned.
   */
  readonly crossSections?: readonly number[];
}

/** A ratio network with its numerator. */
export interface MorphingNetwork extends RatioNetwork {
  /** The same parameters and inputs to the numerator of `r`, before it is floored. */
  readonly numerator: RatioNetwork;
  /** Condition number of the basis, in standardised parameters; none in quadratic form. */
  readonly condition?: number;
}

/** Components beyond `exp(+-5)` are held. */
const clamp = 5;
/** Numerators and denominators are at least this. */
export const numeratorFloor = 1e-5;

/**
 * Builds the network.
 *
 * @param standardiser - of theta, with the reference point as its centre.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} as `ratioNetwork` and `morphingBasis`; if options do not fit the form, or a cross section is not positive.
 */
export function morphingNetwork(
  options: MorphingOptions,
  spec: RatioNetworkSpec,
  { standardiser, xDim, embedding }: { standardiser: Standardiser; xDim: number; embedding?: Embedding },
): MorphingNetwork {
  checkOptions("morphing", options, { form: true, order: true, basis: true, crossSections: true });
  const { form = "quadratic", basis, crossSections, order = 2 } = options;
  if (form === "basis") return basisNetwork({ ...options, order }, spec, standardiser, xDim, embedding);
  if (form !== "quadratic") {
    throw new ConfigError(`morphing: form must be quadratic or basis, got ${JSON.stringify(form)}.`);
  }
  if (order !== 2 || basis || crossSections) {
    throw new ConfigError(
      `morphing: the quadratic form is of order 2 and has no basis or cross sections, got order ${order}. Use form: "basis".`,
    );
  }
  return quadraticNetwork(spec, standardiser.center.length, xDim, embedding);
}

type Part = (tf: Tf, parameters: Tensors, theta: Tensor, x: Tensor) => Tensor;

/** Joins numerator and denominator, each `[B, A]`, and constants that are learned beside the network. */
function assemble(
  spec: RatioNetworkSpec,
  base: ReturnType<typeof scoreNetwork>,
  constants: readonly ParameterSpec[],
  parts: { readonly numerator: Part; readonly denominator: Part; readonly zeroStart: boolean },
): MorphingNetwork {
  const { numerator, denominator, zeroStart } = parts;
  const shared = {
    spec,
    parameters: [...base.parameters, ...constants],
    initialise(key: Parameters<RatioNetwork["initialise"]>[0]) {
      const own = initialiseUniform(constants, {}, foldIn(key, "constants"));
      return Float32Array.from([...base.initialise(key), ...(zeroStart ? own.fill(0) : own)]);
    },
  };
  const logOf = (tf: Tf, value: Tensor) => tf.log(tf.maximum(value, numeratorFloor));
  return {
    ...shared,
    numerator: { ...shared, apply: numerator },
    apply: (tf, parameters, theta, x) =>
      tf.sub(
        logOf(tf, numerator(tf, parameters, theta, x)),
        logOf(tf, denominator(tf, parameters, theta, x)),
      ),
  };
}

function basisNetwork(
  { basis, order, crossSections }: MorphingOptions,
  spec: RatioNetworkSpec,
  standardiser: Standardiser,
  xDim: number,
  embedding: Embedding | undefined,
): MorphingNetwork {
  const dim = standardiser.center.length;
  if (!basis || basis.length === 0 || basis.some((point) => point.length !== dim)) {
    throw new ConfigError(`morphing: the basis form needs basis points of ${dim} values each.`);
  }
  const { powers, inverse, condition } = morphingBasis(
    applyStandardiser(fromRows(basis), standardiser),
    order === undefined ? {} : { order },
  );
  const count = powers.length;
  if (
    crossSections &&
    (crossSections.length !== count || !crossSections.every((s) => s > 0 && s < Infinity))
  ) {
    throw new ConfigError(
      `morphing: expected ${count} positive cross sections, one for each basis point, got (${crossSections.join(", ")}).`,
    );
  }
  const base = scoreNetwork(spec, xDim, count, embedding);
  /** `[B, A, D]` to `[B A, C]`. */
  const weights = (tf: Tf, theta: Tensor) => {
    const [b, a] = theta.shape;
    const flat = tf.reshape(theta, [b * a, dim]);
    const columns = Array.from({ length: dim }, (_, j) => tf.slice(flat, [0, j], [b * a, 1]));
    const one = tf.add(tf.sub(columns[0], columns[0]), 1);
    const monomials = powers.map((own) =>
      own.reduce<Tensor>((product, power, j) => {
        for (let k = 0; k < power; k++) product = tf.mul(product, columns[j]);
        return product;
      }, one),
    );
    const table = tf.tensor2d(Array.from(inverse.data), [count, count]);
    return tf.matMul(tf.concat(monomials, 1) as never, table as never) as Tensor;
  };
  const network = assemble(
    spec,
    base,
    crossSections ? [] : [{ name: "morphing.logCrossSection", shape: [count] }],
    {
      zeroStart: true,
      numerator(tf, parameters, theta, x) {
        const [b, a] = theta.shape;
        const components = tf.exp(tf.clipByValue(base.apply(tf, parameters, x), -clamp, clamp));
        const products = tf.mul(
          tf.reshape(weights(tf, theta), [b, a, count]),
          tf.reshape(components, [b, 1, count]),
        );
        return tf.sum(products, 2);
      },
      denominator(tf, parameters, theta) {
        const [b, a] = theta.shape;
        const sigma = crossSections
          ? tf.tensor1d([...crossSections])
          : tf.exp(parameters["morphing.logCrossSection"]);
        return tf.reshape(tf.sum(tf.mul(weights(tf, theta), sigma), 1), [b, a]);
      },
    },
  );
  return { ...network, condition };
}

function quadraticNetwork(
  spec: RatioNetworkSpec,
  dim: number,
  xDim: number,
  embedding: Embedding | undefined,
): MorphingNetwork {
  // entries of a lower triangle but for its corner: column m has dim rows where m = 0, else dim + 1 - m
  const heights = Array.from({ length: dim + 1 }, (_, m) => (m === 0 ? dim : dim + 1 - m));
  const count = heights.reduce((a, b) => a + b, 0);
  const base = scoreNetwork(spec, xDim, count, embedding);
  /** `theta: [B, A, D]` and entries `[B or 1, count]` to the sum of squares, `[B, A]`. */
  const squares = (tf: Tf, theta: Tensor, entries: Tensor) => {
    const [b, a] = theta.shape;
    const rows = entries.shape[0];
    let from = 0;
    const columns = heights.map((height, m) => {
      const own = tf.reshape(tf.slice(entries, [0, from], [rows, height]), [rows, 1, height]);
      from += height;
      const point = tf.slice(theta, [0, 0, dim - height], [b, a, height]);
      const sum = tf.sum(tf.mul(point, own), 2);
      return tf.square(m === 0 ? tf.add(sum, 1) : sum);
    });
    return tf.addN(columns);
  };
  return assemble(spec, base, [{ name: "morphing.constants", shape: [count] }], {
    zeroStart: false, // at zero the squares have no slope
    numerator: (tf, parameters, theta, x) => squares(tf, theta, base.apply(tf, parameters, x)),
    denominator: (tf, parameters, theta) =>
      squares(tf, theta, tf.reshape(parameters["morphing.constants"], [1, count])),
  });
}
