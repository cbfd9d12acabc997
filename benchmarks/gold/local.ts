/**
 * `npm run bench:local`: what a learned score is worth near the reference point of the EFT toy, where all is known: the
 * Fisher information of an event, and the limits on one coupling that events of the Standard Model would give.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { chiSquared } from "../../src/core/distributions/gamma.js";
import { columnSums, fromRows, type Matrix, repeatRow, sliceRows } from "../../src/core/matrix.js";
import { foldIn, key } from "../../src/core/random.js";
import { openEngine } from "../../src/engine/open.js";
import { sally } from "../../src/estimators/sally.js";
import type { ScoreEstimator } from "../../src/estimators/score.js";
import { type FisherInformation, fisherInformation } from "../../src/local/fisher.js";
import { localLimits } from "../../src/local/limits.js";
import { localModel } from "../../src/local/local-model.js";
import { sallino } from "../../src/local/sallino.js";
import { simulateScore } from "../../src/simulate-gold.js";
import { simulateRange } from "../../src/simulate-range.js";
import { train } from "../../src/train/train.js";
import { cpuClock } from "../cpu-clock.js";
import { problem as eft } from "../problems/eft.js";
import { crossedMean } from "../report/statistics.js";

const help = `Usage: npm run bench:local -- [options]

SALLY at the Standard Model of the problem eft, means over trainings, each with events of its own to be judged by:
  information of a, b   of one event, in the exact one: kept, which is 1 less the mean square error of the learned score in
                        it; as estimated from the square of the learned score; and less its error, by joint scores
  limit on a, b         where a coupling is excluded at 95 % by the 36 events that are expected, the other at zero, in units
                        of the exact limit: by the information, the local model, and SALLINO

Options:
  --simulations <n>  of each training, default 100000
  --trainings <n>    default 5
  --json             one JSON object per line: name, value, error (standard error over trainings) or exact
  --help             this text`;

/** Events at the Standard Model that a training is judged by, and that normalise its local model. */
const judges = 200_000;
/** Events of a measurement, as the study of this process expects. */
const measured = 36;
/** Events at each point for the histograms of SALLINO. */
const perPoint = 50_000;
/** Couplings at which a limit is looked for, in units of the exact one. */
const scales = [0.7, 0.85, 1, 1.15];
const critical = chiSquared(1).quantile(0.95);
const reference = Float64Array.from(eft.thetaRef);
const directions = { "a > 0": [1, 0], "b > 0": [0, 1], "b < 0": [0, -1] } as const;

