/**
 * Matrix products. Rank two becomes `Gemm`, which takes transposed operands as they are and to which the
 * encoder later joins the bias; higher ranks become batched `MatMul`.
 *
 * @module
 */
import type { Value } from "../graph.js";
import {
  axesOf,
  broadcastShape,
  full,
  isIdentity,
  isWhole,
  type Symbolic,
  symbolic,
  uniform,
} from "../symbol.js";
import { type Activation, activate } from "./activation.js";
import { binaryKernels } from "./binary.js";
import type { Inputs, KernelTable, Recording } from "./kernel.js";
import { transposed } from "./shape.js";

/** The product of two tensors, each optionally with its last two axes exchanged. */
export function product(
  recording: Recording,
  a: Symbolic,
  b: Symbolic,
  transposeA: boolean,
  transposeB: boolean,
): Symbolic {
  const { graph } = recording;
  const x = transposeA ? exchange(recording, a) : a;
  const y = transposeB ? exchange(recording, b) : b;
  const batch = broadcastShape(x.shape.slice(0, -2), y.shape.slice(0, -2));
  const shape = [...batch, x.shape.at(-2)!, y.shape.at(-1)!];
  if (x.constant === 0 || y.constant === 0) return uniform(0, shape);
  if (x.shape.length !== 2 || y.shape.length !== 2) {
    return symbolic(graph.op("MatMul", [full(graph, x), full(graph, y)], shape));
  }
  const left = operand(recording, x);
  const right = operand(recording, y);
  const flags = {
    ...(left.isTransposed ? { transA: 1 } : {}),
    ...(right.isTransposed ? { transB: 1 } : {}),
  };
  return symbolic(graph.op("Gemm", [left.value, right.value], shape, flags));
}

/** A matrix and whether `Gemm` is to transpose it. */
function operand({ graph }: Recording, x: Symbolic): { value: Value; isTransposed: boolean } {
  if (isWhole(x) && x.order !== undefined && !isIdentity(x.order)) {
    return { value: x.value!, isTransposed: true };
  }
  return { value: full(graph, x), isTransposed: false };
}

function exchange(recording: Recording, x: Symbolic): Symbolic {
  const rank = x.shape.length;
  return transposed(recording, x, [...axesOf(rank - 2), rank - 1, rank - 2]);
}

interface FusedAttributes extends Activation {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

function fusedProduct(recording: Recording, inputs: Inputs, attributes: FusedAttributes): Symbolic {
  const { a, b, bias, preluActivationWeights } = inputs;
  const plain = product(recording, a, b, attributes.transposeA, attributes.transposeB);
  const shifted =
    bias === undefined
      ? plain
      : (binaryKernels.Add(recording, { a: plain, b: bias }, {} as never) as Symbolic);
  return activate(recording, shifted, attributes, preluActivationWeights);
}

/** A product in index notation; the sizes of the result are those of its letters. */
function einsum({ graph }: Recording, inputs: Inputs, { equation }: { equation: string }): Symbolic {
  const tensors = Object.values(inputs);
  const [left, right] = equation.replaceAll(" ", "").split("->");
  const sizes = new Map<string, number>();
  left.split(",").forEach((letters, i) => {
    for (const [axis, letter] of [...letters].entries()) sizes.set(letter, tensors[i].shape[axis]);
  });
  const shape = [...right].map((letter) => sizes.get(letter)!);
  const values = tensors.map((tensor) => full(graph, tensor));
  return symbolic(graph.op("Einsum", values, shape, { equation: `${left}->${right}` }));
}

/** Matrix products. */
export const matmulKernels: KernelTable = {
  BatchMatMul: (
    recording: Recording,
    { a, b }: Inputs,
    { transposeA, transposeB }: { transposeA: boolean; transposeB: boolean },
  ) => product(recording, a, b, transposeA, transposeB),
  _FusedMatMul: fusedProduct,
  Einsum: einsum,
};
