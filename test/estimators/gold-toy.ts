/**
 * A simulator with a latent variable and everything in closed form: `z ~ N(theta, 1)`, `x ~ N(z, 1)`, so `x ~ N(theta, 2)`.
 * Its joint ratio has moments of every order and is noisier than the ratio, as gold is.
 */
import { matrix } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import type { GoldDataset, ScoreDataset } from "../../src/dataset/gold.js";
import { uniform } from "../../src/prior/uniform.js";

/** `log N(x; a, variance) / N(x; b, variance)`. */
const logRatioOf = (x: number, a: number, b: number, variance: number) =>
  ((x - b) ** 2 - (x - a) ** 2) / (2 * variance);

/** `log p(x | theta0) / p(x | theta1)`. */
export const exactLogRatio = (x: number, theta0: number, theta1: number) => logRatioOf(x, theta0, theta1, 2);

/** `t(x | theta)`. */
export const exactScore = (x: number, theta: number) => (x - theta) / 2;

/**
 * Half the rows from `theta0 ~ U(-1, 1)`, half from `theta1`: 0, or uniform too where `pairs`.
 *
 * @param options.unit - how many units of the table one unit above is.
 */
export function goldTable(
  n: number,
  seed: number,
  { pairs = false, unit = 1 }: { readonly pairs?: boolean; readonly unit?: number } = {},
): GoldDataset {
  const rng = stream(key(seed));
  const [theta, thetaRef, x, jointScore, jointScoreRef] = Array.from({ length: 5 }, () => matrix(n, 1));
  const y = new Uint8Array(n);
  const jointLogRatio = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const theta0 = rng.uniform(-1, 1);
    const theta1 = pairs ? rng.uniform(-1, 1) : 0;
    y[i] = i % 2;
    const z = rng.normal(y[i] === 0 ? theta0 : theta1);
    x.data[i] = rng.normal(z);
    theta.data[i] = theta0 * unit;
    thetaRef.data[i] = theta1 * unit;
    jointLogRatio[i] = logRatioOf(z, theta0, theta1, 1);
    jointScore.data[i] = (z - theta0) / unit;
    jointScoreRef.data[i] = (z - theta1) / unit;
  }
  return {
    theta,
    thetaRef,
    y,
    x,
    jointLogRatio,
    jointScore,
    ...(pairs && { jointScoreRef }),
    names: ["theta"],
    xShape: [1],
    proposal: uniform({ theta: [-unit, unit] }),
    source: {},
  };
}

/** Rows from `theta = 0` with the joint score there. */
export function scoreTable(n: number, seed: number, unit = 1): ScoreDataset {
  const rng = stream(key(seed));
  const [x, jointScore] = [matrix(n, 1), matrix(n, 1)];
  for (let i = 0; i < n; i++) {
    const z = rng.normal();
    x.data[i] = rng.normal(z);
    jointScore.data[i] = z / unit;
  }
  return { thetaRef: Float64Array.of(0), x, jointScore, names: ["theta"], xShape: [1], source: {} };
}
