/** Masked networks: what each output may depend on, and does. */
import { expect, it } from "vitest";
import { made } from "../../src/flows/conditioner.js";
import { tensor64, tf64 } from "./float64-tf.js";
import { CONTEXT, numbers, rows64, unpack64, wildWeights } from "./small.js";

const count = 6;
const columns = [...Array(count).keys(), ...Array(count).keys()];

/** Which columns each output of a network of given size follows. */
function dependence(size: {
  readonly width: number;
  readonly direct: boolean;
  readonly own?: number;
}): boolean[][] {
  const network = made(
    "m",
    { count, contextDim: CONTEXT },
    columns,
    { blocks: 1, activation: "silu", ...size },
    count,
  );
  const tensors = unpack64(wildWeights(network.parameters, "made", 1), network.parameters);
  const context = tensor64(numbers("context", 1, CONTEXT), [1, CONTEXT]);
  const at = numbers("value", 1, count);
  const outputs = (value: Float64Array) =>
    rows64(network.apply(tf64, tensors, tensor64(value, [1, count]), context))[0];
  const here = outputs(at);
  const moved = Array.from({ length: count }, (_, j) =>
    outputs(at.map((value, k) => (k === j ? value + 1 : value))),
  );
  return here.map((value, o) => moved.map((there) => there[o] !== value));
}

const earlier = columns.map((j) => Array.from({ length: count }, (_, k) => k < j));

it("lets every output see all columns before its own, and no other", () => {
  expect(dependence({ width: 12, direct: false })).toEqual(earlier);
  expect(dependence({ width: 12, direct: true })).toEqual(earlier);
});

it("lets late columns see late ones where there are fewer units than columns", () => {
  const narrow = dependence({ width: 3, direct: false });
  expect(narrow.every((seen, o) => seen.every((sees, k) => !sees || k < columns[o]))).toBe(true);
  expect(narrow[count - 1].lastIndexOf(true)).toBe(3);
  // direct connections leave out nothing, for shifts
  expect(dependence({ width: 3, direct: true }).slice(count)).toEqual(earlier.slice(count));
});

it("has units of each output's own that see the context alone", () => {
  expect(dependence({ width: 12, direct: true, own: 2 })).toEqual(earlier);
  const size = { width: 3, blocks: 1, activation: "silu", own: 2 } as const;
  const network = made("m", { count, contextDim: CONTEXT }, columns, size, count);
  const tensors = unpack64(wildWeights(network.parameters, "made", 1), network.parameters);
  const value = tensor64(numbers("value", 1, count), [1, count]);
  const context = tensor64(numbers("context", 1, CONTEXT), [1, CONTEXT]);
  const outputs = (own: typeof tensors) => rows64(network.apply(tf64, own, value, context))[0];
  const here = outputs(tensors);
  for (const o of [0, 7]) {
    const weights = Float64Array.from({ length: columns.length * 2 }, (_, at) => Number(at === 2 * o));
    const known = rows64(tensors["m.own.out"]).flatMap((row) => [...row]);
    const moved = tensor64(
      weights.map((one, at) => one + known[at]),
      [columns.length, 2],
    );
    const there = outputs({ ...tensors, "m.own.out": moved });
    expect(Array.from(there, (output, k) => output !== here[k])).toEqual(columns.map((_, k) => k === o));
  }
});
