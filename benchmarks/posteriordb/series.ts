/**
 * The posteriors of posteriordb that are neither regressions nor differential equations, in unconstrained space.
 *
 * @module
 */
import { logGamma } from "../../src/core/gamma-functions.js";
import { type ReferencePosterior, readData } from "./reference-posterior.js";
import { type Node, Tape } from "./tape.js";
import { named, taped } from "./taped-posterior.js";

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Eight schools with `theta ~ N(mu, tau)`: a funnel. `u = theta, mu, log tau`. */
export function centredSchools(folder: string): ReferencePosterior {
  const { y, sigma } = readData(folder);
  return taped(
    10,
    (t, u) => {
      const [mu, logTau] = [u[8], u[9]];
      const prior = t.sum(t.normalPrior(mu, 0, 5), t.cauchyPrior(t.exp(logTau), 5), logTau);
      return y.reduce((sum, value, j) => {
        const z = t.div(t.sub(u[j], mu), t.exp(logTau));
        const school = t.sub(t.normalPrior(z, 0, 1), logTau);
        return t.sum(sum, school, t.normalPrior(u[j], value, sigma[j]));
      }, prior);
    },
    (u) => ({
      ...Object.fromEntries(y.map((_, j) => [`theta[${j + 1}]`, u[j]])),
      mu: u[8],
      tau: Math.exp(u[9]),
    }),
  );
}

/** GARCH(1, 1). `u = mu, log a0, logit a1, logit(b1 / (1 - a1))`. */
export function garch(folder: string): ReferencePosterior {
  const { y, sigma1 } = readData(folder) as unknown as { y: number[]; sigma1: number };
  return taped(
    4,
    (t, [mu, logA0, logitA1, logitShare]) => {
      const a0 = t.exp(logA0);
      const logA1 = t.logSigmoid(logitA1);
      const logRest = t.logSigmoid(t.affine(logitA1, -1)); // log(1 - a1)
      const logShare = t.logSigmoid(logitShare);
      const a1 = t.exp(logA1);
      const b1 = t.exp(t.add(logShare, logRest));
      let variance = t.constant(sigma1 ** 2);
      const jacobian = [logA0, logA1, t.affine(logRest, 2), logShare, t.logSigmoid(t.affine(logitShare, -1))];
      let sum = t.sum(...jacobian);
      y.forEach((value, i) => {
        if (i > 0) {
          const error = t.affine(mu, -1, y[i - 1]);
          variance = t.sum(a0, t.mul(a1, t.mul(error, error)), t.mul(b1, variance));
        }
        sum = t.add(sum, t.normal(value, mu, t.affine(t.log(variance), 0.5)));
      });
      return sum;
    },
    (u) => {
      const a1 = sigmoid(u[2]);
      return { mu: u[0], alpha0: Math.exp(u[1]), alpha1: a1, beta1: (1 - a1) * sigmoid(u[3]) };
    },
  );
}

/** ARMA(1, 1). `u = mu, phi, theta, log sigma`. */
export function arma(folder: string): ReferencePosterior {
  const { y } = readData(folder);
  return taped(
    4,
    (t, [mu, phi, theta, logSigma]) => {
      let sum = t.sum(t.normalPrior(mu, 0, 10), t.normalPrior(phi, 0, 2), t.normalPrior(theta, 0, 2));
      sum = t.sum(sum, t.cauchyPrior(t.exp(logSigma), 2.5), logSigma);
      let mean = t.add(mu, t.mul(phi, mu));
      y.forEach((value, i) => {
        if (i > 0) {
          const error = t.affine(mean, -1, y[i - 1]);
          mean = t.sum(mu, t.affine(phi, y[i - 1]), t.mul(theta, error));
        }
        sum = t.add(sum, t.normal(value, mean, logSigma));
      });
      return sum;
    },
    (u) => ({ mu: u[0], phi: u[1], theta: u[2], sigma: Math.exp(u[3]) }),
  );
}

