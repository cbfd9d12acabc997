import { describe, expect, it } from "vitest";
import type { Answer, Step } from "../../samplers/kernel.js";
import { type NutsOptions, type NutsState, nuts } from "../../samplers/nuts.js";
import { addLeaf, emptyTree, mergeSubtree, plant, startSubtree } from "../../samplers/nuts-tree.js";
import { matrix } from "../../src/core/matrix.js";
import { foldIn, key, stream } from "../../src/core/random.js";
import { quartic } from "./targets.js";

async function answerAt(u: Float64Array): Promise<Answer> {
  const { logProb, gradient } = await quartic.gradient!(matrix(1, 2, u.slice()));
  return { logProb: logProb[0], gradient: gradient.data };
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const plus = (a: Float64Array, b: Float64Array) => a.map((value, i) => value + b[i]);

/** Stan's `transition` and `build_tree`, recursive, with momenta `p` and an inverse mass; sides are given. */
async function recursiveTree(
  start: { readonly u: Float64Array; readonly p: Float64Array },
  inverseMass: Float64Array,
  epsilon: number,
  sides: readonly number[],
) {
  const sharp = (p: Float64Array) => p.map((value, i) => inverseMass[i] * value);
  const energy = async ({ u, p }: typeof start) => 0.5 * dot(p, sharp(p)) - (await answerAt(u)).logProb;
  const evolve = async ({ u, p }: typeof start, step: number) => {
    const half = (await answerAt(u)).gradient.map((g, i) => p[i] + 0.5 * step * g);
    const moved = u.map((value, i) => value + step * inverseMass[i] * half[i]);
    const { gradient } = await answerAt(moved);
    return { u: moved, p: half.map((value, i) => value + 0.5 * step * gradient[i]) };
  };
  const holds = (a: Float64Array, b: Float64Array, rho: Float64Array) =>
    dot(sharp(a), rho) > 0 && dot(sharp(b), rho) > 0;
  const h0 = await energy(start);
  let steps = 0;
  let metropolis = 0;
  interface Subtree {
    readonly first: Float64Array;
    readonly last: Float64Array;
    readonly rho: Float64Array;
    readonly weight: number;
  }
  let z = start;
  async function build(depth: number, sign: number): Promise<Subtree | undefined> {
    if (depth === 0) {
      z = await evolve(z, sign * epsilon);
      steps++;
      const h = await energy(z);
      metropolis += Math.min(1, Math.exp(h0 - h));
      if (!(h - h0 <= 1000)) return undefined;
      return { first: z.p, last: z.p, rho: z.p, weight: Math.exp(h0 - h) };
    }
    const a = await build(depth - 1, sign);
    const b = a && (await build(depth - 1, sign));
    if (!a || !b) return undefined;
    const rho = plus(a.rho, b.rho);
    const persists =
      holds(a.first, b.last, rho) &&
      holds(a.first, b.first, plus(a.rho, b.first)) &&
      holds(a.last, b.last, plus(b.rho, a.last));
    return persists ? { first: a.first, last: b.last, rho, weight: a.weight + b.weight } : undefined;
  }
  const ends = [start, start];
  let [rho, depth, weight] = [start.p, 0, 1];
  for (const side of sides) {
    z = ends[side];
    const seam = z.p;
    const subtree = await build(depth, side ? 1 : -1);
    ends[side] = z;
    if (!subtree) break;
    depth++;
    weight += subtree.weight;
    const far = ends[1 - side].p;
    const goesOn =
      holds(far, subtree.last, plus(rho, subtree.rho)) &&
      holds(far, subtree.first, plus(rho, subtree.first)) &&
      holds(seam, subtree.last, plus(subtree.rho, seam));
    rho = plus(rho, subtree.rho);
    if (!goesOn) break;
  }
  return { depth, steps, weight, acceptanceRate: metropolis / steps };
}

/** One draw of the kernel from (0.7, -0.4), with the sides it tossed and what the step before the last knew. */
async function oneDraw(options: NutsOptions, draw: number) {
  const { kernel, tuner } = nuts(quartic, options);
  const tuning = tuner.start({ covariance: new Float64Array(4), size: 1 }, { chains: 1, warmup: 0 });
  const start = Float64Array.of(0.7, -0.4);
  let step: Step<NutsState> = kernel.init(start.slice(), key(3), 0);
  step = kernel.step(step.state, await answerAt(start), tuning);
  step.state.draw = draw;
  step = kernel.begin(step.state, tuning, []);
  const velocity = stream(foldIn(key(3), draw)).normals(2);
  const sides: number[] = [];
  const errors: number[] = [];
  while (step.request) {
    const { tree } = step.state;
    if (tree.leaves === 0) sides[tree.depth] = tree.forward;
    step = kernel.step(step.state, await answerAt(tree.ends[tree.forward].u), tuning);
    errors.push(step.state.energy - step.state.initialEnergy);
  }
  return { start, velocity, sides, errors, state: step.state, info: step.info! };
}

describe("the tree", () => {
  it("is the recursive one of Stan, whatever the metric and the step size", async () => {
    const depths = new Set<number>();
    for (let draw = 0; draw < 60; draw++) {
      const stepSize = [0.02, 0.1, 0.4, 1.2][draw % 4];
      const inverseMass = Float64Array.of(0.5, 2);
      const { start, velocity, sides, state, info } = await oneDraw({ stepSize, inverseMass }, draw);
      const p = velocity.map((v, i) => v / Math.sqrt(inverseMass[i]));
      const want = await recursiveTree({ u: start, p }, inverseMass, stepSize, sides);
      expect(info).toMatchObject({ treeDepth: want.depth, numSteps: want.steps, stepSize });
      expect(info.acceptanceRate).toBeCloseTo(want.acceptanceRate, 9);
      expect(Math.exp(state.logWeight)).toBeCloseTo(want.weight, 8);
      depths.add(want.depth);
    }
    expect(depths.size).toBeGreaterThan(4);
  });

  it("keeps the energy, up to the square of the step size", async () => {
    const largest = async (stepSize: number) => {
      const inverseMass = Float64Array.of(1, 1);
      const all: number[] = [];
      for (let draw = 0; draw < 5; draw++) {
        all.push(...(await oneDraw({ stepSize, inverseMass, maxTreeDepth: 12 }, draw)).errors);
      }
      return Math.max(...all.map(Math.abs));
    };
    const [coarse, fine] = [await largest(0.04), await largest(0.01)];
    expect(coarse).toBeLessThan(0.01);
    expect(fine).toBeLessThan(coarse / 4); // a sixteenth at the same point; the largest over other points
  });

  it.each([0, 1] as const)("turns on a circle when it spans half of it, on side %s", (side) => {
    for (const angle of [0.02, 0.1, 0.3, 0.7, 1.5]) {
      const tree = emptyTree(2, 10);
      const moveTo = (step: number, end: 0 | 1) => {
        const phase = (end ? 1 : -1) * step * angle;
        tree.ends[end].velocity.set([Math.cos(phase), Math.sin(phase)]);
      };
      moveTo(0, 1);
      plant(tree);
      let [step, goesOn] = [0, true];
      while (goesOn) {
        startSubtree(tree, side);
        for (let leaf = 0; leaf < 2 ** tree.depth && goesOn; leaf++) {
          moveTo(++step, side);
          goesOn = addLeaf(tree);
        }
        if (goesOn) goesOn = mergeSubtree(tree);
      }
      // of 2^depth points the outermost are (2^depth - 1) angle apart; at least half a circle, and for the first time
      expect((2 ** tree.depth - 1) * angle).toBeGreaterThanOrEqual(Math.PI);
      expect((2 ** (tree.depth - 1) - 1) * angle).toBeLessThan(Math.PI);
    }
  });

  it("has no more than 2^maxTreeDepth - 1 steps", async () => {
    const { info } = await oneDraw({ stepSize: 1e-4, maxTreeDepth: 3 }, 0);
    expect(info).toMatchObject({ treeDepth: 3, numSteps: 7, diverging: 0 });
  });
});
