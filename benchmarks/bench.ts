/**
 * One run of the benchmark: simulate, train once, then for each observation sample the posterior and compare
 * the draws with the exact ones. CPU seconds are this process's own, of the stage alone.
 *
 * @module
 */
import { drawsMatrix } from "../samplers/draws.js";
import { metropolis } from "../samplers/metropolis.js";
import { sample } from "../samplers/sample.js";
import { summary } from "../samplers/summary.js";
import { fromRows, type Matrix, takeRows } from "../src/core/matrix.js";
import { openEngine } from "../src/engine/open.js";
import { c2st } from "../src/metrics/c2st.js";
import { classifierAuc } from "../src/metrics/classifier-auc.js";
import { mmd } from "../src/metrics/mmd.js";
import { posterior } from "../src/posterior.js";
import { simulate } from "../src/simulate.js";
import type { TrainProgress } from "../src/train/options.js";
import { findMethod, type MethodOptions } from "./methods.js";
import { findProblem } from "./problems.js";
import { referenceDraws } from "./reference-draws.js";

/** What is measured for one observation; the fields of one JSON line. */
export interface BenchRecord {
  readonly problem: string;
  readonly method: string;
  readonly simulations: number;
  readonly observation: number;
  readonly seed: number;
  /** Accuracy of a classifier between draws and exact draws; 0.5 is perfect. */
  readonly c2st: number;
  /** `sqrt(max(0, MMD^2))`, unbiased, bandwidth from the pooled median distance. */
  readonly mmd: number;
  /** Area under the ROC curve of a classifier between draws and exact draws; 0.5 is perfect. */
  readonly auc: number;
  /** Training alone: the engine is open before, and no report card is made. */
  readonly trainCpuSeconds: number;
  readonly sampleCpuSeconds: number;
  readonly draws: number;
  /** The worst parameter's. */
  readonly rhat: number;
  readonly essBulk: number;
}

/** What to run. */
export interface BenchOptions {
  readonly problem: string;
  readonly method: string;
  readonly simulations: number;
  readonly observations: readonly number[];
  readonly seed: number;
  /** Compare 1,000 draws instead of 10,000. Default false. */
  readonly quick?: boolean;
  readonly training?: MethodOptions;
  readonly onTrainProgress?: (progress: TrainProgress) => void;
  readonly onRecord?: (record: BenchRecord) => void | Promise<void>;
}

/**
 * How the 10,000 draws that are compared are made, for every problem: many short Metropolis chains whose global
 * proposals make draws nearly independent; a classifier would find draws that repeat or cluster.
 */
export const sampling = { chains: 500, warmup: 20, draws: 20, thin: 10 } as const;

/** Runs one configuration and returns a record per observation. */
export async function bench(options: BenchOptions): Promise<BenchRecord[]> {
  const { simulations: n, seed, quick = false } = options;
  const problem = await findProblem(options.problem);
  const method = findMethod(options.method);
  const simulations = await simulate(problem.simulator, { n, seed });
  const { engine: wanted = "auto", ...training } = options.training ?? {};
  const engine = typeof wanted === "object" ? wanted : await openEngine(wanted);
  const train = cpuClock();
  await using estimator = await method.train(simulations, problem.simulator, {
    seed,
    onProgress: options.onTrainProgress,
    card: false,
    ...training,
    engine,
  });
  const trainCpuSeconds = train();
  const records: BenchRecord[] = [];
  for (const observation of options.observations) {
    const observed = problem.observation(observation);
    const clock = cpuClock();
    const target = posterior(estimator, { observed: fromRows([observed]) });
    const draws = await sample(metropolis(target), { ...sampling, seed });
    const sampleCpuSeconds = clock();
    const count = quick ? 1000 : draws.chains * draws.draws;
    const exact = (await referenceDraws(problem, observation, { n: count })).draws;
    const inferred = evenlySpaced(drawsMatrix(draws), count);
    const rows = summary(draws).rows;
    const record: BenchRecord = {
      problem: problem.name,
      method: options.method,
      simulations: n,
      observation,
      seed,
      c2st: (await c2st(exact, inferred, { seed, quick })).accuracy,
      mmd: mmd(exact, inferred, { bandwidth: "pooled" }).mmd,
      auc: (await classifierAuc(exact, inferred, { seed })).auc,
      trainCpuSeconds,
      sampleCpuSeconds,
      draws: draws.chains * draws.draws,
      rhat: Math.max(...rows.map(({ rhat }) => rhat)),
      essBulk: Math.min(...rows.map(({ essBulk }) => essBulk)),
    };
    records.push(record);
    await options.onRecord?.(record);
  }
  return records;
}

/** `n` rows spread evenly over all of them. */
function evenlySpaced(rows: Matrix, n: number): Matrix {
  if (n >= rows.rows) return rows;
  return takeRows(
    rows,
    Float64Array.from({ length: n }, (_, i) => Math.floor((i * rows.rows) / n)),
  );
}

/** Starts a clock of this process's CPU time; calling it gives the seconds since. */
export function cpuClock(): () => number {
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  };
}
