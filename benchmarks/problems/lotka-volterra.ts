/**
 * Predators and prey: a jump process of four events, seen through nine summaries of its time series.
 *
 *     predator born e^t1 X Y,  predator dies e^t2 X,  prey born e^t3 Y,  prey eaten e^t4 X Y
 *
 * It starts with 50 predators and 100 prey and runs for 30 units of time; the state is written down every 0.2. Prey can
 * explode: a run ends after 100,000 events, holds its last state to the end, and is an outcome like any other. Trying
 * again instead, as older code did, would condition the path and bias its score. `p(x | theta)` is not known.
 *
 * The summaries are the means, `log(variance + 1)`, autocorrelations of lag 1 and 2 and the cross-correlation (0 for a
 * series that never changes), standardised by the averages of the published study. They are nine as published; `stopFlag` adds
 * a tenth number that says whether the run was cut short.
 *
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244; its code goldmine for the figures
 * @module
 */
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram, type Program } from "../../src/program/program.js";
import type { GoldProblem } from "../gold-problem.js";
import { type JumpProcess, jumpScore, runJumps } from "./gillespie.js";

/** Changes of (predators, prey) by the four events. */
export const changes = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
] as const;

/** Rates of the four events. */
export function rates([x, y]: readonly number[], c: readonly number[], out: Float64Array): void {
  out[0] = c[0] * x * y;
  out[1] = c[1] * x;
  out[2] = c[2] * y;
  out[3] = c[3] * x * y;
}

/** The process of the study. */
export const jumps: JumpProcess = { start: [50, 100], changes, rates, duration: 30, maxEvents: 100_000 };

const interval = 0.2;
/** Averages and spreads of the summaries over the wide prior, from goldmine. */
const centre = [104.27, 79.27, 8.5636, 8.1191, 0.97507, 0.92335, 0.97111, 0.91117, 0.04363];
const scale = [26.8, 214.12, 0.90025, 1.04246, 0.011379, 0.026356, 0.013667, 0.027644, 0.138785];

/** Truth of the study, and centre of its narrow prior. */
export const usual = [-4.61, -0.69, 0, -4.61] as const;

/** Lowest and highest logarithm of each constant. */
export type LotkaVolterraRanges = Readonly<
  Record<"predatorBirth" | "predatorDeath" | "preyBirth" | "predation", readonly [number, number]>
>;

const wide: LotkaVolterraRanges = {
  predatorBirth: [-5, -4.5],
  predatorDeath: [-0.8, -0.3],
  preyBirth: [-0.3, 0.2],
  predation: [-5, -4.5],
};

/**
 * The process as a program, with the logarithms of the four constants as parameters.
 *
 * @param options.prior - ranges of the parameters. Default: the wide ones of the study.
 * @param options.duration - units of time. Default 30.
 * @param options.maxEvents - after which a run is cut short. Default 100,000.
 * @param options.stopFlag - whether a last column of `x` is 1 for a run that was cut short, else 0. Default `false`.
 */
export function lotkaVolterra({
  prior = wide,
  duration = jumps.duration,
  maxEvents = jumps.maxEvents,
  stopFlag = false,
}: {
  readonly prior?: LotkaVolterraRanges;
  readonly duration?: number;
  readonly maxEvents?: number;
  readonly stopFlag?: boolean;
} = {}): Program {
  const process: JumpProcess = { ...jumps, duration, maxEvents };
  return defineProgram({
    name: "lotka_volterra_jumps",
    prior: uniform({ ...prior }),
    xShape: [stopFlag ? 10 : 9],
    run({ predatorBirth, predatorDeath, preyBirth, predation }, trace) {
      const constants = [predatorBirth, predatorDeath, preyBirth, predation].map(Math.exp);
      const series = seriesRecorder(duration);
      const { state, truncated } = runJumps(process, constants, trace, (at, _, to) => series.hold(at, to));
      const nine = series.end(state);
      return stopFlag ? [...nine, Number(truncated)] : nine;
    },
    score({ predatorBirth, predatorDeath, preyBirth, predation }, { values }) {
      return jumpScore(process, [predatorBirth, predatorDeath, preyBirth, predation].map(Math.exp), values);
    },
  });
}

/** Writes the state down at fixed times. */
export function seriesRecorder(duration = jumps.duration) {
  const points = Math.round(duration / interval) + 1;
  const series = [new Float64Array(points), new Float64Array(points)] as const;
  let next = 0;
  return {
    /** The state stays as it is until `to`. */
    hold([x, y]: readonly number[], to: number): void {
      for (; next < points && next * interval < to; next++) {
        series[0][next] = x;
        series[1][next] = y;
      }
    },
    /** The summaries of a run that ended in this state. */
    end(last: readonly number[]): Float64Array {
      for (const k of [0, 1] as const) series[k].fill(last[k], next);
      return summaries(...series);
    },
  };
}

/** Nine summaries of the two series, standardised. */
export function summaries(x: Float64Array, y: Float64Array): Float64Array {
  const n = x.length;
  const [a, b] = [standard(x), standard(y)];
  const product = (u: Float64Array, v: Float64Array, lag: number) => {
    let sum = 0;
    for (let i = lag; i < n; i++) sum += u[i] * v[i - lag];
    return sum / (n - 1);
  };
  return Float64Array.of(
    a.mean,
    b.mean,
    Math.log1p(a.variance),
    Math.log1p(b.variance),
    product(a.z, a.z, 1),
    product(a.z, a.z, 2),
    product(b.z, b.z, 1),
    product(b.z, b.z, 2),
    product(a.z, b.z, 0),
  ).map((value, k) => (value - centre[k]) / scale[k]);
}

function standard(values: Float64Array) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return {
    mean,
    variance,
    z: values.map((value) => (variance > 0 ? (value - mean) / Math.sqrt(variance) : 0)),
  };
}

export const problem: GoldProblem = {
  name: "lotka_volterra_jumps",
  title: "Rates of predators and prey, from nine summaries of their numbers",
  source: "goldmine, https://arxiv.org/abs/1805.12244",
  simulator: lotkaVolterra(),
  thetaRef: usual,
};
