/**
 * A prior with some parameters held at known values: what is left is the prior of the others given those.
 *
 * For independent parameters the others do not change. For a normal prior with free part `a` and held part `b`
 * the rest is normal, with mean `m_a + S_ab S_bb^-1 (b - m_b)` and covariance `S_aa - S_ab S_bb^-1 S_ba`.
 *
 * @module
 */
import type { Prior, PriorSpec } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { cholesky, dot, solveLower } from "../core/linalg.js";
import { fromRows } from "../core/matrix.js";
import { priorFromSpec } from "./from-spec.js";

/**
 * The prior of the parameters that `given` leaves free, conditional on the given values.
 *
 * @param given - values by parameter name; at least one parameter must stay free.
 * @throws {ConfigError} if a name is unknown, a value lies outside the prior or no parameter stays free.
 * @example
 * const zMass = restrictPrior(uniform({ gFermi: [0.5, 1.5], zMass: [60, 130] }), { gFermi: 1 });
 */
export function restrictPrior(prior: Prior, given: Readonly<Record<string, number>>): Prior {
  const held = Object.keys(given);
  for (const name of held) {
    if (!prior.names.includes(name)) {
      throw new ConfigError(`restrictPrior: "${name}" must be one of ${prior.names.join(", ")}.`);
    }
  }
  if (held.length === 0) return prior;
  if (held.length === prior.names.length) {
    throw new ConfigError("restrictPrior: at least one parameter must stay free, but all are given.");
  }
  // whether the held values lie inside is asked beside typical values of the others
  const beside = prior.sample(1, [0, 0]).data;
  prior.names.forEach((name, j) => {
    if (Object.hasOwn(given, name)) beside[j] = given[name];
  });
  if (!(prior.logProb(fromRows([beside]))[0] > -Infinity)) {
    const values = held.map((name) => `${name} = ${given[name]}`).join(", ");
    throw new ConfigError(`restrictPrior: ${values} must lie inside the prior.`);
  }
  return priorFromSpec(restrictSpec(prior.spec, given)!);
}

/** The spec of what is left, or `undefined` where nothing is. */
function restrictSpec(spec: PriorSpec, given: Readonly<Record<string, number>>): PriorSpec | undefined {
  if (spec.kind === "joined") {
    const blocks = (spec.blocks as PriorSpec[]).flatMap((block) => restrictSpec(block, given) ?? []);
    return blocks.length === 0 ? undefined : { kind: "joined", blocks };
  }
  const names = spec.names as string[];
  const free = names.flatMap((name, j) => (Object.hasOwn(given, name) ? [] : [j]));
  if (free.length === 0) return undefined;
  if (free.length === names.length) return spec;
  const kept = (field: string) => free.map((j) => (spec[field] as unknown[])[j]);
  const { kind } = spec;
  if (kind === "uniform") return { kind, names: kept("names"), low: kept("low"), high: kept("high") };
  if (kind === "independent") return { kind, names: kept("names"), pieces: kept("pieces") };
  if (kind === "normal") return restrictNormal(spec, free, given);
  throw new ConfigError(`restrictPrior: does not know how to hold parameters of a "${kind}" prior.`);
}

function restrictNormal(spec: PriorSpec, free: number[], given: Readonly<Record<string, number>>): PriorSpec {
  const names = spec.names as string[];
  const mean = spec.mean as number[];
  const covariance = spec.covariance as number[][];
  const held = names.flatMap((name, j) => (Object.hasOwn(given, name) ? [j] : []));
  const factor = cholesky(
    Float64Array.from(held.flatMap((i) => held.map((j) => covariance[i][j]))),
    held.length,
  );
  // with S_bb = L L^T: w = L^-1 (b - m_b) and, per free parameter, v_a = L^-1 S_ba
  const w = solveLower(
    factor,
    Float64Array.from(held, (j) => given[names[j]] - mean[j]),
  );
  const v = free.map((i) =>
    solveLower(
      factor,
      Float64Array.from(held, (j) => covariance[i][j]),
    ),
  );
  return {
    kind: "normal",
    names: free.map((i) => names[i]),
    mean: free.map((i, a) => mean[i] + dot(v[a], w)),
    covariance: free.map((i, a) => free.map((j, b) => covariance[i][j] - dot(v[a], v[b]))),
  };
}