/** The factor of `alpha^2 exp(-d^2 / (2 rho^2)) + noise I`, rows of nodes. */
function gaussianProcess(t: Tape, x: readonly number[], logRho: Node, logAlpha: Node, noise: Node): Node[][] {
  const scale = t.exp(t.affine(logRho, -2)); // rho^-2
  const l: Node[][] = [];
  for (let i = 0; i < x.length; i++) {
    l.push([]);
    for (let j = 0; j <= i; j++) {
      const exponent = t.add(t.affine(logAlpha, 2), t.affine(scale, -0.5 * (x[i] - x[j]) ** 2));
      let entry = t.exp(exponent);
      if (i === j) entry = t.add(entry, noise);
      for (let k = 0; k < j; k++) entry = t.sub(entry, t.mul(l[i][k], l[j][k]));
      l[i].push(i === j ? t.sqrt(entry) : t.div(entry, l[j][j]));
    }
  }
  return l;
}

/** Gamma(25, 4) on `rho` and N(0, 2) on `alpha`, with the Jacobian of the logarithms. */
function gaussianProcessPrior(t: Tape, logRho: Node, logAlpha: Node): Node {
  const gamma = t.sub(t.affine(logRho, 24, 25 * Math.log(4) - logGamma(25)), t.affine(t.exp(logRho), 4));
  return t.sum(gamma, t.normalPrior(t.exp(logAlpha), 0, 2), logRho, logAlpha);
}

/** Gaussian process regression. `u = log rho, log alpha, log sigma`; the noise variance is `sigma`. */
export function gaussianProcessRegression(folder: string): ReferencePosterior {
  const { x, y } = readData(folder);
  return taped(
    3,
    (t, [logRho, logAlpha, logSigma]) => {
      const sigma = t.exp(logSigma);
      const l = gaussianProcess(t, x, logRho, logAlpha, sigma);
      let sum = t.sum(gaussianProcessPrior(t, logRho, logAlpha), t.normalPrior(sigma, 0, 1), logSigma);
      const z: Node[] = [];
      y.forEach((value, i) => {
        let rest = t.constant(value);
        for (let k = 0; k < i; k++) rest = t.sub(rest, t.mul(l[i][k], z[k]));
        z.push(t.div(rest, l[i][i]));
        sum = t.sum(sum, t.normalPrior(z[i], 0, 1), t.affine(t.log(l[i][i]), -1));
      });
      return sum;
    },
    (u) => named(["rho", "alpha", "sigma"], u.map(Math.exp)),
  );
}

/** Counts of a log Gaussian process. `u = log rho, log alpha, f~`, `f = L f~`. */
export function gaussianProcessCounts(folder: string): ReferencePosterior {
  const { x, k: counts } = readData(folder);
  const values = (t: Tape, u: Node[]) => {
    const l = gaussianProcess(t, x, u[0], u[1], t.constant(1e-10));
    return l.map((line) => t.sum(...line.map((entry, j) => t.mul(entry, u[2 + j]))));
  };
  const other = new Tape();
  return taped(
    13,
    (t, u) => {
      let sum = gaussianProcessPrior(t, u[0], u[1]);
      values(t, u).forEach((f, i) => {
        const poisson = t.sub(t.affine(f, counts[i], -logGamma(counts[i] + 1)), t.exp(f));
        sum = t.sum(sum, poisson, t.normalPrior(u[2 + i], 0, 1));
      });
      return sum;
    },
    (u) => ({
      rho: Math.exp(u[0]),
      alpha: Math.exp(u[1]),
      ...Object.fromEntries(values(other, other.start(u)).map((f, i) => [`f[${i + 1}]`, other.at(f)])),
    }),
  );
}

/** Two normals. `u = mu1, log(mu2 - mu1), log sigma1, log sigma2, logit theta`. */
export function gaussianMixture(folder: string): ReferencePosterior {
  const { y } = readData(folder);
  return taped(
    5,
    (t, [mu1, gap, s1, s2, logit]) => {
      const mu2 = t.add(mu1, t.exp(gap));
      const logShare = t.logSigmoid(logit);
      const logRest = t.logSigmoid(t.affine(logit, -1));
      const beta = t.affine(t.add(logShare, logRest), 5, logGamma(10) - 2 * logGamma(5)); // with the Jacobian
      const priors = [t.normalPrior(mu1, 0, 2), t.normalPrior(mu2, 0, 2)];
      priors.push(t.normalPrior(t.exp(s1), 0, 2), t.normalPrior(t.exp(s2), 0, 2), gap, s1, s2);
      let sum = t.sum(beta, ...priors);
      for (const value of y) {
        const first = t.add(logShare, t.normal(value, mu1, s1));
        sum = t.add(sum, t.logAddExp(first, t.add(logRest, t.normal(value, mu2, s2))));
      }
      return sum;
    },
    (u) => ({
      "mu[1]": u[0],
      "mu[2]": u[0] + Math.exp(u[1]),
      "sigma[1]": Math.exp(u[2]),
      "sigma[2]": Math.exp(u[3]),
      theta: sigmoid(u[4]),
    }),
  );
}