const { values } = parseArgs({
  options: {
    simulations: { type: "string", default: "100000" },
    trainings: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(help);
} else {
  await measure(Number(values.simulations), Number(values.trainings));
}

async function measure(simulations: number, trainings: number): Promise<void> {
  const exact = exactAnswers();
  const found = new Map<string, number[]>();
  const keep = (name: string, value: number) => found.set(name, [...(found.get(name) ?? []), value]);
  const engine = await openEngine();
  for (let seed = 1; seed <= trainings; seed++) {
    const table = await simulateScore(eft.simulator, { n: simulations, thetaRef: eft.thetaRef, seed });
    const clock = cpuClock();
    await using score = await train(sally(table), { seed, engine });
    keep("training, CPU s", clock());
    const test = await simulateScore(eft.simulator, {
      n: judges,
      thetaRef: eft.thetaRef,
      seed: `judge ${seed}`,
    });
    const learned = await score.score(test.x);
    const truth = eft.score!(repeatRow(reference, test.x.rows), test.x);
    const loss = columnSums({
      ...truth,
      data: truth.data.map((t, i) => (learned.data[i] - t) ** 2 / judges),
    });
    const plain = await fisherInformation(score, test.x);
    const corrected = await fisherInformation(score, test.x, { jointScore: test.jointScore });
    for (const [j, name] of ["a", "b"].entries()) {
      keep(`information of ${name}, kept`, 1 - loss[j] / exact.information[j]);
      keep(
        `information of ${name}, square of the score`,
        plain.information.data[3 * j] / exact.information[j],
      );
      keep(
        `information of ${name}, less its error`,
        corrected.information.data[3 * j] / exact.information[j],
      );
    }
    for (const [name, value] of await limits(score, corrected, test.x, exact.limits, seed)) keep(name, value);
  }
  for (const [name, list] of found) {
    const { value, error } = crossedMean(list.map((each, i) => ({ observation: 1, seed: i, value: each })));
    print(name, { value, error, trainings });
  }
  exact.information.forEach((value, j) => {
    print(`exact information of ${"ab"[j]}`, { value });
  });
  for (const [name, value] of Object.entries(exact.limits)) print(`exact limit, ${name}`, { value });
}

function print(
  name: string,
  line: { readonly value: number; readonly error?: number; readonly trainings?: number },
): void {
  const { value, error } = line;
  const text = `${name}: ${value.toFixed(4)}${error === undefined ? "" : ` +- ${error.toFixed(4)}`}`;
  console.log(values.json ? JSON.stringify({ name, ...line }) : text);
}

/** Each way's limits in units of the exact ones. */
async function limits(
  score: ScoreEstimator,
  fisher: FisherInformation,
  test: Matrix,
  exact: Readonly<Record<string, number>>,
  seed: number,
): Promise<[string, number][]> {
  const model = await (await localModel(score, test)).observe(test);
  const asymptotic = localLimits(fisher, repeatRow(new Float64Array(2), measured));
  const events = sliceRows(test, 0, perPoint);
  const out: [string, number][] = [];
  for (const [name, direction] of Object.entries(directions)) {
    const points = scales.map((scale) => direction.map((each) => each * scale * exact[name]));
    const statistic = {
      information: Array.from(asymptotic.testStatistic(fromRows(points))),
      "local model": Array.from(
        model.logRatio(fromRows(points)),
        (logRatio) => (-2 * measured * logRatio) / model.events,
      ),
      SALLINO: [] as number[],
    };
    for (const [k, theta] of points.entries()) {
      const at = foldIn(foldIn(foldIn(key("sallino"), name), k), seed);
      const { x } = await simulateRange(eft.simulator, repeatRow(Float64Array.from(theta), perPoint), at);
      const logRatios = await (await sallino(score, { theta, x, reference: events })).logRatio(events);
      statistic.SALLINO.push((-2 * measured * sum(logRatios)) / events.rows);
    }
    for (const [way, found] of Object.entries(statistic)) {
      out.push([`limit, ${name}, ${way}`, crossing(scales, found)]);
    }
  }
  return out;
}

/** Where the root of a test statistic, a line between its points, reaches the root of the critical value. */
function crossing(at: readonly number[], statistic: readonly number[]): number {
  const roots = statistic.map((value) => Math.sqrt(Math.max(0, value)) - Math.sqrt(critical));
  const k = roots.findIndex((value, i) => i > 0 && value >= 0 && roots[i - 1] < 0);
  if (k < 0) return NaN;
  return at[k - 1] + ((at[k] - at[k - 1]) * roots[k - 1]) / (roots[k - 1] - roots[k]);
}

/** By quadrature: events of the Standard Model are normal with variance 1.25, and trapezoids converge exponentially. */
function exactAnswers() {
  const step = 0.1;
  const axis = Array.from({ length: 181 }, (_, k) => (k - 90) * step);
  const x = fromRows(axis.flatMap((x1) => axis.map((x2) => [x1, x2])));
  const at = (theta: ArrayLike<number>) => repeatRow(Float64Array.from(theta), x.rows);
  const weights = Float64Array.from({ length: x.rows }, (_, i) => {
    const square = x.data[2 * i] ** 2 + x.data[2 * i + 1] ** 2;
    return (step ** 2 * Math.exp(-square / 2.5)) / (2.5 * Math.PI);
  });
  const score = eft.score!(at(reference), x);
  const information = columnSums({ ...score, data: score.data.map((t, i) => t * t * weights[i >> 1]) });
  const statistic = (theta: readonly number[]) =>
    -2 * measured * sum(eft.logRatio!(at(theta), at(reference), x).map((value, i) => value * weights[i]));
  const limits = Object.fromEntries(
    Object.entries(directions).map(([name, direction]) => {
      let [low, high] = [0, 0.5];
      for (let k = 0; k < 30; k++) {
        const middle = (low + high) / 2;
        if (statistic(direction.map((each) => each * middle)) < critical) low = middle;
        else high = middle;
      }
      return [name, (low + high) / 2];
    }),
  );
  return { information, limits };
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
