/**
 * Networks that shape the maps of a flow: from columns and a context to the numbers that a `ColumnMap` takes.
 *
 * Their last layer starts a tenth as large as a layer otherwise does, so that a flow starts near the identity.
 *
 * @module
 */
import type { Key } from "../core/random.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "../engine/types.js";
import { type Activation, activation } from "../nets/activations.js";
import { dense, denseParameters, fanInsOf, initialiseUniform } from "../nets/dense.js";
import { type Trunk, trunk } from "../nets/trunk.js";

/** A network that shapes maps. */
export interface Conditioner {
  readonly parameters: readonly ParameterSpec[];
  /** Packed initial parameters, `[P]`. */
  initialise(key: Key): Float32Array;
  /** `columns: [B, n]` (none where `n` is zero) and `context: [B, C]` to `[B, outputs]`. */
  apply(tf: Tf, parameters: Tensors, columns: Tensor | undefined, context: Tensor): Tensor;
}

/** Size of a conditioner. */
export interface ConditionerSize {
  /** Units of a hidden layer. */
  readonly width: number;
  /** Blocks behind the first hidden layer: residual ones of two layers in a coupling, one masked layer each in MADE. */
  readonly blocks: number;
  readonly activation: Activation;
  /** Whether the shifts of a masked network see columns and context along straight lines, too. Default `false`. */
  readonly direct?: boolean;
  /** Units that each output of a masked network has for itself, which see the context alone. Default 0. */
  readonly own?: number;
}

/** A residual network of all that it is given. */
export function residualConditioner(
  name: string,
  inputs: { readonly columns: number; readonly contextDim: number },
  outputs: number,
  { width, blocks, activation }: ConditionerSize,
): Conditioner {
  const body: Trunk = trunk({ kind: "residual", width, blocks, activation }, outputs, "flow");
  const fanIn = inputs.columns + inputs.contextDim;
  const parameters = [
    ...denseParameters(`${name}.in`, fanIn, width),
    ...body.parameters.map((each) => ({ ...each, name: `${name}.${each.name}` })),
  ];
  return {
    parameters,
    initialise: (key) => initialiseSmall(parameters, `${name}.out`, width, key),
    apply(tf, tensors, columns, context) {
      const all = columns === undefined ? context : tf.concat([columns, context], 1);
      const own = Object.fromEntries(
        body.parameters.map((each) => [each.name, tensors[`${name}.${each.name}`]]),
      );
      return body.apply(tf, own, dense(tf, tensors, `${name}.in`, all));
    },
  };
}

/**
 * MADE: masks make output `j` depend on the columns before `columns[j]` only, and on all of the context. Hidden units
 * have degrees 0 to V - 1 in turn and see columns 1 to their degree; those of degree 0 tell the first column of the context.
 * Where there are fewer units than columns, degrees are spread evenly; there a column that depends on the context shares its
 * few units with all others, and where those have more to gain it learns little. Units of its own, `size.own`, keep it free.
 *
 * @param count - columns, V.
 * @param columns - the column, 0-based, that each output belongs to.
 * @param shifts - the last so many outputs are shifts, which `size.direct` gives direct connections: what depends on the
 *   context along straight lines need not be learned by a deep network.
 * @see Germain et al. (2015), https://arxiv.org/abs/1502.03509, equations 8 and 9, and section 4.1 (direct connections)
 */
