/**
 * Priors side by side: independent blocks, each with its own parameters.
 *
 * @module
 */
import { stacked } from "../core/bijection.js";
import type { Prior } from "../core/contracts.js";
import { type Matrix, matrix } from "../core/matrix.js";
import { foldIn } from "../core/random.js";
import { checkColumns, checkNames } from "./names.js";

/**
 * The prior of several independent blocks; columns follow the order of the blocks.
 *
 * @throws {RangeError} if there is no block or two blocks share a parameter name.
 * @example
 * const prior = joined([normalPrior(["a", "b"], [0, 0], [[1, 0.5], [0.5, 1]]), uniform({ c: [0, 1] })]);
 */
export function joined<Name extends string>(blocks: readonly Prior<Name>[]): Prior<Name> {
  const names = checkNames(
    "joined",
    blocks.flatMap((block) => block.names),
  );
  const dim = names.length;
  let end = 0;
  const starts = blocks.map((block) => (end += block.dim) - block.dim);

  const columnsOf = (theta: Matrix, b: number) => {
    const part = matrix(theta.rows, blocks[b].dim);
    for (let i = 0; i < theta.rows; i++) {
      const from = i * dim + starts[b];
      part.data.set(theta.data.subarray(from, from + part.cols), i * part.cols);
    }
    return part;
  };
  const paste = (part: Matrix, b: number, theta: Matrix) => {
    for (let i = 0; i < part.rows; i++) {
      theta.data.set(part.data.subarray(i * part.cols, (i + 1) * part.cols), i * dim + starts[b]);
    }
  };
  const logProb = (theta: Matrix) => {
    checkColumns("logProb", theta, names);
    const parts = blocks.map((block, b) => block.logProb(columnsOf(theta, b)));
    return Float64Array.from({ length: theta.rows }, (_, i) => {
      if (parts.some((part) => part[i] === -Infinity)) return -Infinity;
      return parts.reduce((sum, part) => sum + part[i], 0);
    });
  };

  return {
    names,
    dim,
    support: stacked(blocks.map((block) => block.support)),
    mean: Float64Array.from(blocks.flatMap((block) => Array.from(block.mean))),
    sd: Float64Array.from(blocks.flatMap((block) => Array.from(block.sd))),
    spec: { kind: "joined", blocks: blocks.map((block) => block.spec) },
    sample(n, key, from = 0) {
      const theta = matrix(n, dim);
      // each block has its own key, and in it row i belongs to the i-th child
      blocks.forEach((block, b) => {
        paste(block.sample(n, foldIn(foldIn(key, "joined"), b), from), b, theta);
      });
      return theta;
    },
    logProb,
    gradient(theta) {
      checkColumns("gradient", theta, names);
      const out = matrix(theta.rows, dim);
      const values = logProb(theta);
      blocks.forEach((block, b) => {
        paste(block.gradient(columnsOf(theta, b)), b, out);
      });
      values.forEach((value, i) => {
        if (value === -Infinity) out.data.fill(0, i * dim, (i + 1) * dim);
      });
      return out;
    },
  };
}
