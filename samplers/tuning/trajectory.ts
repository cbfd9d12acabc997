/**
 * How long a Hamiltonian trajectory should be. The criterion is `C / T`, where `C` is ChEES, a quarter of
 * `E[(|q' - m'|^2 - |q - m|^2)^2]` (the change of the squared distance from the centre), and `T` the mean length:
 * movement per unit of work, where plain ChEES lengthens trajectories for little gain. Its logarithm is climbed by
 *
 *     d log(C / T) / d log T = E[t change (q' - m') . v'] / C - 1,   change = |q' - m'|^2 - |q - m|^2
 *
 * with `t` the length of this trajectory, estimated over all chains once per draw. The slope is about 1 for short
 * trajectories and -1 for very long ones whatever the scale, so a fixed gain is enough. The first term is shrunk by
 * the noise that the chains show in it (James-Stein): in long trajectories it is all noise, and must not hide
 * the -1 that shortens them. Fewer than 16 chains know too little, and leave the length as it is.
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

const gain = 0.1;
const fewestChains = 16;

export function startLength(length: number): LengthAdaptation {
  return { updates: 0, logLength: Math.log(length), logLengthAverage: Math.log(length) };
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
  if (chains < fewestChains) return;
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
  let climb = 0;
  let climbSquares = 0;
  let criterion = 0;
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
    const term = acceptance[c] * stepSize * numSteps * change * outward;
    climb += term;
    climbSquares += term * term;
    criterion += acceptance[c] * 0.25 * change * change;
  }
  const noise = climbSquares - (climb * climb) / chains; // variance of the sum
  const slope = (climb / criterion) * Math.max(0, 1 - noise / (climb * climb)) - 1;
  if (!Number.isFinite(slope)) return;
  const t = ++state.updates;
  const step = gain * Math.min(2, Math.max(-2, slope));
  state.logLength = Math.min(Math.log(bounds[1]), Math.max(Math.log(bounds[0]), state.logLength + step));
  state.logLengthAverage += t ** -0.5 * (state.logLength - state.logLengthAverage);
}
