/**
 * Priors as JSON files. Either one distribution per parameter, a pair of numbers standing for a uniform one,
 *
 *     { "mu": [-3, 3], "sigma": { "kind": "gamma", "shape": 2, "rate": 4 } }
 *
 * or the description that galton itself writes (`prior.spec`, also in the manifest of a folder of simulations):
 *
 *     { "kind": "uniform", "names": ["mu", "sigma"], "low": [-3, 0.1], "high": [3, 2] }
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import type { Prior, PriorSpec } from "../core/contracts.js";
import type { DistributionSpec } from "../core/distributions/distribution.js";
import { ConfigError } from "../core/errors.js";

/**
 * Reads a prior.
 *
 * @throws {ConfigError} if the file cannot be read, is not JSON, or describes no prior.
 * @throws {RangeError} if a parameter of a distribution is out of range.
 */
export async function readPrior(path: string): Promise<Prior> {
  const spec = await readJson(path, "readPrior");
  if (typeof spec !== "object" || spec === null || Array.isArray(spec)) {
    throw new ConfigError(
      `readPrior: ${path} must hold an object such as {"mu": [-3, 3]}, got ${JSON.stringify(spec).slice(0, 60)}.`,
    );
  }
  if (typeof (spec as PriorSpec).kind === "string") {
    const { priorFromSpec } = await import("../prior/from-spec.js");
    return priorFromSpec(spec as PriorSpec);
  }
  const entries = Object.entries(spec);
  if (entries.every(([, piece]) => isInterval(piece))) {
    const { uniform } = await import("../prior/uniform.js");
    return uniform(Object.fromEntries(entries));
  }
  const { independent } = await import("../prior/independent.js");
  const { continuousFromSpec } = await import("../core/distributions/spec.js");
  const pieces = entries.map(([name, piece]) => {
    if (!isInterval(piece) && (typeof piece !== "object" || piece === null || Array.isArray(piece))) {
      throw new ConfigError(
        `readPrior: ${path}: "${name}" must be [low, high] or a distribution such as ` +
          `{"kind": "normal", "mean": 0, "sd": 1}, got ${JSON.stringify(piece)}.`,
      );
    }
    const described = isInterval(piece) ? { kind: "uniform", low: piece[0], high: piece[1] } : piece;
    return [name, continuousFromSpec(described as DistributionSpec)] as const;
  });
  return independent(Object.fromEntries(pieces));
}

/**
 * Reads a JSON file.
 *
 * @throws {ConfigError} if it cannot be read or is not JSON.
 */
export async function readJson(path: string, caller: string): Promise<unknown> {
  const content = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError(`${caller}: cannot read ${path}: ${cause.message}.`, { cause });
  });
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw new ConfigError(`${caller}: ${path} is not JSON: ${(cause as Error).message}.`, { cause });
  }
}

function isInterval(piece: unknown): piece is [number, number] {
  return Array.isArray(piece) && piece.length === 2 && piece.every((end) => typeof end === "number");
}
