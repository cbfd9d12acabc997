/**
 * The metric as all chains find it together: at the ends of Stan's windows the covariance of their draws, pooled where
 * the chains agree, else the spread within them. What the tuners of `hmc`, `nuts` and `slice` share.
 *
 * @module
 */

import type { ChainState, Population } from "../kernel.js";
import {
  type ChainMoments,
  startMoments,
  updateMoments,
  type Windows,
  windowCovariance,
  windowsOf,
} from "./adaptation.js";
import { factorOf, factorOfCovariance } from "./metric.js";

/** How the metric stands; plain data, updated in place. */
export interface PooledMetric {
  /** Factor of the inverse mass, `[D]` or `[D, D]`. */
  factor: Float64Array;
  /** Warm-up draws seen. */
  draw: number;
  readonly chains: number;
  readonly windows: Windows;
  moments: ChainMoments;
  /** Whether the last window pooled its chains. */
  pooled: boolean;
}

/** `metric` and `inverseMass` of a sampler's options. */
export interface MetricOptions {
  readonly metric?: "diagonal" | "dense";
  readonly inverseMass?: Float64Array;
}

/** Whether windows give a dense factor: as `metric` says, else as the given inverse mass is. */
export function isDense({ metric, inverseMass }: MetricOptions, dim: number): boolean {
  return metric === "dense" || (metric === undefined && !!inverseMass && inverseMass.length !== dim);
}

/** Starts from the given inverse mass, else from the covariance of the starting population. */
export function startMetric(
  { covariance, size }: Population,
  { chains, warmup }: { readonly chains: number; readonly warmup: number },
  dim: number,
  dense: boolean,
  inverseMass?: Float64Array,
): PooledMetric {
  return {
    factor: inverseMass ? factorOf(inverseMass, dim) : factorOfCovariance(covariance, size, dim, dense),
    draw: 0,
    chains,
    windows: windowsOf(warmup),
    moments: startMoments(chains, dim),
    pooled: false,
  };
}

/** Takes one draw of every chain; `true` at the end of a window, when the metric may have changed. */
export function updateMetric(state: PooledMetric, states: readonly ChainState[], dense: boolean): boolean {
  const dim = states[0].u.length;
  const { chains, windows } = state;
  if (state.draw >= windows.first) {
    updateMoments(
      state.moments,
      states.map(({ u }) => u),
    );
  }
  const isEnd = windows.ends.includes(state.draw);
  if (isEnd) {
    const window = windowCovariance(state.moments, chains, dim);
    if (window) {
      state.factor = factorOfCovariance(window.covariance, window.draws, dim, dense);
      state.pooled = window.pooled;
    }
    state.moments = startMoments(chains, dim);
  }
  state.draw++;
  return isEnd;
}
