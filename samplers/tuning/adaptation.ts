/**
 * What warm-up of gradient samplers is made of: dual averaging of the step size, Stan's windows, and the
 * moments of all chains within a window. Every state is plain data and is updated in place.
 *
 * @see Hoffman and Gelman (2014), https://jmlr.org/papers/v15/hoffman14a.html, section 3.2 (dual averaging)
 * @see Stan Reference Manual, HMC algorithm parameters (windows, regularisation)
 * @module
 */

/** Dual averaging of the logarithm of the step size. */
export interface DualAveraging {
  /**
   * Where the iterates are drawn to. Stan draws them to ten times the start, to make one chain try large steps; many
   * chains know their acceptance well enough, the excursion would cost each window ten draws, and it is the start.
   */
  centre: number;
  updates: number;
  /** Running mean of `target - acceptance`. */
  shortfall: number;
  /** The iterate, used during warm-up, and the average, used after it. */
  logStep: number;
  logStepAverage: number;
}

/** Starts (or, at the end of a window, restarts) dual averaging from a step size. */
export function startDualAveraging(stepSize: number, centre = stepSize): DualAveraging {
  const logStep = Math.log(stepSize);
  return { centre: Math.log(centre), updates: 0, shortfall: 0, logStep, logStepAverage: logStep };
}

/**
 * One update with Stan's constants `t0 = 10` and `kappa = 0.75`.
 *
 * @param gamma - Stan's is 0.05. Default 0.2: the mean over chains is less noisy than one chain, and smaller swings leave
 *   an average closer to the solution.
 */
export function updateDualAveraging(
  state: DualAveraging,
  acceptance: number,
  target: number,
  gamma = 0.2,
): void {
  const t = ++state.updates;
  const eta = 1 / (t + 10);
  state.shortfall += eta * (target - Math.min(1, acceptance) - state.shortfall);
  state.logStep = state.centre - (state.shortfall * Math.sqrt(t)) / gamma;
  state.logStepAverage += t ** -0.75 * (state.logStep - state.logStepAverage);
}

/** The draws, counted from 0, after which the metric is updated, and the first draw that counts. */
export interface Windows {
  readonly first: number;
  readonly ends: readonly number[];
}

/**
 * Stan's windows: 75 draws to arrive, windows of 25, 50, 100 ... draws for the metric, 50 draws for the step
 * size; in short warm-ups 15 %, 75 % and 10 %; none below 20 draws.
 */
export function windowsOf(warmup: number): Windows {
  if (warmup < 20) return { first: warmup, ends: [] };
  if (warmup < 150) {
    const first = Math.floor(0.15 * warmup);
    return { first, ends: [warmup - Math.floor(0.1 * warmup) - 1] };
  }
  const first = 75;
  const last = warmup - 50 - 1;
  let size = 25;
  const ends = [first + size - 1];
  for (let end = ends[0]; end < last; ) {
    size *= 2;
    // a window that would leave less than the one after it takes the rest
    end = end + size + 2 * size > last ? last : end + size;
    ends.push(end);
  }
  return { first, ends };
}

/** Moments of all chains within a window. */
export interface ChainMoments {
  draws: number;
  /** Means per chain, `[C, D]`. */
  readonly means: Float64Array;
  /** Sum over chains of the scatter about each chain's own mean, `[D, D]`. */
  readonly within: Float64Array;
}

export function startMoments(chains: number, dim: number): ChainMoments {
  return { draws: 0, means: new Float64Array(chains * dim), within: new Float64Array(dim * dim) };
}

/** Welford's update with one draw per chain. */
export function updateMoments(moments: ChainMoments, points: readonly Float64Array[]): void {
  const { means, within } = moments;
  const t = ++moments.draws;
  points.forEach((u, c) => {
    const dim = u.length;
    for (let i = 0; i < dim; i++) {
      const before = u[i] - means[c * dim + i];
      means[c * dim + i] += before / t;
      const factor = (before * (t - 1)) / t;
      // entry j <= i uses the old distance of i and the new distance of j, which differ by (t - 1) / t
      for (let j = 0; j < i; j++) within[i * dim + j] += before * (u[j] - means[c * dim + j]);
      within[i * dim + i] += before * factor;
    }
  });
}

/** A covariance and the number of draws it stands for. */
export interface WindowCovariance {
  /** `[D, D]`. */
  readonly covariance: Float64Array;
  readonly draws: number;
  /** Whether the chains agreed (R-hat of the window below 1.2 in every coordinate) and were pooled. */
  readonly pooled: boolean;
}

/**
 * The covariance of a window: of all draws where the chains agree, else about each chain's own mean. Chains
 * that have not arrived, or sit in different modes, would otherwise make a metric as wide as their distance.
 *
 * @returns `undefined` while there are fewer than two draws.
 */
export function windowCovariance(
  moments: ChainMoments,
  chains: number,
  dim: number,
): WindowCovariance | undefined {
  const { draws: n, means, within } = moments;
  if (n < 2) return undefined;
  const between = new Float64Array(dim * dim); // covariance of the chain means
  const centre = new Float64Array(dim);
  for (let c = 0; c < chains; c++) for (let i = 0; i < dim; i++) centre[i] += means[c * dim + i] / chains;
  for (let c = 0; c < chains && chains > 1; c++) {
    for (let i = 0; i < dim; i++) {
      for (let j = 0; j <= i; j++) {
        between[i * dim + j] +=
          ((means[c * dim + i] - centre[i]) * (means[c * dim + j] - centre[j])) / (chains - 1);
      }
    }
  }
  const own = (k: number) => within[k] / (chains * (n - 1));
  let pooled = chains > 1;
  for (let i = 0; i < dim; i++) {
    const k = i * dim + i;
    if (between[k] / own(k) + (n - 1) / n > 1.2 ** 2) pooled = false;
  }
  const covariance = new Float64Array(dim * dim);
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j <= i; j++) {
      const k = i * dim + j;
      covariance[k] = covariance[j * dim + i] = pooled ? ((n - 1) / n) * own(k) + between[k] : own(k);
    }
  }
  return { covariance, draws: pooled ? chains * n : chains * (n - 1), pooled };
}
