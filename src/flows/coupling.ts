/**
 * Coupling maps: half of the columns stay, and with the context they shape the monotone maps of the others, so that both
 * directions take one pass.
 *
 * @see Dinh, Sohl-Dickstein and Bengio (2017), https://arxiv.org/abs/1605.08803, section 3.2
 * @module
 */
import type { Tensor, Tf } from "../engine/types.js";
import { type ConditionerSize, residualConditioner } from "./conditioner.js";
import type { ColumnMap, Transform } from "./transform.js";

/**
 * The coupling form of a column map. Even turns move the last half of the columns (the larger one where their number is
 * odd), odd turns the first half. A single column is moved in every turn, by the context alone.
 */
export function coupling(
  name: string,
  map: ColumnMap,
  { count, contextDim }: { readonly count: number; readonly contextDim: number },
  turn: number,
  size: ConditionerSize,
): Transform {
  const half = Math.floor(count / 2);
  const movesLast = turn % 2 === 0 || count === 1;
  const moved = movesLast ? count - half : half;
  const columns = count - moved;
  const network = residualConditioner(name, { columns, contextDim }, map.columns(moved).length, size);

  const part = (tf: Tf, x: Tensor, from: number, width: number) =>
    tf.slice(x, [0, from], [x.shape[0], width]);
  const keptOf = (tf: Tf, x: Tensor) =>
    columns === 0 ? undefined : part(tf, x, movesLast ? 0 : moved, columns);
  const movedOf = (tf: Tf, x: Tensor) => (columns === 0 ? x : part(tf, x, movesLast ? columns : 0, moved));
  const join = (tf: Tf, kept: Tensor | undefined, rest: Tensor) =>
    kept === undefined ? rest : tf.concat(movesLast ? [kept, rest] : [rest, kept], 1);

  return {
    parameters: network.parameters,
    initialise: network.initialise,
    forward(tf, tensors, value, context) {
      const kept = keptOf(tf, value);
      const shapes = network.apply(tf, tensors, kept, context);
      const { noise, logDet } = map.forward(tf, movedOf(tf, value), shapes);
      return { noise: join(tf, kept, noise), logDet };
    },
    inverse(tf, tensors, noise, context) {
      const kept = keptOf(tf, noise);
      const shapes = network.apply(tf, tensors, kept, context);
      return join(tf, kept, map.inverse(tf, movedOf(tf, noise), shapes));
    },
  };
}
