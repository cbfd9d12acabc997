/**
 * Student's t distribution, located and scaled; `df = 1` is the Cauchy distribution.
 *
 * With `z = (x - loc) / scale`, each tail is half the incomplete beta function
 * `I(df / 2, 1 / 2; df / (df + z^2))`.
 *
 * @module
 */
import { betaQuantileLogit, log1mExp, logBeta, logBetaI } from "../special.js";
import { type ContinuousDistribution, checkFinite, checkPositive, continuous } from "./distribution.js";

/**
 * Student t distribution.
 *
 * @param df - degrees of freedom, `> 0`.
 * @param loc - centre. Default 0.
 * @param scale - `> 0`. Default 1; not the standard deviation, which is `scale sqrt(df / (df - 2))`.
 * @throws {RangeError} if a parameter is out of range.
 */
export function studentT(df: number, loc = 0, scale = 1): ContinuousDistribution {
  checkPositive("studentT", "df", df);
  checkFinite("studentT", "loc", loc);
  checkPositive("studentT", "scale", scale);
  const logScale = -logBeta(df / 2, 0.5) - 0.5 * Math.log(df) - Math.log(scale);
  const logFarTail = 0.5 * df * Math.log(df) - Math.log(df) - logBeta(df / 2, 0.5);

  /** `log P(T > |z|)`. */
  const logTail = (z: number) => {
    const ratio = (z * z) / df;
    // the leading term of the incomplete beta function, before z^2 overflows
    if (ratio > 1e300) return logFarTail - df * Math.log(Math.abs(z));
    return logBetaI(df / 2, 0.5, 1 / (1 + ratio), 1 / (1 + 1 / ratio)) - Math.LN2;
  };
  const logBelow = (z: number) => (z < 0 ? logTail(z) : z === 0 ? -Math.LN2 : log1mExp(logTail(z)));

  return continuous({
    spec: { kind: "studentT", df, loc, scale },
    low: -Infinity,
    high: Infinity,
    moments: () => ({
      mean: df > 1 ? loc : Number.NaN,
      variance: df > 2 ? (scale * scale * df) / (df - 2) : df > 1 ? Infinity : Number.NaN,
    }),
    sample: (rng) => loc + scale * rng.studentT(df),
    logProb(x) {
      const z = Math.abs((x - loc) / scale);
      const logOnePlus = z > 1e150 ? 2 * Math.log(z) - Math.log(df) : Math.log1p((z * z) / df);
      return logScale - 0.5 * (df + 1) * logOnePlus;
    },
    gradient(x) {
      const z = (x - loc) / scale;
      return -((df + 1) / scale) / (df / z + z); // 0 at z = 0, where df / z is infinite
    },
    logCdf: (x) => logBelow((x - loc) / scale),
    logSurvival: (x) => logBelow((loc - x) / scale),
    quantileOfLogs(logP, logQ) {
      const both = Math.min(Math.min(logP, logQ) + Math.LN2, 0);
      const logitX = betaQuantileLogit(df / 2, 0.5, both, log1mExp(both));
      const z = Math.sqrt(df) * Math.exp(-0.5 * logitX);
      return logP <= logQ ? loc - scale * z : loc + scale * z;
    },
  });
}
