/** Small densities and maps with wild weights, in float64, for the tests of flows. */
import { foldIn, key, stream } from "../../src/core/random.js";
import { parameterCount } from "../../src/engine/packing.js";
import type { ParameterSpec, Tensor, Tensors } from "../../src/engine/types.js";
import type { ConditionalDensity, DensitySpec } from "../../src/flows/density.js";
import { conditionalDensity } from "../../src/flows/from-spec.js";
import { tensor64, tf64, values64 } from "./float64-tf.js";

/** Columns of every context here. */
export const CONTEXT = 2;

const size = { transforms: 2, width: 6, blocks: 1 };

/** Every kind of density, small, for any number of columns. */
export const specs: readonly (readonly [name: string, spec: DensitySpec])[] = [
  ["MAF", { kind: "maf", ...size }],
  ["MAF with units of each shift's and scale's own", { kind: "maf", ...size, own: 2 }],
  ["MAF in random orders", { kind: "maf", ...size, mixing: "random", mixingSeed: 3 }],
  ["NSF", { kind: "nsf", ...size, bins: 5 }],
  ["autoregressive NSF", { kind: "nsf", ...size, form: "autoregressive", bins: 5 }],
  ["RealNVP", { kind: "realNvp", ...size, mixing: "reverse" }],
  ["mixture density", { kind: "mixtureDensity", components: 3, hidden: [6] }],
];

/** The density of a spec, with weights as wild as training makes them: normal with variance `gain^2 / fanIn`, biases alike. */
export function wild(spec: DensitySpec, valueDim: number, seed: string, gain = 1.5) {
  const density = conditionalDensity(spec, valueDim, CONTEXT);
  return { density, packed: wildWeights(density.parameters, seed, gain) };
}

/** Packed weights, `[P]`, that float32 holds exactly. */
export function wildWeights(parameters: readonly ParameterSpec[], seed: string, gain: number): Float64Array {
  const packed = new Float64Array(parameterCount(parameters));
  let offset = 0;
  parameters.forEach(({ shape }, i) => {
    const rng = stream(foldIn(key(seed), i));
    const n = shape.reduce((a, b) => a * b, 1);
    const scale = gain / Math.sqrt(shape.length > 1 ? shape[0] : 4);
    for (let j = 0; j < n; j++) packed[offset++] = Math.fround(scale * rng.normal());
  });
  return packed;
}

/** Packed weights as named float64 tensors. */
export function unpack64(packed: Float64Array, parameters: readonly ParameterSpec[]): Tensors {
  let offset = 0;
  return Object.fromEntries(
    parameters.map(({ name, shape }) => {
      const n = shape.reduce((a, b) => a * b, 1);
      offset += n;
      return [name, tensor64(packed.subarray(offset - n, offset), shape)];
    }),
  );
}

/** Standard normal numbers (or uniform ones, by column), that float32 holds exactly. */
export function numbers(
  seed: string,
  rows: number,
  columns: number,
  laws: readonly string[] = [],
): Float64Array {
  const rng = stream(key(seed));
  return Float64Array.from({ length: rows * columns }, (_, i) =>
    Math.fround(laws[i % columns] === "uniform" ? rng.uniform() : rng.normal()),
  );
}

/** A density's `logProb` at rows, in float64. */
export function logProb64(
  density: ConditionalDensity,
  packed: Float64Array,
  value: Float64Array,
  context: Float64Array,
): Float64Array {
  const rows = value.length / density.valueDim;
  return values64(
    density.logProb(
      tf64,
      unpack64(packed, density.parameters),
      tensor64(value, [rows, density.valueDim]),
      tensor64(context, [rows, CONTEXT]),
    ),
  );
}

/** A tensor's values as an array of rows. */
export const rows64 = (x: Tensor): number[][] => {
  const width = x.shape[1]!;
  const all = values64(x);
  return Array.from({ length: x.shape[0] }, (_, i) => Array.from(all.subarray(i * width, (i + 1) * width)));
};
