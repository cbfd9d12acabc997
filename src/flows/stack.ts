/**
 * Flows as they are commonly built: maps of one kind in a row, columns mixed between them. The defaults of the sizes are
 * those of the Python package sbi 0.27 (`build_maf`, `build_nsf`), so that budgets compare.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { foldIn, key } from "../core/random.js";
import type { Activation } from "../nets/activations.js";
import type { ConditionerSize } from "./conditioner.js";
import type { ConditionalDensity, DensitySpec } from "./density.js";
import { flow } from "./flow.js";
import { lu } from "./lu.js";
import { permutation, reversed, shuffled } from "./permutation.js";
import { standardising } from "./standardising.js";
import type { Transform } from "./transform.js";

/** What mixes the columns between maps: a learned linear map, the reverse order, or random orders. */
export type Mixing = "lu" | "reverse" | "random";

/** Options of every flow. */
export interface FlowOptions {
  /** Number of maps. Default 5. */
  readonly transforms?: number;
  /** Units of a hidden layer of the networks that shape the maps. Default 50. */
  readonly width?: number;
  /** Blocks behind their first layer: residual blocks in a coupling, masked layers in an autoregressive map. Default 2. */
  readonly blocks?: number;
  /** Default `silu`; it has the second derivatives that a score term needs. */
  readonly activation?: Activation;
  /** What mixes columns between maps, none for one column. Default `lu` with couplings, `reverse` with autoregressive maps. */
  readonly mixing?: Mixing;
  /** Seed of the orders of `mixing: "random"`. Default 0. */
  readonly mixingSeed?: number;
  /** Center and scale of values that do not come standardised, each `[V]`. Default none. */
  readonly standardise?: { readonly center: readonly number[]; readonly scale: readonly number[] };
}

/** Names of the options, for `checkOptions`. */
export const flowOptionNames = {
  transforms: true,
  width: true,
  blocks: true,
  activation: true,
  mixing: true,
  mixingSeed: true,
  standardise: true,
} as const;

type Complete = Required<Omit<FlowOptions, "standardise">> & Pick<FlowOptions, "standardise">;

/** Columns of a value and of a context. */
export interface Dims {
  readonly count: number;
  readonly contextDim: number;
}

/**
 * Fills in defaults.
 *
 * @throws {ConfigError} if a size is not a positive integer or there is no such mixing.
 */
export function completeOptions(
  kind: string,
  options: FlowOptions,
  defaults: { readonly activation: Activation; readonly mixing: Mixing },
): Complete {
  const { transforms = 5, width = 50, blocks = 2, mixingSeed = 0, standardise } = options;
  const { activation = defaults.activation, mixing = defaults.mixing } = options;
  if ([transforms, width, blocks].some((size) => !Number.isInteger(size) || size < 1)) {
    throw new ConfigError(
      `${kind}: expected positive whole transforms, width and blocks, got ${transforms}, ${width}, ${blocks}.`,
    );
  }
  if (!["lu", "reverse", "random"].includes(mixing)) {
    throw new ConfigError(`${kind}: mixing "${mixing}" is unknown; expected lu, reverse or random.`);
  }
  const complete = { transforms, width, blocks, activation, mixing, mixingSeed };
  return standardise ? { ...complete, standardise } : complete;
}

/**
 * The flow of maps that `make` makes, each followed by what mixes the columns; a permutation is left out at the end, where
 * it would change nothing.
 *
 * @param before - maps that come before those, after standardisation.
 * @throws {ConfigError} if a dimension is not a positive integer, or a scale not positive.
 */
export function stack(
  spec: DensitySpec & Complete,
  { count, contextDim }: Dims,
  make: (name: string, turn: number, dims: Dims, size: ConditionerSize) => Transform,
  before: readonly Transform[] = [],
): ConditionalDensity {
  const { kind, transforms, mixing, mixingSeed, standardise } = spec;
  checkDims(kind, count, contextDim);
  const parts: Transform[] = [];
  if (standardise) {
    if (standardise.center.length !== count) {
      throw new ConfigError(
        `${kind}: standardise has ${standardise.center.length} columns, expected valueDim = ${count}.`,
      );
    }
    parts.push(standardising(standardise.center, standardise.scale));
  }
  parts.push(...before);
  for (let turn = 0; turn < transforms; turn++) {
    parts.push(make(`flow${turn}`, turn, { count, contextDim }, spec));
    if (count === 1) continue;
    if (mixing === "lu") parts.push(lu(`flow${turn}.lu`, count));
    else if (turn < transforms - 1) {
      const order = mixing === "reverse" ? reversed(count) : shuffled(count, foldIn(key(mixingSeed), turn));
      parts.push(permutation(order));
    }
  }
  return flow(spec, count, contextDim, parts);
}

/** @throws {ConfigError} if a number of columns is not a positive integer. */
export function checkDims(kind: string, valueDim: number, contextDim: number): void {
  if ([valueDim, contextDim].every((n) => Number.isInteger(n) && n >= 1)) return;
  throw new ConfigError(
    `${kind}: expected a positive whole number of value and of context columns, got ${valueDim} and ${contextDim}.`,
  );
}
