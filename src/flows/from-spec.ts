/**
 * Conditional densities by the names in their specs.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { categoricalDensity } from "./categorical-density.js";
import type { ConditionalDensity, DensitySpec } from "./density.js";
import { maf } from "./maf.js";
import { mixtureDensity } from "./mixture-density.js";
import { nsf } from "./nsf.js";
import { realNvp } from "./real-nvp.js";

type Builder = (options: object, valueDim: number, contextDim: number) => ConditionalDensity;

const builders: Readonly<Record<string, Builder>> = {
  categoricalDensity: categoricalDensity as Builder,
  maf,
  mixtureDensity,
  nsf,
  realNvp,
};

/**
 * Builds the density of a spec; that of a density's own `spec` is the same network, whatever defaults come later.
 *
 * @param spec - `kind` names the constructor (`maf`, `nsf`, `realNvp`, `mixtureDensity`), the rest are its options.
 * @param valueDim - columns of a value.
 * @param contextDim - columns of a context.
 * @throws {ConfigError} if there is no such kind, or its sizes are impossible.
 * @throws {TypeError} if the kind has no such option.
 * @example
 * const density = conditionalDensity({ kind: "nsf", bins: 8 }, 2, 8);
 */
export function conditionalDensity(
  spec: DensitySpec,
  valueDim: number,
  contextDim: number,
): ConditionalDensity {
  const { kind, ...options } = spec;
  if (!Object.hasOwn(builders, kind)) {
    throw new ConfigError(
      `conditionalDensity: kind "${kind}" is unknown; expected ${Object.keys(builders).join(", ")}.`,
    );
  }
  return builders[kind](options, valueDim, contextDim);
}
