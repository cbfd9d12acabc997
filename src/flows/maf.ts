/**
 * Masked autoregressive flow: column by column a shift and a scale that depend on the columns before it.
 *
 * @see Papamakarios, Pavlakou and Murray (2017), https://arxiv.org/abs/1705.07057
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { affine } from "./affine.js";
import { autoregressive } from "./autoregressive.js";
import type { ConditionalDensity } from "./density.js";
import { completeOptions, type FlowOptions, flowOptionNames, stack } from "./stack.js";

/** Options of `maf`; each has a default. */
export interface MafOptions extends FlowOptions {
  /** Direct connections: shifts are linear in columns and context, plus what the network adds. Default `true`. */
  readonly direct?: boolean;
  /**
   * Units that each shift and each scale has for itself, which see the context alone. Default 0; some help where few of many
   * columns depend on the context, with many rows.
   */
  readonly own?: number;
}

const optionNames: OptionNames<MafOptions> = { ...flowOptionNames, direct: true, own: true };

/**
 * Builds a masked autoregressive flow. By default five maps with 50 units in three masked layers each, the sizes of `build_maf`
 * in sbi 0.27 (which has tanh layers and no direct connections); columns are reversed between maps, as in the paper.
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
  const { direct = true } = options;
  if (typeof direct !== "boolean") throw new ConfigError(`maf: direct must be true or false, got ${direct}.`);
  const sizes = completeOptions("maf", options, { activation: "silu", mixing: "reverse" });
  const { own = 0 } = options;
  if (!Number.isInteger(own) || own < 0) {
    throw new ConfigError(`maf: own must be a whole number of units, got ${own}.`);
  }
  const spec = { kind: "maf", direct, ...(own > 0 && { own }), ...sizes };
  return stack(spec, { count: valueDim, contextDim }, (name, _turn, dims, size) =>
    autoregressive(name, affine, dims, { ...size, direct, own }),
  );
}
