/**
 * Priors from JSON: `priorFromSpec(prior.spec)` equals `prior`. Manifests and saved estimators hold specs.
 *
 * @module
 */
import type { Prior, PriorSpec } from "../core/contracts.js";
import type { DistributionSpec } from "../core/distributions/distribution.js";
import { continuousFromSpec } from "../core/distributions/spec.js";
import { ConfigError } from "../core/errors.js";
import { independent } from "./independent.js";
import { joined } from "./joined.js";
import { normalPrior } from "./normal-prior.js";
import { uniform } from "./uniform.js";

/**
 * The prior that `spec` describes.
 *
 * @throws {ConfigError} if the kind is unknown or a field is missing or of the wrong type.
 * @throws {RangeError} if a parameter is out of range.
 */
export function priorFromSpec(spec: PriorSpec): Prior {
  const make = Object.hasOwn(kinds, spec?.kind) ? kinds[spec.kind] : undefined;
  if (make === undefined) {
    throw new ConfigError(
      `priorFromSpec: kind must be one of ${Object.keys(kinds).join(", ")}, got "${spec?.kind}".`,
    );
  }
  return make(spec);
}

const kinds: Readonly<Record<string, (spec: PriorSpec) => Prior>> = {
  uniform(spec) {
    const names = list<string>(spec, "names");
    const low = list<number>(spec, "low", names.length);
    const high = list<number>(spec, "high", names.length);
    return uniform(Object.fromEntries(names.map((name, j) => [name, [low[j], high[j]] as const])));
  },
  independent(spec) {
    const names = list<string>(spec, "names");
    const pieces = list<DistributionSpec>(spec, "pieces", names.length);
    return independent(Object.fromEntries(names.map((name, j) => [name, continuousFromSpec(pieces[j])])));
  },
  normal: (spec) =>
    normalPrior(list<string>(spec, "names"), list<number>(spec, "mean"), list<number[]>(spec, "covariance")),
  joined: (spec) => joined(list<PriorSpec>(spec, "blocks").map(priorFromSpec)),
};

function list<Item>(spec: PriorSpec, field: string, length?: number): readonly Item[] {
  const value = spec[field];
  if (!Array.isArray(value) || (length !== undefined && value.length !== length)) {
    throw new ConfigError(
      `priorFromSpec: "${spec.kind}" needs a list "${field}"${length === undefined ? "" : ` of ${length}`}, ` +
        `got ${JSON.stringify(value)}.`,
    );
  }
  return value;
}
