/**
 * Simulating consecutive rows with their gold: here, or as the job of a worker. The joint quantities are worked out
 * where the rows are simulated: numbers travel between threads, paths and closures do not.
 *
 * @module
 */
import type { Gold } from "./core/contracts.js";
import { SimulatorError } from "./core/errors.js";
import { type Matrix, matrix, row, sliceRows } from "./core/matrix.js";
import type { Key } from "./core/random.js";
import { simulateRange } from "./simulate-range.js";
import { describeTheta, type RowFailure, type Simulator } from "./simulator.js";
import { loadSimulator, type SimulatorModule } from "./simulator-module.js";

/** Consecutive rows of a run. */
export interface GoldTask {
  /** Numerator points, `[N, D]`. */
  readonly theta: Matrix;
  /** Denominator points, `[N, D]`. Left out: all rows are simulated at `theta`, and only their score is asked for. */
  readonly thetaRef?: Matrix;
  /** Whether the score at `thetaRef` is asked for too. */
  readonly scoreRef?: boolean;
  /** Number of the first row in the whole run. */
  readonly firstRow: number;
}

/** What a worker needs. */
export interface GoldInput extends GoldTask {
  readonly simulator: SimulatorModule;
}

/** Rows with gold; the fields are those of `GoldDataset`. */
export interface GoldRows {
  readonly x: Matrix;
  /** `[N]`, or `[0]` where there is no `thetaRef`. */
  readonly jointLogRatio: Float64Array;
  readonly jointScore: Matrix;
  readonly jointScoreRef?: Matrix;
}

/** Label of a row: even rows come from `theta`, odd ones from `thetaRef`, so any beginning of a run is balanced. */
export const labelOf = (row: number): 0 | 1 => (row % 2 === 0 ? 0 : 1);

/**
 * The job of a worker: imports the simulator and runs the rows.
 *
 * @param simulation - key of the stage; row `i` uses `foldIn(simulation, firstRow + i)`.
 */
export async function simulateGoldJob(
  { simulator, ...task }: GoldInput,
  simulation: Key,
  signal?: AbortSignal,
): Promise<GoldRows> {
  return simulateGoldRange(await loadSimulator(simulator), task, simulation, { signal });
}

/**
 * Simulates consecutive rows and evaluates their gold at each row's own `(x, z)`.
 *
 * @param simulation - key of the stage; row `i` uses `foldIn(simulation, firstRow + i)`.
 * @throws {SimulatorError} if the simulator gives no gold, or gold or data that are not finite; the message names the
 *   row and its parameters. An infinite log ratio is none: the path is impossible at one of the points.
 */
export async function simulateGoldRange(
  simulator: Simulator,
  task: GoldTask,
  simulation: Key,
  options: { signal?: AbortSignal; onRows?: (rows: number) => void } = {},
): Promise<GoldRows> {
  const { theta, thetaRef, scoreRef = false, firstRow } = task;
  const { rows, cols } = theta;
  const jointLogRatio = new Float64Array(thetaRef ? rows : 0);
  const jointScore = matrix(rows, cols);
  const jointScoreRef = thetaRef && scoreRef ? matrix(rows, cols) : undefined;
  const from = matrix(rows, cols, theta.data.slice());
  if (thetaRef) {
    for (let i = 0; i < rows; i++) if (labelOf(firstRow + i) === 1) row(from, i).set(row(thetaRef, i));
  }
  const { x } = await simulateRange(simulator, from, simulation, {
    ...options,
    firstRow,
    onBatch({ gold, x: { rows: count }, failures = [] }, at) {
      const where = { simulator, firstRow: firstRow + at, theta: sliceRows(from, at, at + count) };
      if (failures.length > 0) throw unusable(failures[0], where);
      if (!gold) throw new SimulatorError(noGold(simulator.name));
      const part = (m: Matrix) => matrix(count, cols, m.data.slice(at * cols, (at + count) * cols));
      if (thetaRef) jointLogRatio.set(ratioOf(gold, part(theta), part(thetaRef), where), at);
      const ratio = jointLogRatio.subarray(at, at + count);
      jointScore.data.set(scoreOf(gold, part(theta), ratio, -Infinity, where).data, at * cols);
      if (!jointScoreRef) return;
      jointScoreRef.data.set(scoreOf(gold, part(thetaRef!), ratio, Infinity, where).data, at * cols);
    },
  });
  return { x, jointLogRatio, jointScore, ...(jointScoreRef && { jointScoreRef }) };
}

