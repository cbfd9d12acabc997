/**
 * Rejection sampling: a draw from a proposal is kept with probability `p(theta) / (M q(theta))`, so what is kept are independent
 * draws from `p` itself, where `M` bounds the ratio. With the prior as proposal and a learned ratio as target this is a posterior
 * without a chain.
 *
 * The bound is the largest ratio of the first 10,000 proposals times 1.2 unless it is given. Where a later ratio exceeds it,
 * the bound is raised and what was kept is judged again by the same random numbers: the result is that of having known the
 * larger bound from the beginning (empirical supremum rejection). A tail of the target that no proposal reached stays
 * unseen; the tail index of the ratios says whether there is a bound at all.
 *
 * @see von Neumann (1951), Various techniques used in connection with random digits
 * @see Caffo, Booth and Davis (2002), Empirical supremum rejection sampling, https://doi.org/10.1093/biomet/89.4.745
 * @module
 */
import { breather } from "../src/core/breath.js";
import type { LogDensity, LongTask } from "../src/core/contracts.js";
import { type Matrix, matrix, row } from "../src/core/matrix.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { foldIn, key as keyOf, stream } from "../src/core/random.js";
import { logSumExp } from "../src/core/special.js";
import { psis } from "./diagnostics/psis.js";
import { checkProposal, type Proposal } from "./proposal.js";
import { checkTarget } from "./target.js";

/** Options of `rejection`. */
export interface RejectionOptions extends LongTask {
  /** Where candidates come from. Default `target.start`, usually the prior. */
  readonly proposal?: Proposal;
  /** Draws wanted. Default 1000. */
  readonly draws?: number;
  /** Log of the bound M on the ratio of densities, nats. Default: measured. */
  readonly logBound?: number;
  /** Most candidates. Default 10,000 for each draw. */
  readonly attempts?: number;
  /** Most seconds of wall time; what was found by then depends on the machine. Default no limit. */
  readonly seconds?: number;
  /** Default 0. */
  readonly seed?: string | number;
}

const optionNames: OptionNames<RejectionOptions> = {
  proposal: true,
  draws: true,
  logBound: true,
  attempts: true,
  seconds: true,
  seed: true,
  signal: true,
  onProgress: true,
};

/** Independent draws of a target. */
export interface RejectionDraws {
  readonly names: readonly string[];
  /** `[n, D]`: as many as were wanted, or fewer where `isComplete` is false. */
  readonly theta: Matrix;
  /** Whether all draws were found. */
  readonly isComplete: boolean;
  /** What ended it. */
  readonly reason: "draws" | "attempts" | "seconds";
  /** Candidates judged. */
  readonly attempts: number;
  /** Share of candidates that is kept at the last bound. */
  readonly acceptance: number;
  /** Log of the bound that the draws were kept by, nats. */
  readonly logBound: number;
  /** Tail index of the first candidates' ratios: above 0.5 there is hardly a bound. */
  readonly paretoK: number;
  /**
   * Log of the integral of the target, nats, with its standard error, which a single candidate or one where nothing was found does
   * not have (`NaN`): the log evidence where the target is prior times likelihood.
   */
  readonly logIntegral: { readonly value: number; readonly standardError: number };
  /** What is wrong, one sentence each; empty where nothing is. */
  readonly warnings: readonly string[];
}

/** Candidates of a call of the target; the first of them measure the bound. */
const batch = 10_000;
/** Log of the factor by which the bound exceeds what was measured. */
const margin = Math.log(1.2);

/** A candidate that was kept, and what judges it again. */
interface Kept {
  readonly theta: Float64Array;
  readonly logRatio: number;
  /** Log of its uniform random number. */
  readonly logUniform: number;
}

/**
 * Draws independently from a target by rejection.
 *
 * @param target - up to a constant.
 * @returns what was found: fewer draws than wanted, with `isComplete: false`, where attempts or time ran out.
 * @throws {TypeError} if the target is no log density, or there is no such option.
 * @throws {RangeError} if a count or limit is impossible, or there is neither `proposal` nor `target.start`.
 * @throws {ShapeError} if the proposal is over other parameters.
 * @example
 * const found = await rejection(posterior(estimator, { observed }), { draws: 1000, seed: "hello" });
 * console.log(found.theta.rows, found.acceptance, found.warnings);
 */
