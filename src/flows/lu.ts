/**
 * A learned linear map of the columns, `noise = L U value + shift`, with `L` lower triangular with ones on its diagonal and
 * `U` upper triangular with positive numbers on its own: invertible whatever its entries, with the log-determinant of
 * a diagonal. It starts as the identity.
 *
 * Both triangles are one part diagonal, one part nilpotent, so the inverse of `I + N` is the finite product
 * `(I - N) (I + N^2) (I + N^4) ...`, as exact as substitution (both err like the inverse of `I - |N|`; Higham 2002, section 8.2).
 *
 * @see Oliva et al. (2018), https://arxiv.org/abs/1801.09819; Durkan et al. (2019), https://arxiv.org/abs/1906.04032, section 3.3
 * @module
 */
import type { Tensor, Tensors, Tf } from "../engine/types.js";
import { boundedLog } from "./affine.js";
import type { Transform } from "./transform.js";

/** The linear map of `count` columns; it does not depend on the context. */
export function lu(name: string, count: number): Transform {
  const parameters = [
    { name: `${name}.triangles`, shape: [count, count] },
    { name: `${name}.logDiagonal`, shape: [count] },
    { name: `${name}.shift`, shape: [count] },
  ];
  return {
    parameters,
    initialise: () => new Float32Array(count * count + 2 * count),
    forward(tf, tensors, value) {
      const { lower, upper, logDiagonal } = factors(tf, tensors);
      // rows are values, so everything is transposed: value (diagonal + upper)' (I + lower)'
      const scaled = tf.add(
        tf.mul(value, tf.exp(logDiagonal)),
        tf.matMul(value as never, upper as never, false, true),
      );
      const mixed = tf.add(scaled, tf.matMul(scaled as never, lower as never, false, true));
      return { noise: tf.add(mixed, tensors[`${name}.shift`]), logDet: logDiagonal };
    },
    inverse(tf, tensors, noise) {
      const { lower, upper, logDiagonal } = factors(tf, tensors);
      const shrink = tf.exp(tf.neg(logDiagonal));
      const scaled = solve(tf, lower, tf.sub(noise, tensors[`${name}.shift`]));
      // diagonal + upper = (I + upper / diagonal) diagonal
      return tf.mul(solve(tf, tf.mul(upper, shrink), scaled), shrink);
    },
  };

  function factors(tf: Tf, tensors: Tensors): Record<"lower" | "upper" | "logDiagonal", Tensor> {
    const triangles = tensors[`${name}.triangles`];
    return {
      lower: tf.mul(
        triangles,
        triangle(tf, (i, j) => i > j),
      ),
      upper: tf.mul(
        triangles,
        triangle(tf, (i, j) => i < j),
      ),
      logDiagonal: boundedLog(tf, tensors[`${name}.logDiagonal`]),
    };
  }

  function triangle(tf: Tf, isIn: (row: number, column: number) => boolean): Tensor {
    const ones = Array.from({ length: count * count }, (_, k) =>
      Number(isIn(Math.floor(k / count), k % count)),
    );
    return tf.tensor2d(ones, [count, count]);
  }

  /** The rows `x` with `(I + nilpotent) x = y`. */
  function solve(tf: Tf, nilpotent: Tensor, y: Tensor): Tensor {
    let power = tf.neg(nilpotent) as Tensor;
    let x = y;
    for (let reach = 1; reach < count; reach *= 2) {
      x = tf.add(x, tf.matMul(x as never, power as never, false, true));
      if (2 * reach < count) power = tf.matMul(power as never, power as never);
    }
    return x;
  }
}
