/**
 * Convolutions as matrix products. The windows of a channels-last image become the rows of a matrix (a
 * `Gather` of whole pixels); the convolution and its filter gradient are then two `Gemm` that share it:
 *
 *     y = patches W          dW = patches^T dy
 *
 * For the small images of this field that is about twice as fast as `Conv` forward and a dilated `Conv`
 * backward. A pixel of few channels is too small to copy one by one, so `tile` neighbouring windows share
 * one row, which reaches over all of them, and the filter is repeated along it, shifted by the stride:
 * more multiplications, but far fewer copies.
 *
 * @module
 */
import type { Graph, Value } from "../graph.js";
import { axesOf, full, reshape, type Symbolic, sizeOf, symbolic } from "../symbol.js";
import type { WindowPlan } from "./convolution.js";

const NARROW = 8; // channels below which windows are tiled
const TILE = 4;
const LARGEST = 2 ** 24; // elements of a patch matrix worth keeping for the backward pass

/** How the windows of a plan are laid out as rows. */
export interface PatchPlan {
  readonly plan: WindowPlan;
  /** Neighbouring windows in one row. */
  readonly tile: number;
  /** Columns copied at a time. */
  readonly block: number;
  /** Columns that a row reaches over. */
  readonly reach: number;
  readonly rows: number;
}

/** The layout for a plan; `undefined` where an ordinary convolution is better. */
export function patchPlan(plan: WindowPlan): PatchPlan | undefined {
  const tile = plan.inChannels >= NARROW ? 1 : TILE;
  const isDilated = plan.dilationHeight > 1 || plan.dilationWidth > 1;
  if (tile > 1 && (isDilated || plan.outWidth % tile !== 0)) return undefined;
  const block = tile === 1 ? 1 : tile * plan.strideWidth;
  const span = (tile - 1) * plan.strideWidth + plan.filterWidth;
  const reach = Math.ceil(span / block) * block;
  const rows = (plan.batchSize * plan.outHeight * plan.outWidth) / tile;
  const isLarge = rows * plan.filterHeight * reach * plan.inChannels > LARGEST;
  return isLarge ? undefined : { plan, tile, block, reach, rows };
}

/** `[rows, h * reach * channels]`: the windows of `x`. */
function patches(graph: Graph, x: Symbolic, layout: PatchPlan): Value {
  const { plan, tile, block, reach, rows } = layout;
  const { padInfo, strideHeight, strideWidth, dilationHeight, dilationWidth } = plan;
  const groups = plan.outWidth / tile;
  const height = (plan.outHeight - 1) * strideHeight + plan.effectiveFilterHeight;
  const columns = (groups - 1) * tile * strideWidth + (tile === 1 ? plan.effectiveFilterWidth : reach);
  const image = full(graph, x);
  const margins = [0, padInfo.top, padInfo.left, 0];
  const after = [0, height - plan.inHeight - padInfo.top, columns - plan.inWidth - padInfo.left, 0];
  const isPadded = [...margins, ...after].some((n) => n !== 0); // negative margins crop
  const framed = isPadded
    ? graph.op(
        "Pad",
        [image, graph.integers([...margins, ...after]), graph.scalar(0)],
        [plan.batchSize, height, columns, plan.inChannels],
      )
    : image;

  const across = columns / block;
  const cells: number[] = [];
  for (let p = 0; p < plan.outHeight; p++) {
    for (let q = 0; q < groups; q++) {
      for (let i = 0; i < plan.filterHeight; i++) {
        for (let j = 0; j < reach / block; j++) {
          const row = p * strideHeight + i * dilationHeight;
          const column = (q * tile * strideWidth) / block + j * dilationWidth;
          cells.push(row * across + column);
        }
      }
    }
  }
  const width = block * plan.inChannels;
  const pixels = reshape(graph, framed, [plan.batchSize, height * across, width]);
  const index = graph.constant("int32", [cells.length], cells);
  const taken = graph.op("Gather", [pixels, index], [plan.batchSize, cells.length, width], { axis: 1 });
  return reshape(graph, taken, [rows, plan.filterHeight * reach * plan.inChannels]);
}

/** The entry of the filter that stands at each (row, window) of the repeated filter; -1 where none does. */
function places({ plan, tile, reach }: PatchPlan): number[] {
  const found: number[] = [];
  for (let i = 0; i < plan.filterHeight; i++) {
    for (let column = 0; column < reach; column++) {
      for (let channel = 0; channel < plan.inChannels; channel++) {
        for (let window = 0; window < tile; window++) {
          const j = column - window * plan.strideWidth;
          const isInside = j >= 0 && j < plan.filterWidth;
          found.push(isInside ? (i * plan.filterWidth + j) * plan.inChannels + channel : -1);
        }
      }
    }
  }
  return found;
}

/** The convolution of `x` with `filter: [h, w, in, out]`; shape `[N, P, Q, out]`. */
export function convolveByPatches(graph: Graph, x: Symbolic, filter: Symbolic, layout: PatchPlan): Symbolic {
  const { plan, tile, rows } = layout;
  const matrix = patches(graph, x, layout);
  const entries = plan.filterHeight * plan.filterWidth * plan.inChannels;
  let weights = reshape(graph, full(graph, filter), [entries, plan.outChannels]);
  if (tile > 1) {
    const at = places(layout);
    const ends = [graph.integers([0, 0, 1, 0]), graph.scalar(0)];
    const padded = graph.op("Pad", [weights, ...ends], [entries + 1, plan.outChannels]);
    const index = graph.constant(
      "int32",
      [at.length],
      at.map((entry) => (entry < 0 ? entries : entry)),
    );
    const repeated = graph.op("Gather", [padded, index], [at.length, plan.outChannels], { axis: 0 });
    weights = reshape(graph, repeated, [at.length / tile, tile * plan.outChannels]);
  }
  const product = graph.op("Gemm", [matrix, weights], [rows, tile * plan.outChannels]);
  return symbolic(reshape(graph, product, plan.outShape));
}

/** The gradient of the convolution with respect to its filter, `[h, w, in, out]`. */
export function filterGradientByPatches(
  graph: Graph,
  x: Symbolic,
  dy: Symbolic,
  layout: PatchPlan,
): Symbolic {
  const { plan, tile, rows } = layout;
  const matrix = patches(graph, x, layout);
  const out = plan.outChannels;
  const slopes = reshape(graph, full(graph, dy), [rows, tile * out]);
  let gradient = graph.op("Gemm", [matrix, slopes], [matrix.shape[1], tile * out], { transA: 1 });
  const shape = [plan.filterHeight, plan.filterWidth, plan.inChannels, out];
  if (tile > 1) {
    const at = places(layout);
    const entries = sizeOf(shape.slice(0, 3));
    const collect = axesOf(entries).flatMap((entry) => at.map((place) => Number(place === entry)));
    const repeated = reshape(graph, gradient, [at.length, out]);
    const sums = graph.constant("float32", [entries, at.length], collect);
    gradient = graph.op("Gemm", [sums, repeated], [entries, out]);
  }
  return symbolic(reshape(graph, gradient, shape));
}