export async function rejection(target: LogDensity, options: RejectionOptions = {}): Promise<RejectionDraws> {
  checkTarget("rejection", target);
  checkOptions("rejection", options, optionNames);
  const { draws: wanted = 1000, seed = 0, seconds = Infinity, signal, onProgress } = options;
  const { attempts: most = 10_000 * wanted } = options;
  check(target, options);
  const candidates = candidatesOf(target, options.proposal);
  const root = keyOf(seed);
  const begin = performance.now();
  const breathe = breather();

  let kept: Kept[] = [];
  let logBound = options.logBound ?? -Infinity;
  let [attempts, nonFinite, raised] = [0, 0, 0];
  let paretoK = Number.NaN;
  const sums: { first: number[]; second: number[] } = { first: [], second: [] };
  const isOver = () => performance.now() - begin >= 1000 * seconds;
  while (kept.length < wanted && attempts < most && !(attempts > 0 && isOver())) {
    signal?.throwIfAborted();
    const n = Math.min(batch, most - attempts);
    const { theta, logProposal } = await candidates(n, foldIn(root, attempts).join());
    const found = await target.logProb(theta);
    const logRatios = found.map((value, i) => {
      const ratio = value - logProposal[i];
      if (ratio < Infinity) return ratio;
      nonFinite++;
      return -Infinity;
    });
    const largest = logRatios.reduce((a, b) => Math.max(a, b), -Infinity);
    if (attempts === 0 && largest > -Infinity) paretoK = psis(logRatios).k;
    if (largest > logBound) {
      if (options.logBound !== undefined || Number.isFinite(logBound)) raised++;
      logBound = largest + margin;
      kept = kept.filter(({ logUniform, logRatio }) => logUniform + logBound <= logRatio);
    }
    const rng = stream(foldIn(root, `uniform ${attempts}`));
    for (let i = 0; i < n; i++) {
      const logUniform = Math.log(rng.uniform());
      if (logRatios[i] > -Infinity && logUniform + logBound <= logRatios[i]) {
        kept.push({ theta: row(theta, i).slice(), logRatio: logRatios[i], logUniform });
      }
    }
    sums.first.push(logSumExp(logRatios));
    sums.second.push(logSumExp(logRatios.map((value) => 2 * value)));
    attempts += n;
    onProgress?.({ done: Math.min(kept.length, wanted), total: wanted });
    await breathe();
  }

  const isComplete = kept.length >= wanted;
  const rows = Math.min(kept.length, wanted);
  const theta = matrix(rows, target.dim);
  for (let i = 0; i < rows; i++) theta.data.set(kept[i].theta, i * target.dim);
  const value = logSumExp(sums.first) - Math.log(attempts);
  const relative = Math.exp(logSumExp(sums.second) - 2 * logSumExp(sums.first)) - 1 / attempts;
  const acceptance = kept.length / attempts;
  return {
    names: target.names,
    theta,
    isComplete,
    reason: isComplete ? "draws" : attempts >= most ? "attempts" : "seconds",
    attempts,
    acceptance,
    logBound,
    paretoK,
    logIntegral: { value, standardError: Math.sqrt(Math.max(0, (relative * attempts) / (attempts - 1))) },
    warnings: [
      ...(target.warnings ?? []),
      ...warningsOf({ rows, wanted, attempts, raised, paretoK, nonFinite }),
    ],
  };
}

function warningsOf(found: {
  readonly rows: number;
  readonly wanted: number;
  readonly attempts: number;
  readonly raised: number;
  readonly paretoK: number;
  readonly nonFinite: number;
}): string[] {
  const { rows, wanted, attempts, raised, paretoK, nonFinite } = found;
  const warnings: string[] = [];
  if (rows < wanted) {
    warnings.push(
      `${rows} of ${wanted} draws were found in ${attempts} attempts: the proposal is too wide for the target. ` +
        "Pass a closer proposal, allow more attempts, or take sample(hmc(target)).",
    );
  }
  if (raised > 0) {
    warnings.push(
      `The bound was exceeded ${raised} times and raised: the target may be larger still where no candidate came. ` +
        "Pass a proposal with wider tails.",
    );
  }
  if (paretoK > 0.5) {
    warnings.push(
      `The ratios have no bound in sight (Pareto k = ${paretoK.toPrecision(2)}, above 0.5): the proposal's tails are too light. ` +
        "Pass a wider proposal.",
    );
  }
  if (nonFinite > 0) {
    warnings.push(
      `At ${nonFinite} of ${attempts} candidates the target or the proposal is not finite: they count as impossible. Check the target there.`,
    );
  }
  return warnings;
}

function check(target: LogDensity, { proposal, draws, attempts, seconds, logBound }: RejectionOptions): void {
  for (const [name, value] of Object.entries({ draws, attempts })) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw new RangeError(`rejection: ${name} must be a positive whole number, got ${value}.`);
  }
  if (seconds !== undefined && !(seconds > 0)) {
    throw new RangeError(`rejection: seconds must be a positive number, got ${seconds}.`);
  }
  if (logBound !== undefined && !Number.isFinite(logBound)) {
    throw new RangeError(`rejection: logBound must be a finite number, got ${logBound}.`);
  }
  if (!proposal && !target.start) {
    throw new RangeError("rejection: target has no start to draw from; pass a proposal, or give it one.");
  }
  checkProposal("rejection", target, proposal);
}

/** Candidates and the log density that they come from. */
function candidatesOf(target: LogDensity, proposal: Proposal | undefined) {
  return async (n: number, seed: string): Promise<{ theta: Matrix; logProposal: Float64Array }> => {
    const theta = proposal ? await proposal.sample(n, { seed }) : target.start!.sample(n, keyOf(seed));
    const logProposal = proposal ? await proposal.logProb(theta) : target.start!.logProb(theta);
    return { theta, logProposal };
  };
}