export function made(
  name: string,
  { count, contextDim }: { readonly count: number; readonly contextDim: number },
  columns: readonly number[],
  size: ConditionerSize,
  shifts = 0,
): Conditioner {
  const act = activation(size.activation);
  const { width, blocks, direct, own: ownUnits = 0 } = size;
  const degrees = Array.from({ length: width }, (_, i) =>
    width < count ? Math.floor((i * count) / width) : i % count,
  );
  const inputDegrees = Array.from({ length: count }, (_, i) => i + 1);
  const layers = [
    { name: `${name}.in`, mask: maskOf(inputDegrees, degrees) },
    ...Array.from({ length: blocks }, (_, i) => ({
      name: `${name}.layer${i + 1}`,
      mask: maskOf(degrees, degrees),
    })),
    // an output of column j sees degrees up to j, the columns before it
    { name: `${name}.out`, mask: maskOf(degrees, columns) },
  ];
  const straight =
    direct && shifts > 0 ? directConnections(name, inputDegrees, columns, shifts, contextDim) : undefined;
  const own = ownUnits > 0 ? ownConnections(name, columns.length, contextDim, ownUnits, act) : undefined;
  const parameters = [
    { name: `${name}.context`, shape: [contextDim, width] },
    ...(straight?.parameters ?? []),
    ...(own?.parameters ?? []),
    ...layers.flatMap(({ name, mask }) => denseParameters(name, mask.length, mask[0].length)),
  ];
  const first = count + contextDim;
  const fanIns = {
    ...Object.fromEntries((straight?.parameters ?? []).map((each) => [each.name, 100 * first])), // small, as the last layer
    ...own?.fanIns,
    [`${name}.context`]: first,
    [`${name}.in.weight`]: first,
    [`${name}.in.bias`]: first,
  };
  return {
    parameters,
    initialise: (key) => initialiseSmall(parameters, `${name}.out`, width, key, fanIns),
    apply(tf, tensors, value, context) {
      const deep = layers.reduce<Tensor>((h, { name: layer, mask }, i) => {
        const masked = tf.mul(tensors[`${layer}.weight`], tf.tensor2d(mask));
        const product = tf.add(tf.matMul(h as never, masked as never), tensors[`${layer}.bias`]);
        if (i > 0) return i + 1 < layers.length ? act(tf, product) : product;
        const shift = tf.matMul(context as never, tensors[`${name}.context`] as never);
        return act(tf, tf.add(product, shift));
      }, value!);
      const most = straight ? tf.add(deep, straight.apply(tf, tensors, value!, context)) : deep;
      return own ? tf.add(most, own.apply(tf, tensors, context)) : most;
    },
  };
}

/** Masked linear maps from columns and context to the last `shifts` outputs; the others get zeros. */
function directConnections(
  name: string,
  inputDegrees: readonly number[],
  columns: readonly number[],
  shifts: number,
  contextDim: number,
): Pick<Conditioner, "parameters"> & {
  apply(tf: Tf, tensors: Tensors, columns: Tensor, context: Tensor): Tensor;
} {
  const rest = columns.length - shifts;
  const mask = maskOf(inputDegrees, columns.slice(rest));
  const [own, ofContext] = [`${name}.direct`, `${name}.direct.context`];
  return {
    parameters: [
      { name: own, shape: [inputDegrees.length, shifts] },
      { name: ofContext, shape: [contextDim, shifts] },
    ],
    apply(tf, tensors, value, context) {
      const masked = tf.mul(tensors[own], tf.tensor2d(mask));
      const sum = tf.add(
        tf.matMul(value as never, masked as never),
        tf.matMul(context as never, tensors[ofContext] as never),
      );
      return tf.pad(sum, [
        [0, 0],
        [rest, 0],
      ]);
    },
  };
}

/** One hidden layer of the context for each output, `units` wide, that starts small. */
function ownConnections(
  name: string,
  outputs: number,
  contextDim: number,
  units: number,
  act: ReturnType<typeof activation>,
): Pick<Conditioner, "parameters"> & {
  readonly fanIns: Readonly<Record<string, number>>;
  apply(tf: Tf, tensors: Tensors, context: Tensor): Tensor;
} {
  const [inner, outer] = [`${name}.own`, `${name}.own.out`];
  return {
    parameters: [
      ...denseParameters(inner, contextDim, outputs * units),
      { name: outer, shape: [outputs, units] },
    ],
    fanIns: { [outer]: 100 * units },
    apply(tf, tensors, context) {
      const hidden = act(tf, dense(tf, tensors, inner, context));
      const byOutput = tf.reshape(hidden, [context.shape[0], outputs, units]);
      return tf.sum(tf.mul(byOutput, tensors[outer]), 2);
    },
  };
}

/** Ones where a unit of degree `to[j]` may see one of degree `from[i]`: `[from, to]`. */
const maskOf = (from: readonly number[], to: readonly number[]): number[][] =>
  from.map((a) => to.map((b) => Number(b >= a)));

/** Layers as `initialiseUniform` starts them, but for the one called `last`, a tenth of that. */
function initialiseSmall(
  parameters: readonly ParameterSpec[],
  last: string,
  width: number,
  key: Key,
  known: Readonly<Record<string, number>> = {},
): Float32Array {
  const small = { [`${last}.weight`]: 100 * width, [`${last}.bias`]: 100 * width };
  return initialiseUniform(parameters, fanInsOf(parameters, { ...known, ...small }), key);
}