/** Where gold is asked for, for messages. `theta` is where the rows were simulated. */
interface Where {
  readonly simulator: Simulator;
  readonly firstRow: number;
  readonly theta: Matrix;
}

function unusable({ row: first, reason }: RowFailure, { simulator, firstRow, theta }: Where): SimulatorError {
  return new SimulatorError(
    `simulateGold: row ${firstRow + first} of "${simulator.name}" (${describeTheta(simulator.parameters, row(theta, first))}) ` +
      `gave no usable data: ${reason}. Rows cannot be left out, for the joint score of those that remain would not have ` +
      `mean zero: return numbers that stand for this outcome.`,
  );
}

function ratioOf(gold: Gold, theta: Matrix, thetaRef: Matrix, where: Where): Float64Array {
  const ratio = gold.jointLogRatio(theta, thetaRef);
  if (ratio?.length !== theta.rows)
    throw shape("jointLogRatio", `${theta.rows} numbers`, `${ratio?.length}`, where);
  const bad = ratio.findIndex(Number.isNaN);
  if (bad < 0) return ratio;
  const { simulator, firstRow } = where;
  const describe = (m: Matrix) => `(${describeTheta(simulator.parameters, row(m, bad))})`;
  throw new SimulatorError(
    `simulateGold: the joint log ratio of row ${firstRow + bad} of "${simulator.name}", simulated at ` +
      `${describe(where.theta)}, is NaN between theta0 ${describe(theta)} and theta1 ${describe(thetaRef)}. A path ` +
      `must be possible where it was drawn: check that sample and logProb of every distribution agree.`,
  );
}

/** The score, `NaN` where the path is impossible at `theta`: there the log ratio is `impossible`. */
function scoreOf(gold: Gold, theta: Matrix, ratio: Float64Array, impossible: number, where: Where): Matrix {
  const score = gold.jointScore(theta);
  if (score?.rows !== theta.rows || score.cols !== theta.cols) {
    const got = score ? `[${score.rows}, ${score.cols}]` : String(score);
    throw shape("jointScore", `[${theta.rows}, ${theta.cols}]`, got, where);
  }
  for (let i = 0; i < theta.rows; i++) {
    if (ratio[i] === impossible) {
      row(score, i).fill(Number.NaN);
      continue;
    }
    const bad = row(score, i).findIndex((value) => !Number.isFinite(value));
    if (bad < 0) continue;
    const { simulator, firstRow } = where;
    const names = simulator.parameters;
    throw new SimulatorError(
      `simulateGold: the joint score of row ${firstRow + i} of "${simulator.name}", simulated at ` +
        `(${describeTheta(names, row(where.theta, i))}), is ${row(score, i)[bad]} for "${names[bad]}" at ` +
        `(${describeTheta(names, row(theta, i))}). Where the range of a draw depends on theta there is no score: let ` +
        `theta change probabilities, not what is possible.`,
    );
  }
  return score;
}

function shape(member: string, expected: string, got: string, { simulator }: Where): SimulatorError {
  return new SimulatorError(
    `simulateGold: gold of "${simulator.name}" must give ${expected} from ${member}, one per row, got ${got}.`,
  );
}

const noGold = (name: string) =>
  `simulateGold: "${name}" gives no gold with its batches. Write it with defineProgram, or let simulate return ` +
  `{ x, gold: { jointLogRatio, jointScore } }.`;
