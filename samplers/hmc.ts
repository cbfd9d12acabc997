/**
 * Hamiltonian Monte Carlo, one chain as a state machine.
 *
 * A draw follows `du/dt = L v, dv/dt = L' g(u)` from a fresh `v ~ N(0, I)` by leapfrog steps
 *
 *     v += eps/2 L' g(u);   u += eps L v;   v += eps/2 L' g(u)
 *
 * and accepts its end with probability `min(1, exp(H0 - H))`, `H = -logProb + |v|^2 / 2`. `L L' = M^-1` is
 * the inverse mass matrix. The length of the trajectory varies from draw to draw over `(0, 2 T)` by the base-2
 * van der Corput sequence, alike for all chains, so that none of them waits and none resonates. Trajectories that reach
 * numbers that are not finite, or `H - H0 > 1000`, are divergent: they end there and are rejected.
 *
 * Warm-up tunes, with all chains together: the step size by dual averaging on the mean acceptance probability
 * of the chains; `T` by ChEES; the inverse mass at the ends of Stan's windows from the draws of all
 * chains where they agree, else from the spread within chains. It starts from the covariance of the starting
 * population. Afterwards everything is frozen.
 *
 * @see Neal (2011), MCMC using Hamiltonian dynamics, https://arxiv.org/abs/1206.1901
 * @see Hoffman, Radul and Sountsov (2021), https://proceedings.mlr.press/v130/hoffman21a.html (ChEES)
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { copy } from "../src/core/linalg.js";
import { foldIn, type Key, stream } from "../src/core/random.js";
import { checkHmcOptions, type HmcOptions, type HmcTuning } from "./hmc-options.js";
import type { Answer, ChainState, Kernel, Sampler, Step } from "./kernel.js";
import { checkGradient } from "./target.js";
import { hmcTuner } from "./tuning/hmc-tuner.js";
import { drift, kick } from "./tuning/metric.js";

export type { HmcOptions, HmcTuning } from "./hmc-options.js";

/** What a chain needs to go on, in the middle of a trajectory too. */
export interface HmcState extends ChainState {
  logProb: number;
  draw: number;
  /** Gradient at `u`, `[D]`. */
  readonly gradient: Float64Array;
  /** Where the last draw began, `[D]`. */
  readonly previous: Float64Array;
  /** The moving point, its velocity in units of the metric, and `L v`; `[D]`. */
  readonly position: Float64Array;
  readonly velocity: Float64Array;
  readonly motion: Float64Array;
  /** Of this trajectory: step size, steps in all and steps to go, energy at its start. */
  stepSize: number;
  numSteps: number;
  stepsLeft: number;
  energy: number;
  /** `log` of the uniform that decides. */
  logUniform: number;
}

/** Energy error above which a trajectory is divergent; Stan's value. */
const maxEnergyError = 1000;

/**
 * Builds a Hamiltonian Monte Carlo sampler for `sample`. The defaults suit many chains (32 or more) started
 * by resampling from the prior; with few chains and correlated parameters choose `metric: "dense"`.
 *
 * @param target - must have a `gradient`.
 * @throws {TypeError} if the target is no log density or has no gradient.
 * @throws {RangeError} for an option out of range.
 * @example
 * const draws = await sample(hmc(target), { chains: 100, warmup: 200, draws: 100, seed: "hello" });
 */
export function hmc(target: LogDensity, options: HmcOptions = {}): Sampler<HmcState, HmcTuning> {
  checkGradient("hmc", target);
  checkHmcOptions(options, target.dim);
  return {
    name: "hmc",
    target,
    kernel: new Hamiltonian(target.dim, options.numSteps, options.maxSteps ?? 256),
    tuner: hmcTuner(target.dim, options),
    options: { ...options },
  };
}

// A class, because closures would be compiled anew for every sampler.
class Hamiltonian implements Kernel<HmcState, HmcTuning> {
  readonly stats = ["acceptanceRate", "diverging", "energy", "numSteps"];

  constructor(
    private readonly dim: number,
    private readonly numSteps: number | undefined,
    private readonly maxSteps: number,
  ) {}

