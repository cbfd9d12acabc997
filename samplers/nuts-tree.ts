/**
 * The trajectory of the no-U-turn sampler as plain data that grows by one leapfrog step at a time, without recursion.
 *
 * A trajectory is doubled by a subtree of as many leaves again, on a side chosen by a coin. Subtrees are binary:
 * after leaf `n` the nodes that end there are merged, as a binary counter carries, so that of the nodes to the left
 * only one per level is remembered, by its first and last velocity and the sum of its velocities: `O(D log n)` numbers.
 *
 * Two neighbouring parts `a`, `b` may be merged while all three hold, with velocities `v` in units of the metric (so
 * that `p# . rho` of the literature is `v . sum v`):
 *
 *     a.first . (a.sum + b.sum)   > 0  and  b.last . (a.sum + b.sum)    > 0
 *     a.first . (a.sum + b.first) > 0  and  b.first . (a.sum + b.first) > 0
 *     a.last  . (a.last + b.sum)  > 0  and  b.last  . (a.last + b.sum)  > 0
 *
 * The last two are Stan's: they see the turn that lies between the parts.
 *
 * @see Betancourt (2017), https://arxiv.org/abs/1701.02434, appendix A (multinomial weights, criterion)
 * @see Phan, Pradhan and Jankowiak (2019), https://arxiv.org/abs/1912.11554 (iterative trees)
 * @see Stan, `base_nuts.hpp`
 * @module
 */
import { copy } from "../src/core/linalg.js";

/** One end of a trajectory. */
export interface TrajectoryEnd {
  /** Position, velocity in units of the metric, and gradient there; `[D]`. */
  readonly u: Float64Array;
  readonly velocity: Float64Array;
  readonly gradient: Float64Array;
}

/** A growing trajectory; plain data, updated in place. */
export interface Tree {
  /** Its backward and its forward end; the one that `forward` names is moving. */
  readonly ends: readonly [backward: TrajectoryEnd, forward: TrajectoryEnd];
  forward: 0 | 1;
  /** Doublings so far, and leaves in the subtree that grows, which is full at `2^depth`. */
  depth: number;
  leaves: number;
  /** Sum of the velocities of the trajectory without the subtree, and the last on the side where that grows; `[D]`. */
  readonly sum: Float64Array;
  readonly seam: Float64Array;
  /** Of the unmerged node of each level of the subtree: first and last velocity, and their sum; `[levels, D]`. */
  readonly firsts: Float64Array;
  readonly lasts: Float64Array;
  readonly sums: Float64Array;
}

/** A tree of up to `2^levels - 1` steps. */
export function emptyTree(dim: number, levels: number): Tree {
  const array = (length = dim) => new Float64Array(length);
  const end = () => ({ u: array(), velocity: array(), gradient: array() });
  return {
    ends: [end(), end()],
    forward: 1,
    depth: 0,
    leaves: 0,
    sum: array(),
    seam: array(),
    firsts: array(levels * dim),
    lasts: array(levels * dim),
    sums: array(levels * dim),
  };
}

/** Makes a trajectory of one point from the forward end, where `u`, `velocity` and `gradient` have been written. */
export function plant(tree: Tree): void {
  const [backward, forward] = tree.ends;
  for (let i = 0; i < tree.sum.length; i++) {
    backward.u[i] = forward.u[i];
    backward.velocity[i] = forward.velocity[i];
    backward.gradient[i] = forward.gradient[i];
    tree.sum[i] = forward.velocity[i];
  }
  tree.depth = 0;
}

/** Copies a position and the gradient there. */
export function copyPoint(
  u: Float64Array,
  gradient: Float64Array,
  toU: Float64Array,
  toGradient: Float64Array,
): void {
  for (let i = 0; i < u.length; i++) {
    toU[i] = u[i];
    toGradient[i] = gradient[i];
  }
}

/** Starts a subtree at one end. */
export function startSubtree(tree: Tree, forward: 0 | 1): void {
  tree.forward = forward;
  tree.leaves = 0;
  copy(tree.ends[forward].velocity, tree.seam);
}

/** Adds the moving end as a leaf of the subtree; `false` if that turns round. */
export function addLeaf(tree: Tree): boolean {
  const { firsts, lasts, sums } = tree;
  const { velocity } = tree.ends[tree.forward];
  const dim = velocity.length;
  const leaf = tree.leaves++;
  let first = velocity; // the node that ends at this leaf: its first velocity and sum, from `at` on
  let sum = velocity;
  let at = 0;
  let level = 0;
  for (let bits = leaf; bits & 1; bits >>= 1, level++) {
    const left = level * dim;
    if (!persists(firsts, lasts, sums, left, first, velocity, sum, at)) return false;
    for (let i = 0; i < dim; i++) sums[left + i] += sum[at + i];
    first = firsts;
    sum = sums;
    at = left;
  }
  if (leaf + 1 === 1 << tree.depth && level > 0) return true; // the root stays where it is
  const slot = level * dim;
  for (let i = 0; i < dim; i++) {
    firsts[slot + i] = first[at + i];
    sums[slot + i] = sum[at + i];
    lasts[slot + i] = velocity[i];
  }
  return true;
}

/** Merges a full subtree with the trajectory; `false` if the whole turns round. */
export function mergeSubtree(tree: Tree): boolean {
  const { ends, forward, sum, seam, firsts, sums } = tree;
  const dim = sum.length;
  const root = Math.max(0, tree.depth - 1) * dim;
  const { velocity: first } = ends[1 - forward];
  const { velocity: last } = ends[forward];
  const goesOn = persists(first, seam, sum, 0, firsts, last, sums, root);
  for (let i = 0; i < dim; i++) sum[i] += sums[root + i];
  tree.depth++;
  return goesOn;
}

/** The criterion; `a` begins at offset `i0` of its arrays, `firstB` and `sumB` at `j0`, `lastB` at 0. */
function persists(
  firstA: Float64Array,
  lastA: Float64Array,
  sumA: Float64Array,
  i0: number,
  firstB: Float64Array,
  lastB: Float64Array,
  sumB: Float64Array,
  j0: number,
): boolean {
  const dim = lastB.length;
  let outerA = 0;
  let outerB = 0;
  let earlyA = 0;
  let earlyB = 0;
  let lateA = 0;
  let lateB = 0;
  for (let k = 0; k < dim; k++) {
    const i = i0 + k;
    const j = j0 + k;
    const whole = sumA[i] + sumB[j];
    const early = sumA[i] + firstB[j];
    const late = lastA[i] + sumB[j];
    outerA += firstA[i] * whole;
    outerB += lastB[k] * whole;
    earlyA += firstA[i] * early;
    earlyB += firstB[j] * early;
    lateA += lastA[i] * late;
    lateB += lastB[k] * late;
  }
  return outerA > 0 && outerB > 0 && earlyA > 0 && earlyB > 0 && lateA > 0 && lateB > 0;
}
