/**
 * Masked autoregressive flow: column by column a shift and a scale that depend on the columns before it.
 *
 * @see Papamakarios, Pavlakou and Murray (2017), https://arxiv.org/abs/1705.07057
 * @module
 */
import { checkOptions, type OptionNames } from "../core/options.js";
import { affine } from "./affine.js";
import { autoregressive } from "./autoregressive.js";
import type { ConditionalDensity } from "./density.js";
import { completeOptions, type FlowOptions, flowOptionNames, stack } from "./stack.js";

/** Options of `maf`; each has a default. */
export type MafOptions = FlowOptions;

const optionNames: OptionNames<MafOptions> = flowOptionNames;

/**
 * Builds a masked autoregressive flow. By default five maps with 50 units in three masked tanh layers each, the sizes of
 * `build_maf` in sbi 0.27; columns are reversed between maps, as in the paper.
 *
 * Densities take one pass through each map, samples V.
 *
 * @param valueDim - columns of a value, V.
 * @param contextDim - columns of a context.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} for impossible sizes.
 * @example
 * const density = maf({ transforms: 8 }, 2, 8); // p(value | context) of two columns given eight
 */
export function maf(options: MafOptions, valueDim: number, contextDim: number): ConditionalDensity {
  checkOptions("maf", options, optionNames);
  const spec = { kind: "maf", ...completeOptions("maf", options, { activation: "tanh", mixing: "reverse" }) };
  return stack(spec, { count: valueDim, contextDim }, (name, _turn, dims, size) =>
    autoregressive(name, affine, dims, size),
  );
}
