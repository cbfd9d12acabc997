/**
 * Neural spline flow: monotone rational-quadratic splines, in couplings or one column after the other.
 *
 * @see Durkan, Bekasov, Murray and Papamakarios (2019), https://arxiv.org/abs/1906.04032
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { affine } from "./affine.js";
import { autoregressive } from "./autoregressive.js";
import { coupling } from "./coupling.js";
import type { ConditionalDensity } from "./density.js";
import { spline } from "./spline.js";
import { completeOptions, type FlowOptions, flowOptionNames, stack } from "./stack.js";

/** Options of `nsf`; each has a default. */
export interface NsfOptions extends FlowOptions {
  /** Couplings (samples cost what densities cost), or column after column (densities a little better, samples V passes). Default `coupling`. */
  readonly form?: "coupling" | "autoregressive";
  /**
   * An affine map of each column by the columns before it and the context, ahead of the splines: they then bend what is left
   * when a conditional mean and spread are taken out. Sampling takes V passes through it. Default `true`.
   */
  readonly whiten?: boolean;
  /** Bins of a spline. Default 5. */
  readonly bins?: number;
  /** Splines bend the interval from minus to plus this, in standardised units, and are the identity beyond. Default 3. */
  readonly bound?: number;
}

const optionNames: OptionNames<NsfOptions> = {
  ...flowOptionNames,
  form: true,
  whiten: true,
  bins: true,
  bound: true,
};

/**
 * Builds a neural spline flow. By default five couplings with five bins, conditioners of two residual blocks with 50 units, and
 * a learned linear map behind each: `build_nsf` in sbi 0.27 has ten bins and whitens nothing. A single column has its splines from
 * the context alone.
 *
 * @param valueDim - columns of a value, V.
 * @param contextDim - columns of a context.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} for impossible sizes.
 * @example
 * const density = nsf({ bins: 8 }, 2, 8); // p(value | context) of two columns given eight
 */
export function nsf(options: NsfOptions, valueDim: number, contextDim: number): ConditionalDensity {
  checkOptions("nsf", options, optionNames);
  const { form = "coupling", whiten = true, bins = 5, bound = 3 } = options;
  if (form !== "coupling" && form !== "autoregressive") {
    throw new ConfigError(`nsf: form "${form}" is unknown; expected coupling or autoregressive.`);
  }
  if (typeof whiten !== "boolean") throw new ConfigError(`nsf: whiten must be true or false, got ${whiten}.`);
  const mixing = form === "coupling" ? "lu" : "reverse";
  const sizes = completeOptions("nsf", options, { activation: "silu", mixing });
  const map = spline(bins, bound);
  const dims = { count: valueDim, contextDim };
  return stack(
    { kind: "nsf", form, whiten, bins, bound, ...sizes },
    dims,
    (name, turn, dims, size) =>
      form === "coupling" ? coupling(name, map, dims, turn, size) : autoregressive(name, map, dims, size),
    whiten ? [autoregressive("whiten", affine, dims, { ...sizes, direct: true })] : [],
  );
}
