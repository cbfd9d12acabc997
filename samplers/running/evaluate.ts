/**
 * Answers the requests of many chains by one call of the target: maps the points to `theta`, adds
 * `log |det J|`, pulls gradients back to unconstrained space.
 *
 * @module
 */
import type { LogDensity } from "../../src/core/contracts.js";
import { ShapeError } from "../../src/core/errors.js";
import { type Matrix, row } from "../../src/core/matrix.js";
import type { Answer, Request } from "../kernel.js";

/** What the calls amounted to; plain data. */
export interface EvaluationCounts {
  /** Calls of the target, and rows in them. */
  calls: number;
  rows: number;
  /** Rows whose log density was `-Infinity` (outside the support). */
  outside: number;
  /** Rows whose log density or gradient was `NaN` or infinite otherwise, or whose point was; no chain moves there. */
  nonFinite: number;
}

/** Evaluates `requests[c]` of every chain `c` that has one, and passes the answers on. */
export type Evaluate = (
  requests: readonly (Request | undefined)[],
  deliver: (chain: number, answer: Answer) => void,
) => Promise<void>;

/**
 * Makes the function that the scheduler calls once per round. Buffers are kept between calls, so the target
 * must not hold on to the matrix that it is given.
 *
 * @param chains - the number of requests in a round.
 * @param counts - updated by every call.
 * @param maxBatch - the most rows that the target is given at once. Default no limit.
 */
export function evaluator(
  target: LogDensity,
  chains: number,
  counts: EvaluationCounts,
  maxBatch = Number.MAX_SAFE_INTEGER,
): Evaluate {
  const { dim, support } = target;
  let buffer = rowBuffer(Math.min(chains, maxBatch), dim);
  const thetaGradient = new Float64Array(dim);
  const answer: { logProb: number; gradient: Float64Array; logProbs?: Float64Array } = {
    logProb: 0,
    gradient: new Float64Array(dim),
  };
  const places: Place[] = [];
  const asked: Place[] = [];
  /** Answers so far to chains that asked for several points, and how many are missing. */
  const several = new Map<number, { readonly values: Float64Array; missing: number }>();

  /** Passes an answer on, once all points of the chain's request have theirs. */
  function settle({ chain, number, of }: Place, deliver: (chain: number, answer: Answer) => void): void {
    if (of === 1) {
      answer.logProbs = undefined;
      deliver(chain, answer);
      return;
    }
    const part = several.get(chain) ?? { values: new Float64Array(of), missing: of };
    several.set(chain, part);
    part.values[number] = answer.logProb;
    part.missing--;
    if (part.missing > 0) return;
    several.delete(chain);
    answer.logProb = part.values[0];
    answer.logProbs = part.values;
    deliver(chain, answer);
  }

  async function evaluateKind(
    kind: "logProb" | "gradient",
    waiting: readonly (Request | undefined)[],
    deliver: (chain: number, answer: Answer) => void,
  ) {
    let size = 0;
    for (let chain = 0; chain < waiting.length; chain++) {
      const request = waiting[chain];
      if (request === undefined || !(kind in request)) continue;
      const points = "gradient" in request ? request.gradient : request.logProb;
      const of = points.length / dim;
      for (let number = 0; number < of; number++) {
        const place = (places[size++] ??= { chain, number, of, u: points }); // kept for the next round
        place.chain = chain;
        place.number = number;
        place.of = of;
        place.u = of === 1 ? points : points.subarray(number * dim, (number + 1) * dim);
      }
    }
    const capacity = Math.min(size, maxBatch);
    if (capacity > buffer.theta.rows) buffer = rowBuffer(capacity, dim);
    const { theta, rows } = buffer;
    let next = 0;
    while (next < size) {
      let n = 0;
      for (; next < size && n < capacity; next++) {
        support.toConstrained(places[next].u, rows[n]);
        if (allFinite(rows[n])) {
          asked[n++] = places[next];
        } else {
          // a trajectory that left the numbers: nothing to ask the target
          counts.nonFinite++;
          answer.logProb = Number.NaN;
          answer.gradient.fill(Number.NaN);
          settle(places[next], deliver);
        }
      }
      if (n === 0) continue;
      const batch = n === theta.rows ? theta : { data: theta.data.subarray(0, n * dim), rows: n, cols: dim };
      counts.calls++;
      counts.rows += n;
      const { logProb, gradient } =
        kind === "gradient" ? await target.gradient!(batch) : { logProb: await target.logProb(batch) };
      checkShapes(target, n, logProb, gradient);
      for (let i = 0; i < n; i++) {
        const { u } = asked[i];
        // at an infinite density, as at the edge of a beta prior, a chain would stay for ever
        answer.logProb = logProb[i] === Infinity ? Number.NaN : logProb[i] + support.logDet(u);
        if (gradient) {
          for (let j = 0; j < dim; j++) thetaGradient[j] = gradient.data[i * dim + j];
          support.pullback(u, thetaGradient, answer.gradient);
        }
        if (logProb[i] === -Infinity) counts.outside++;
        else if (!Number.isFinite(answer.logProb) || (gradient && !allFinite(answer.gradient))) {
          counts.nonFinite++;
        }
        settle(asked[i], deliver);
      }
    }
  }

  return async (requests, deliver) => {
    const waiting = requests.slice(); // delivering an answer puts the next request in its place
    let values = false;
    let gradients = false;
    for (const request of waiting) {
      if (request === undefined) continue;
      if ("gradient" in request) gradients = true;
      else values = true;
    }
    if (values) await evaluateKind("logProb", waiting, deliver);
    if (gradients) await evaluateKind("gradient", waiting, deliver);
  };
}

/** Point `number` of a chain's request for `of` points. */
interface Place {
  chain: number;
  number: number;
  of: number;
  u: Float64Array;
}

/** Room for a batch, and its rows. */
function rowBuffer(capacity: number, dim: number): { readonly theta: Matrix; readonly rows: Float64Array[] } {
  const theta: Matrix = { data: new Float64Array(capacity * dim), rows: capacity, cols: dim };
  return { theta, rows: Array.from({ length: capacity }, (_, i) => row(theta, i)) };
}

function allFinite(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

function checkShapes(target: LogDensity, n: number, logProb: Float64Array, gradient?: Matrix): void {
  if (logProb?.length !== n) {
    throw new ShapeError(`sample: target gave ${logProb?.length} log densities for ${n} rows of theta.`);
  }
  if (gradient && gradient.data.length !== n * target.dim) {
    throw new ShapeError(
      `sample: target gave a gradient [${gradient.rows}, ${gradient.cols}] for theta [${n}, ${target.dim}].`,
    );
  }
}
