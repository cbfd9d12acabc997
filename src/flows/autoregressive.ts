/**
 * Autoregressive maps: column `j` is moved by a monotone map whose shape depends on the columns before it and on the
 * context, so the Jacobian is triangular. Noise comes in one pass, values in V passes, all in one graph.
 *
 * @see Kingma et al. (2016), https://arxiv.org/abs/1606.04934; Papamakarios et al. (2017), https://arxiv.org/abs/1705.07057
 * @module
 */
import { type ConditionerSize, made } from "./conditioner.js";
import type { ColumnMap, Transform } from "./transform.js";

/** The autoregressive form of a column map. */
export function autoregressive(
  name: string,
  map: ColumnMap,
  dims: { readonly count: number; readonly contextDim: number },
  size: ConditionerSize,
): Transform {
  const network = made(name, dims, map.columns(dims.count), size, map.shifts?.(dims.count));
  return {
    parameters: network.parameters,
    initialise: network.initialise,
    forward: (tf, tensors, value, context) =>
      map.forward(tf, value, network.apply(tf, tensors, value, context)),
    inverse(tf, tensors, noise, context) {
      // pass j makes column j right, from columns that already are; the others wait for theirs
      let value = noise;
      for (let pass = 0; pass < dims.count; pass++) {
        value = map.inverse(tf, noise, network.apply(tf, tensors, value, context));
      }
      return value;
    },
  };
}
