/**
 * How long a Hamiltonian trajectory should be. The criterion is `C / T`, where `C` is ChEES, a quarter of
 * `E[(|q' - m'|^2 - |q - m|^2)^2]` (the change of the squared distance from the centre), and `T` the mean length: movement
 * per unit of work. Its slope in `log T`,
 *
 *     E[t change (q' - m') . v'] - C,   change = |q' - m'|^2 - |q - m|^2,   t the length of this trajectory,
 *
 * is estimated over all chains and climbed by one Adam step per draw. Plain ChEES leaves the work out and
 * lengthens trajectories for little gain.
 *
 * @see Hoffman, Radul and Sountsov (2021), https://proceedings.mlr.press/v130/hoffman21a.html
 * @module
 */
import { whiten } from "./metric.js";

/** State of the adaptation; plain data, updated in place. */
export interface LengthAdaptation {
  updates: number;
  /** Mean length of a trajectory in units of the metric; the iterate, used during warm-up. */
  logLength: number;
  /** Its average, used after warm-up. */
  logLengthAverage: number;
  /** Adam's second moment. */
  square: number;
}

/** One chain's transition as the criterion sees it. */
export interface Transition {
  /** Where it began, and the end that was proposed; `[D]`. */
  readonly previous: Float64Array;
  readonly position: Float64Array;
  /** Whitened velocity at the proposed end, `[D]`. */
  readonly velocity: Float64Array;
  readonly stepSize: number;
  readonly numSteps: number;
}

const rate = 0.05;
const decay = 0.95;

export function startLength(length: number): LengthAdaptation {
  return { updates: 0, logLength: Math.log(length), logLengthAverage: Math.log(length), square: 0 };
}

/**
 * One update.
 *
 * @param acceptance - acceptance probability per chain, the weight of its proposal; 0 for a divergent one.
 * @param bounds - smallest and largest mean length.
 */
export function updateLength(
  state: LengthAdaptation,
  transitions: readonly Transition[],
  acceptance: readonly number[],
  factor: Float64Array,
  bounds: readonly [low: number, high: number],
): void {
  const chains = transitions.length;
  const dim = transitions[0].position.length;
  const before = new Float64Array(dim); // centre of the starts
  const after = new Float64Array(dim); // centre of the proposals
  let total = 0;
  for (let c = 0; c < chains; c++) total += acceptance[c];
  if (total < 1e-3 * chains) return; // nothing arrived: the step size has to shrink first
  for (let c = 0; c < chains; c++) {
    if (acceptance[c] === 0) continue;
    const { previous, position } = transitions[c];
    for (let i = 0; i < dim; i++) {
      before[i] += (acceptance[c] / total) * previous[i];
      after[i] += (acceptance[c] / total) * position[i];
    }
  }
  const start = new Float64Array(dim);
  const end = new Float64Array(dim);
  let slope = 0;
  for (let c = 0; c < chains; c++) {
    if (acceptance[c] === 0) continue;
    const { previous, position, velocity, stepSize, numSteps } = transitions[c];
    for (let i = 0; i < dim; i++) {
      start[i] = previous[i] - before[i];
      end[i] = position[i] - after[i];
    }
    whiten(factor, start);
    whiten(factor, end);
    let change = 0;
    let outward = 0;
    for (let i = 0; i < dim; i++) {
      change += end[i] * end[i] - start[i] * start[i];
      outward += end[i] * velocity[i];
    }
    slope += (acceptance[c] / total) * (stepSize * numSteps * change * outward - 0.25 * change * change);
  }
  if (!Number.isFinite(slope) || slope === 0) return;
  const t = ++state.updates;
  state.square = decay * state.square + (1 - decay) * slope * slope;
  const step = (rate * slope) / Math.sqrt(state.square / (1 - decay ** t));
  const low = Math.log(bounds[0]);
  const high = Math.log(bounds[1]);
  state.logLength = Math.min(high, Math.max(low, state.logLength + Math.min(0.35, Math.max(-0.35, step))));
  state.logLengthAverage += t ** -0.5 * (state.logLength - state.logLengthAverage);
}
