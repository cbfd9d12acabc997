/**
 * Weighted mixtures of continuous distributions.
 *
 * @module
 */
import { logSumExp } from "../special.js";
import { normalised } from "./counts.js";
import { type ContinuousDistribution, continuous } from "./distribution.js";

/**
 * A mixture. Its support is the smallest interval that holds the supports of all components; in a gap
 * between them the density is 0.
 *
 * @param weights - one per component, non-negative; divided by their sum.
 * @throws {RangeError} if there are no components, the counts differ or the weights are bad.
 */
export function mixture(
  weights: ArrayLike<number>,
  components: readonly ContinuousDistribution[],
): ContinuousDistribution {
  if (components.length === 0 || weights.length !== components.length) {
    throw new RangeError(
      `mixture: needs one weight per component and at least one, ` +
        `got ${weights.length} weights and ${components.length} components.`,
    );
  }
  const w = normalised("mixture", "weights", weights);
  const logWeights = w.map(Math.log);
  const terms = (log: (component: ContinuousDistribution) => number) =>
    Float64Array.from(components, (component, i) => (w[i] > 0 ? logWeights[i] + log(component) : -Infinity));
  const logCdf = (x: number) => Math.min(logSumExp(terms((c) => c.logCdf(x))), 0);
  const logSurvival = (x: number) => Math.min(logSumExp(terms((c) => c.logSurvival(x))), 0);

  return continuous({
    spec: { kind: "mixture", weights: Array.from(weights), components: components.map((c) => c.spec) },
    low: Math.min(...components.map((c) => c.low)),
    high: Math.max(...components.map((c) => c.high)),
    moments() {
      const mean = components.reduce((sum, c, i) => sum + w[i] * c.mean, 0);
      const variance = components.reduce((sum, c, i) => sum + w[i] * (c.variance + (c.mean - mean) ** 2), 0);
      return { mean, variance };
    },
    sample: (rng) => components[rng.categorical(w)].sample(rng),
    logProb: (x) => logSumExp(terms((c) => c.logProb(x))),
    gradient(x) {
      const logs = terms((c) => c.logProb(x));
      const total = logSumExp(logs);
      if (total === -Infinity) return 0;
      return components.reduce((sum, c, i) => {
        const share = Math.exp(logs[i] - total);
        return share > 0 ? sum + share * c.gradient(x) : sum;
      }, 0);
    },
    logCdf,
    logSurvival,
    quantileOfLogs(logP, logQ) {
      const quantiles = components.filter((_, i) => w[i] > 0).map((c) => c.quantileOfLogs(logP, logQ));
      let low = Math.min(...quantiles); // the mixture's quantile lies among those of its components
      let high = Math.max(...quantiles);
      for (;;) {
        const middle = low + 0.5 * (high - low);
        if (!(middle > low && middle < high)) return high;
        if (logP <= logQ ? logCdf(middle) < logP : logSurvival(middle) > logQ) low = middle;
        else high = middle;
      }
    },
  });
}