  init(u: Float64Array, key: Key): Step<HmcState> {
    const dim = this.dim;
    const state = {
      u,
      logProb: Number.NaN,
      draw: -1,
      key,
      gradient: new Float64Array(dim),
      previous: u.slice(),
      position: u.slice(),
      velocity: new Float64Array(dim),
      motion: new Float64Array(dim),
      stepSize: 0,
      numSteps: 0,
      stepsLeft: 0,
      energy: Number.NaN,
      logUniform: 0,
    };
    return { state, request: { gradient: u } };
  }

  begin(state: HmcState, { factor, stepSize, trajectoryLength }: HmcTuning): Step<HmcState> {
    const { u, velocity, motion, position, gradient } = state;
    const rng = stream(foldIn(state.key, state.draw)); // the same draw always sees the same numbers
    rng.fillNormals(velocity);
    let kinetic = 0;
    for (let i = 0; i < velocity.length; i++) kinetic += 0.5 * velocity[i] * velocity[i];
    state.logUniform = Math.log(1 - rng.uniform());
    state.energy = kinetic - state.logProb;
    const jitter = vanDerCorput(state.draw + 1);
    if (this.numSteps !== undefined) {
      state.stepSize = stepSize * (0.9 + 0.2 * jitter);
      state.numSteps = this.numSteps;
    } else {
      state.stepSize = stepSize;
      state.numSteps = Math.min(this.maxSteps, Math.ceil((2 * jitter * trajectoryLength) / stepSize));
    }
    state.stepsLeft = state.numSteps;
    drift(factor, gradient, state.stepSize, velocity, motion, u, position);
    return { state, request: { gradient: position } };
  }

  step(state: HmcState, { logProb, gradient }: Answer, { factor }: HmcTuning): Step<HmcState> {
    if (state.draw < 0) {
      // the answer is for the starting point
      state.logProb = logProb;
      copy(gradient, state.gradient);
      state.draw = 0;
      return { state };
    }
    const { velocity, motion, position, stepSize } = state;
    state.stepsLeft--;
    const kinetic = kick(factor, gradient, 0.5 * stepSize, velocity);
    const error = kinetic - logProb - state.energy;
    if (!(error <= maxEnergyError)) return finish(state, false, state.energy, 0, 1); // NaN diverges
    if (state.stepsLeft > 0) {
      drift(factor, gradient, stepSize, velocity, motion, position, position);
      return { state, request: { gradient: position } };
    }
    const accepted = state.logUniform < -error;
    if (accepted) {
      state.logProb = logProb;
      copy(gradient, state.gradient);
    }
    return finish(state, accepted, state.energy + error, Math.min(1, Math.exp(-error)), 0);
  }
}

/** The end of a trajectory; a rejected or divergent one stays at `u`. */
function finish(
  state: HmcState,
  accepted: boolean,
  energy: number,
  acceptanceRate: number,
  diverging: number,
): Step<HmcState> {
  const { u, previous, position } = state;
  for (let i = 0; i < u.length; i++) {
    previous[i] = u[i];
    if (accepted) u[i] = position[i];
  }
  state.draw++;
  const numSteps = state.numSteps - state.stepsLeft;
  return { state, info: { acceptanceRate, diverging, energy: accepted ? energy : state.energy, numSteps } };
}

/** The base-2 radical inverse of `n >= 1`, below 2^32, in `(0, 1)`: evenly spread for every stretch of draws. */
export function vanDerCorput(n: number): number {
  let bits = n; // of 32, in reverse order: halves are swapped, then quarters, and so on
  bits = (bits >>> 16) | (bits << 16);
  bits = ((bits >>> 8) & 0x00ff00ff) | ((bits & 0x00ff00ff) << 8);
  bits = ((bits >>> 4) & 0x0f0f0f0f) | ((bits & 0x0f0f0f0f) << 4);
  bits = ((bits >>> 2) & 0x33333333) | ((bits & 0x33333333) << 2);
  bits = ((bits >>> 1) & 0x55555555) | ((bits & 0x55555555) << 1);
  return (bits >>> 0) * 2 ** -32;
}
