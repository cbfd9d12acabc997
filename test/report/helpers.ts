/** Synthetic data for the figure tests: a small generator, so that tests of drawing need no sampler. */
import type { Draws } from "../../samplers/draws.js";

/** Standard normal draws from a fixed linear congruential stream (mulberry32 and Box-Muller). */
export function normals(n: number, seed = 1): Float64Array {
  let state = seed | 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  return Float64Array.from(
    { length: n },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

/** Independent standard normal draws in the shape of a sampler run. */
export function normalDraws(chains: number, draws: number, names: readonly string[]): Draws {
  return {
    names,
    chains,
    draws,
    values: normals(chains * draws * names.length),
    stats: {},
    warmup: {},
    run: {},
  };
}

/** Two curves, one of them a point, beside two published ones. */
export const accuracy = {
  x: { label: "simulations" },
  y: { label: "C2ST" },
  curves: [
    {
      label: "aalr",
      points: [
        { x: 100_000, y: 0.55, error: 0.01 },
        { x: 1000, y: 0.8, error: 0.05 },
        { x: 10_000, y: 0.6, error: NaN },
      ],
    },
    { label: "abc-4", points: [{ x: 1000, y: 0.9 }] },
  ],
  references: [
    {
      label: "NRE",
      points: [
        { x: 1000, y: 0.97 },
        { x: 100_000, y: 0.92 },
      ],
    },
    { label: "NPE", points: [{ x: 100_000, y: 0.919 }] },
  ],
  include: [0.5],
};
