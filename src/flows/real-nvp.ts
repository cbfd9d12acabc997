/**
 * RealNVP: couplings that shift and scale.
 *
 * @see Dinh, Sohl-Dickstein and Bengio (2017), https://arxiv.org/abs/1605.08803
 * @module
 */
import { checkOptions, type OptionNames } from "../core/options.js";
import { affine } from "./affine.js";
import { coupling } from "./coupling.js";
import type { ConditionalDensity } from "./density.js";
import { completeOptions, type FlowOptions, flowOptionNames, stack } from "./stack.js";

/** Options of `realNvp`; each has a default. */
export type RealNvpOptions = FlowOptions;

const optionNames: OptionNames<RealNvpOptions> = flowOptionNames;

/**
 * Builds a flow of affine couplings: by default five, with conditioners of two residual blocks with 50 units and a learned
 * linear map behind each. Samples cost what densities cost.
 *
 * @param valueDim - columns of a value, V.
 * @param contextDim - columns of a context.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} for impossible sizes.
 * @example
 * const density = realNvp({ transforms: 8 }, 2, 8); // p(value | context) of two columns given eight
 */
export function realNvp(options: RealNvpOptions, valueDim: number, contextDim: number): ConditionalDensity {
  checkOptions("realNvp", options, optionNames);
  const sizes = completeOptions("realNvp", options, { activation: "silu", mixing: "lu" });
  return stack({ kind: "realNvp", ...sizes }, { count: valueDim, contextDim }, (name, turn, dims, size) =>
    coupling(name, affine, dims, turn, size),
  );
}
