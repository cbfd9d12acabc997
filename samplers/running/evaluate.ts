/**
 * Answers the requests of many chains by one call of the target: maps the points to `theta`, adds
 * `log |det J|`, pulls gradients back to unconstrained space.
 *
 * @module
 */
import type { LogDensity } from "../../src/core/contracts.js";
import { ShapeError } from "../../src/core/errors.js";
import { type Matrix, matrix, sliceRows } from "../../src/core/matrix.js";
import { type RowMap, rowMap } from "../../src/core/row-map.js";
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

/** Takes the answers. */
export interface Receiver {
  /** The answer to the request of a chain; it is overwritten by the next one. */
  deliver(chain: number, answer: Answer): void;
}

/** Point `number` of a chain's request for `of` points. */
interface Place {
  chain: number;
  number: number;
  of: number;
  u: Float64Array;
}

/**
 * Asks the target once per round for what all chains want to know. Buffers are kept between calls, so the target must not
 * hold on to the matrix that it is given.
 */
// A class, because closures would be compiled anew in every run, which takes longer than a short run itself.
export class Evaluator {
  private readonly map: RowMap;
  private readonly answer: { logProb: number; gradient: Float64Array; logProbs?: Float64Array };
  private theta: Matrix;
  /** All points of a round, those of requests for values first, and the points of a batch. */
  private readonly places: Place[] = [];
  private readonly asked: Place[] = [];
  private numAsked = 0;
  /** Answers so far to chains that asked for several points, and how many are missing. */
  private readonly several = new Map<number, { readonly values: Float64Array; missing: number }>();

  /**
   * @param chains - the number of requests in a round.
   * @param counts - updated by every call.
   * @param maxBatch - the most rows that the target is given at once. Default no limit.
   */
  constructor(
    private readonly target: LogDensity,
    chains: number,
    private readonly counts: EvaluationCounts,
    private readonly maxBatch = Number.MAX_SAFE_INTEGER,
  ) {
    this.map = rowMap(target.support);
    this.theta = matrix(Math.min(chains, maxBatch), target.dim);
    this.answer = { logProb: 0, gradient: new Float64Array(target.dim), logProbs: undefined };
  }

  /** Evaluates `requests[c]` of every chain `c` that has one, and passes the answers on. */
  async evaluate(requests: readonly (Request | undefined)[], receiver: Receiver): Promise<void> {
    const values = this.gather(requests, false, 0);
    const all = this.gather(requests, true, values);
    if (values > 0) await this.evaluateKind("logProb", 0, values, receiver);
    if (all > values) await this.evaluateKind("gradient", values, all, receiver);
  }

  /** Notes the points of all requests for gradients, or of all others, from place `size` on; returns the next free place. */
  private gather(requests: readonly (Request | undefined)[], gradients: boolean, size: number): number {
    const places = this.places;
    const { dim } = this.target;
    for (let chain = 0; chain < requests.length; chain++) {
      const request = requests[chain];
      if (request === undefined || "gradient" in request !== gradients) continue; // a name in a variable is dear
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
    return size;
  }

  /** Asks for what is wanted at places `next` to `end - 1`. */
  private async evaluateKind(
    kind: "logProb" | "gradient",
    next: number,
    end: number,
    receiver: Receiver,
  ): Promise<void> {
    const { target, counts } = this;
    const capacity = Math.min(end - next, this.maxBatch);
    if (capacity > this.theta.rows) this.theta = matrix(capacity, target.dim);
    const theta = this.theta;
    while (next < end) {
      next = this.fill(next, end, capacity, receiver);
      const n = this.numAsked;
      if (n === 0) continue;
      const batch = n === theta.rows ? theta : sliceRows(theta, 0, n);
      const { logProb, gradient } =
        kind === "gradient" ? await target.gradient!(batch) : { logProb: await target.logProb(batch) };
      checkShapes(target, n, logProb, gradient);
      counts.calls++; // not before: a run that goes on after an error asks again
      counts.rows += n;
      this.passOn(logProb, gradient?.data, receiver);
    }
  }

  /** Writes the next points to the table for the target, at most `capacity`; returns the place behind them. */
  private fill(next: number, end: number, capacity: number, receiver: Receiver): number {
    const asked = this.asked;
    const answer = this.answer;
    const map = this.map;
    const places = this.places;
    const { data, cols } = this.theta;
    let n = 0;
    for (; next < end && n < capacity; next++) {
      if (map.constrain(places[next].u, data, n * cols)) {
        asked[n++] = places[next];
      } else {
        // a trajectory that left the numbers: nothing to ask the target
        this.counts.nonFinite++;
        answer.logProb = Number.NaN;
        answer.gradient.fill(Number.NaN);
        this.settle(places[next], receiver);
      }
    }
    this.numAsked = n;
    return next;
  }

  /** Passes on what the target said of the points that were asked for. */
  private passOn(logProb: Float64Array, gradient: Float64Array | undefined, receiver: Receiver): void {
    const asked = this.asked;
    const answer = this.answer;
    const counts = this.counts;
    const map = this.map;
    const { dim } = this.target;
    for (let i = 0; i < logProb.length; i++) {
      const { u } = asked[i];
      const logDet = gradient ? map.pullback(u, gradient, i * dim, answer.gradient) : map.logDet(u);
      // at an infinite density, as at the edge of a beta prior, a chain would stay for ever
      answer.logProb = logProb[i] === Infinity ? Number.NaN : logProb[i] + logDet;
      if (logProb[i] === -Infinity) counts.outside++;
      else if (!Number.isFinite(answer.logProb) || (gradient && !allFinite(answer.gradient))) {
        counts.nonFinite++;
      }
      this.settle(asked[i], receiver);
    }
  }

  /** Passes an answer on, once all points of the chain's request have theirs. */
  private settle({ chain, number, of }: Place, receiver: Receiver): void {
    const answer = this.answer;
    if (of === 1) {
      answer.logProbs = undefined;
      receiver.deliver(chain, answer);
      return;
    }
    const part = this.several.get(chain) ?? { values: new Float64Array(of), missing: of };
    this.several.set(chain, part);
    part.values[number] = answer.logProb;
    part.missing--;
    if (part.missing > 0) return;
    this.several.delete(chain);
    answer.logProb = part.values[0];
    answer.logProbs = part.values;
    receiver.deliver(chain, answer);
  }
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
