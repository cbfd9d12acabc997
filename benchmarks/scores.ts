/**
 * The scores of a job, by name: comparisons of its draws with exact ones, and what needs no draws at all.
 *
 * @module
 */
import { type Matrix, matrix } from "../src/core/matrix.js";
import { c2st } from "../src/metrics/c2st.js";
import { classifierAuc } from "../src/metrics/classifier-auc.js";
import { logRatioMse } from "../src/metrics/log-prob-truth.js";
import { type BandwidthRule, mmd } from "../src/metrics/mmd.js";
import { slicedWasserstein } from "../src/metrics/sliced-wasserstein.js";
import type { Prepared } from "./method.js";
import type { Problem } from "./problem.js";
import type { Scores } from "./record.js";

/** What a score may look at. */
export interface ScoreInput {
  readonly problem: Problem;
  readonly observation: number;
  readonly method: Prepared;
  /** The method's draws, and as many from the exact posterior, `[n, D]`. */
  readonly draws: Matrix;
  readonly exact: Matrix;
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/** One score; `error` is its standard error, `NaN` where it has none. */
interface Score {
  readonly value: number;
  readonly error?: number;
}

/** `undefined` where the method or the problem cannot give the score. */
type Scorer = (input: ScoreInput) => Promise<Score | undefined>;

const mmdScore =
  (bandwidth: BandwidthRule): Scorer =>
  async ({ exact, draws, seed }) => {
    const { mmd: value, standardError } = mmd(exact, draws, { bandwidth, seed });
    return { value, error: standardError };
  };

const scorers: Readonly<Record<string, Scorer>> = {
  async c2st({ exact, draws, seed, signal }) {
    const { accuracy, standardError } = await c2st(exact, draws, { seed, signal });
    return { value: accuracy, error: standardError };
  },
  mmd: mmdScore("pooled"),
  mmdReference: mmdScore("reference"),
  async auc({ exact, draws, seed, signal }) {
    const { auc, standardError } = await classifierAuc(exact, draws, { seed, signal });
    return { value: auc, error: standardError };
  },
  async slicedWasserstein({ exact, draws, seed }) {
    const { distance, standardError } = slicedWasserstein(exact, draws, { seed });
    return { value: distance, error: standardError };
  },
  async negativeLogProbTruth({ problem, observation, method }) {
    const theta = problem.trueParameters(observation);
    if (theta === undefined || method.logProb === undefined) return undefined;
    const [logProb] = await method.logProb(matrix(1, theta.length, theta), problem.observation(observation));
    return { value: -logProb };
  },
  /**
   * Mean over exact draws of `(log r_learned - log r)^2` at the observation, nats squared, where
   * `log r = log p(x | theta) - log p(x)` is known and `log r_learned = logProb - log p(theta)`. Nothing is fitted: a wrong
   * constant is an error too, as a ratio to the evidence has none that is free. Over observations that are drawn from the
   * evidence its mean is that over joint pairs.
   */
  async logRatioMse({ problem, observation, method, exact }) {
    if (method.logProb === undefined || problem.logEvidence === undefined) return undefined;
    const x = problem.observation(observation);
    const logEvidence = problem.logEvidence(x);
    const logPrior = problem.simulator.prior.logProb(exact);
    const learned = (await method.logProb(exact, x)).map((value, i) => value - logPrior[i]);
    const truth = problem.logLikelihood(exact, x).map((value) => value - logEvidence);
    const { value, standardError } = logRatioMse(learned, truth);
    return { value, error: standardError };
  },
};

/** Name of the score that belongs to a training, not to an observation. */
export const coverageScore = "coverage";

/** Names of the scores of what is learned from gold alone (`ratio-method.ts`): of a learned score and a learned density. */
const goldScores: readonly string[] = ["scoreMse", "logProbMse"];

/** Scores that a plan may ask for. */
export const scoreNames: readonly string[] = [...Object.keys(scorers), coverageScore, ...goldScores];

/** Scores that a plan gets that does not say. */
export const defaultScores: readonly string[] = ["c2st", "mmd", "mmdReference", "auc"];

/** Whether a score compares draws with exact ones. */
export const needsExactDraws = (name: string) =>
  !["negativeLogProbTruth", coverageScore, ...goldScores].includes(name);

/**
 * Scores one job.
 *
 * @param names - of `scoreNames`; `coverage`, `scoreMse` and `logProbMse` are passed over.
 * @throws {RangeError} if a score is not a finite number.
 */
export async function score(
  names: readonly string[],
  input: ScoreInput,
): Promise<{ readonly scores: Scores; readonly errors: Scores }> {
  const scores: Record<string, number> = {};
  const errors: Record<string, number> = {};
  for (const name of names) {
    input.signal?.throwIfAborted();
    const result = await scorers[name]?.(input);
    if (result === undefined) continue;
    if (!Number.isFinite(result.value)) {
      throw new RangeError(`score: ${name} must be a finite number, got ${result.value}.`);
    }
    scores[name] = result.value;
    if (result.error !== undefined && Number.isFinite(result.error)) errors[name] = result.error;
  }
  return { scores, errors };
}