/** The forward algorithm of a chain with two states; `logits` of `P(1 -> 1)` and `P(2 -> 1)`. */
function forward(t: Tape, logits: readonly Node[], emissions: readonly (readonly [Node, Node])[]): Node {
  const logP = logits.map((logit) => [t.logSigmoid(logit), t.logSigmoid(t.affine(logit, -1))]);
  let [first, second] = emissions[0];
  for (const emission of emissions.slice(1)) {
    const next = [0, 1].map((k) =>
      t.add(t.logAddExp(t.add(first, logP[0][k]), t.add(second, logP[1][k])), emission[k]),
    );
    [first, second] = next;
  }
  return t.logAddExp(first, second);
}

/** Normal emissions of unit width. `u = logit theta1[1], logit theta2[1], log mu1, log(mu2 - mu1)`. */
export function hiddenMarkov(folder: string): ReferencePosterior {
  const { y } = readData(folder);
  return taped(
    4,
    (t, u) => {
      const mu = [t.exp(u[2]), t.add(t.exp(u[2]), t.exp(u[3]))];
      const unit = t.constant(0);
      const emissions = y.map(
        (value) => [t.normal(value, mu[0], unit), t.normal(value, mu[1], unit)] as const,
      );
      const priors = [t.normalPrior(mu[0], 3, 1), t.normalPrior(mu[1], 10, 1), u[2], u[3]];
      for (const logit of u.slice(0, 2)) priors.push(t.logSigmoid(logit), t.logSigmoid(t.affine(logit, -1)));
      return t.sum(forward(t, u.slice(0, 2), emissions), ...priors);
    },
    (u) => ({ ...rows(u), "mu[1]": Math.exp(u[2]), "mu[2]": Math.exp(u[2]) + Math.exp(u[3]) }),
  );
}

const rows = (u: Float64Array) => ({
  "theta1[1]": sigmoid(u[0]),
  "theta1[2]": sigmoid(-u[0]),
  "theta2[1]": sigmoid(u[1]),
  "theta2[2]": sigmoid(-u[1]),
});

/** Drives in basketball, two exponential emissions. `u` = two logits, and logarithms of rates and their gaps. */
export function drives(folder: string): ReferencePosterior {
  const data = readData(folder);
  const { u: first, v: second, alpha } = data;
  return taped(
    6,
    (t, u) => {
      const ordered = (a: Node, b: Node) => [t.exp(a), t.add(t.exp(a), t.exp(b))];
      const phi = ordered(u[2], u[3]);
      const lambda = ordered(u[4], u[5]);
      const logs = [phi, lambda].map((pair) => pair.map((rate) => t.log(rate)));
      const emissions = first.map((_, i) => {
        const [a, b] = [0, 1].map((k) =>
          t.sub(
            t.add(logs[0][k], logs[1][k]),
            t.add(t.affine(phi[k], first[i]), t.affine(lambda[k], second[i])),
          ),
        );
        return [a, b] as const;
      });
      const priors = [phi, lambda].flatMap(([low, high]) => [
        t.normalPrior(low, 0, 1),
        t.normalPrior(high, 3, 1),
      ]);
      priors.push(...u.slice(2));
      alpha.forEach(([a, b]: number[], k: number) => {
        // a Dirichlet of two is a beta; with the Jacobian
        priors.push(t.affine(t.logSigmoid(u[k]), a, logGamma(a + b) - logGamma(a) - logGamma(b)));
        priors.push(t.affine(t.logSigmoid(t.affine(u[k], -1)), b));
      });
      return t.sum(forward(t, u.slice(0, 2), emissions), ...priors);
    },
    (u) => ({
      ...rows(u),
      "phi[1]": Math.exp(u[2]),
      "phi[2]": Math.exp(u[2]) + Math.exp(u[3]),
      "lambda[1]": Math.exp(u[4]),
      "lambda[2]": Math.exp(u[4]) + Math.exp(u[5]),
    }),
  );
}
