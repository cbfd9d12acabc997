/**
 * Distributions to JSON and back: `distributionFromSpec(d.spec)` equals `d`.
 *
 * @module
 */
import { ConfigError } from "../errors.js";
import { beta, uniformOn } from "./beta.js";
import { bernoulli, binomial, categorical, poisson } from "./counts.js";
import type {
  ContinuousDistribution,
  DiscreteDistribution,
  DistributionSpec,
  MultivariateDistribution,
} from "./distribution.js";
import { chiSquared, exponential, gamma } from "./gamma.js";
import { mixture } from "./mixture.js";
import { multivariateNormal } from "./multivariate-normal.js";
import { logNormal, normal } from "./normal.js";
import { studentT } from "./student-t.js";
import { truncated } from "./truncated.js";

type AnyDistribution = ContinuousDistribution | DiscreteDistribution | MultivariateDistribution;

/**
 * The distribution that `spec` describes.
 *
 * @throws {ConfigError} if the kind is unknown or a field is missing or of the wrong type.
 * @throws {RangeError} if a parameter is out of range.
 */
export function distributionFromSpec(spec: DistributionSpec): AnyDistribution {
  const make = Object.hasOwn(kinds, spec?.kind) ? kinds[spec.kind] : undefined;
  if (make === undefined) {
    throw new ConfigError(
      `distributionFromSpec: kind must be one of ${Object.keys(kinds).join(", ")}, got "${spec?.kind}".`,
    );
  }
  return make(spec);
}

/**
 * The continuous distribution that `spec` describes.
 *
 * @throws {ConfigError} as `distributionFromSpec`, and if the distribution is not one of a real number.
 */
export function continuousFromSpec(spec: DistributionSpec): ContinuousDistribution {
  const made = distributionFromSpec(spec);
  if (!("isDiscrete" in made) || made.isDiscrete) {
    throw new ConfigError(`continuousFromSpec: "${spec.kind}" is not a distribution of one real number.`);
  }
  return made;
}

const kinds: Readonly<Record<string, (spec: DistributionSpec) => AnyDistribution>> = {
  normal: (s) => normal(number(s, "mean"), number(s, "sd")),
  logNormal: (s) => logNormal(number(s, "mu"), number(s, "sigma")),
  uniform: (s) => uniformOn(number(s, "low"), number(s, "high")),
  gamma: (s) => gamma(number(s, "shape"), number(s, "rate")),
  chiSquared: (s) => chiSquared(number(s, "df")),
  exponential: (s) => exponential(number(s, "rate")),
  beta: (s) => beta(number(s, "a"), number(s, "b")),
  studentT: (s) => studentT(number(s, "df"), number(s, "loc"), number(s, "scale")),
  bernoulli: (s) => bernoulli(number(s, "probability")),
  poisson: (s) => poisson(number(s, "rate")),
  binomial: (s) => binomial(number(s, "trials"), number(s, "probability")),
  categorical: (s) => categorical(list<number>(s, "probabilities")),
  multivariateNormal: (s) => multivariateNormal(list<number>(s, "mean"), list<number[]>(s, "covariance")),
  truncated: (s) =>
    truncated(
      continuousFromSpec(s.base as DistributionSpec),
      s.low == null ? -Infinity : number(s, "low"),
      s.high == null ? Infinity : number(s, "high"),
    ),
  mixture: (s) =>
    mixture(list<number>(s, "weights"), list<DistributionSpec>(s, "components").map(continuousFromSpec)),
};

function number(spec: DistributionSpec, field: string): number {
  const value = spec[field];
  if (typeof value !== "number") {
    throw new ConfigError(
      `distributionFromSpec: "${spec.kind}" needs a number "${field}", got ${JSON.stringify(value)}.`,
    );
  }
  return value;
}

function list<Item>(spec: DistributionSpec, field: string): readonly Item[] {
  const value = spec[field];
  if (!Array.isArray(value)) {
    throw new ConfigError(
      `distributionFromSpec: "${spec.kind}" needs a list "${field}", got ${JSON.stringify(value)}.`,
    );
  }
  return value;
}
