/**
 * Neural spline flow: monotone rational-quadratic splines, in couplings or one column after the other.
 *
 * @see Durkan, Bekasov, Murray and Papamakarios (2019), https://arxiv.org/abs/1906.04032
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { autoregressive } from "./autoregressive.js";
import { coupling } from "./coupling.js";
import type { ConditionalDensity } from "./density.js";
import { spline } from "./spline.js";
import { completeOptions, type FlowOptions, flowOptionNames, stack } from "./stack.js";

/** Options of `nsf`; each has a default. */
export interface NsfOptions extends FlowOptions {
  /** Couplings (samples cost what densities cost), or column after column (densities a little better, samples V passes). Default `coupling`. */
  readonly form?: "coupling" | "autoregressive";
  /** Bins of a spline. Default 10. */
  readonly bins?: number;
  /** Splines bend the interval from minus to plus this, in standardised units, and are the identity beyond. Default 3. */
  readonly bound?: number;
}

const optionNames: OptionNames<NsfOptions> = { ...flowOptionNames, form: true, bins: true, bound: true };

/**
 * Builds a neural spline flow. By default five couplings with ten bins, conditioners of two residual blocks with 50 units, and
 * a learned linear map behind each, the sizes of `build_nsf` in sbi 0.27. A single column has its splines from
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
  const { form = "coupling", bins = 10, bound = 3 } = options;
  if (form !== "coupling" && form !== "autoregressive") {
    throw new ConfigError(`nsf: form "${form}" is unknown; expected coupling or autoregressive.`);
  }
  const mixing = form === "coupling" ? "lu" : "reverse";
  const sizes = completeOptions("nsf", options, { activation: "silu", mixing });
  const map = spline(bins, bound);
  return stack(
    { kind: "nsf", form, bins, bound, ...sizes },
    { count: valueDim, contextDim },
    (name, turn, dims, size) =>
      form === "coupling" ? coupling(name, map, dims, turn, size) : autoregressive(name, map, dims, size),
  );
}
