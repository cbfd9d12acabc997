/**
 * The methods of `sequentialRounds`: what each proposes, and what it trains on simulations of all rounds.
 *
 * @module
 */
import type { LogDensity, Prior } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { fromRows, type Matrix, repeatRow } from "../core/matrix.js";
import { checkOptions } from "../core/options.js";
import type { Key } from "../core/random.js";
import { logSumExp } from "../core/special.js";
import type { Dataset } from "../dataset/dataset.js";
import type { Engine } from "../engine/types.js";
import { type AalrOptions, aalr } from "../estimators/aalr.js";
import { type AptOptions, apt } from "../estimators/apt.js";
import { aptMixture } from "../estimators/apt-mixture.js";
import type { LikelihoodEstimator } from "../estimators/likelihood.js";
import { type NleOptions, nle } from "../estimators/nle.js";
import { npe } from "../estimators/npe.js";
import { type PosteriorEstimator, unconstrainedRows } from "../estimators/posterior.js";
import type { DensityOptions } from "../estimators/posterior-objective.js";
import type { RatioEstimator } from "../estimators/ratio.js";
import { importanceWeights, snpeB } from "../estimators/snpe-b.js";
import { embeddingRecord } from "../nets/embedding.js";
import { posterior } from "../posterior.js";
import type { Simulator } from "../simulator.js";
import type { Objective } from "../train/objective.js";
import { aptMixtureRounds } from "./apt-mixture-rounds.js";
import { chainDraws, keptDraws, type RoundsMethod, type RoundTraining } from "./rounds.js";
import { type SnpeAOptions, snpeARounds } from "./snpe-a.js";

/** Options of APT in rounds. */
export interface AptRoundsOptions extends Omit<AptOptions, "priorRows"> {
  /**
   * How proposals are allowed for: by `"atomic"` comparisons, with any density, in unconstrained space; or by the
   * `"mixture"` that a mixture density network is, in closed form, under a normal or uniform prior and on the scale of `theta`
   * (`aptMixture`; only `density` and `embedding` apply). Default `"atomic"`.
   */
  readonly form?: "atomic" | "mixture";
  /** Whether the plain loss is added on the rows of the first round. Default true. */
  readonly combined?: boolean;
}

/** Options and estimator of each method, by name. */
export interface SequentialMethods {
  readonly apt: { readonly options: AptRoundsOptions; readonly estimator: PosteriorEstimator };
  readonly "snpe-a": { readonly options: SnpeAOptions; readonly estimator: PosteriorEstimator };
  readonly "snpe-b": { readonly options: DensityOptions; readonly estimator: PosteriorEstimator };
  readonly snl: { readonly options: NleOptions; readonly estimator: LikelihoodEstimator };
  /** `tails` is true where nothing is said: rounds have few rows, and a column that spans decades hides the observation. */
  readonly snre: { readonly options: Omit<AalrOptions, "fresh">; readonly estimator: RatioEstimator };
}

/** Name of a method. */
export type SequentialMethod = keyof SequentialMethods;

/** A method at work: its rounds, and what they end with. */
export interface Working<Estimator> extends RoundsMethod<Estimator> {
  outcome(estimator: Estimator): {
    readonly target: LogDensity;
    sample(n: number, key: Key, signal?: AbortSignal): Promise<Matrix>;
  };
}

/** What every method is given. */
interface Context {
  readonly simulator: Simulator;
  readonly observed: ArrayLike<number>;
  readonly budgets: readonly number[];
  readonly engine: Engine;
  /** Networks that are trained together. */
  readonly ensemble: number;
  /** The public function, for messages. */
  readonly caller: string;
  readonly signal?: AbortSignal;
}

type Builders = {
  readonly [Name in SequentialMethod]: (
    options: SequentialMethods[Name]["options"],
    context: Context,
  ) => Working<SequentialMethods[Name]["estimator"]>;
};

/** The methods by name. Options are checked at once, on two rows that were never simulated. */
export const methods: Builders = {
  apt(options, context) {
    const names = { density: true, embedding: true, form: true, atoms: true, combined: true } as const;
    checkOptions<AptRoundsOptions>(`${context.caller}: options of "apt"`, options, names);
    const { form = "atomic", combined = true, ...rest } = options;
    if (form === "mixture") return aptByMixtures(options, context);
    if (form !== "atomic") {
      throw new ConfigError(
        `${context.caller}: form must be "atomic" or "mixture", got ${JSON.stringify(form)}.`,
      );
    }
    apt(twoRows(context), rest);
    const { density, embedding } = options;
    return direct({ ...options, combined }, context, { density, embedding }, async (all, ends) => ({
      objective: apt(all, { ...rest, priorRows: combined ? ends[0] : 0 }),
      trainedOn: all.theta.rows,
    }));
  },

  "snpe-b"(options, context) {
    npe(twoRows(context), options);
    return direct(options, context, options, async (all, _ends, estimators) => {
      const logPrior = context.simulator.prior.logProb(all.theta);
      const logProposal = await logMixtureOfProposals(all.theta, logPrior, estimators, context);
      return {
        objective: snpeB(all, { ...options, logProposal }),
        trainedOn: all.theta.rows,
        effectiveRows: importanceWeights(logPrior, logProposal).effectiveRows,
      };
    });
  },

  "snpe-a"(options, context) {
    const work = snpeARounds(context.simulator, options, { ...context, rounds: context.budgets.length });
    return { ...work, outcome: () => work.posterior() };
  },

  snl(options, context) {
    nle(twoRows(context), options);
    return byChains(options, context, (all) => nle(all, options));
  },

  snre(options, context) {
    if ("fresh" in options) {
      throw new ConfigError(`${context.caller}: "snre" has a budget of simulations; leave fresh out.`);
    }
    const set = { tails: true, ...options };
    aalr(twoRows(context), set);
    return byChains(set, context, (all) => aalr(all, set));
  },
};

/** APT in its mixture form. */
function aptByMixtures(options: AptRoundsOptions, context: Context): Working<PosteriorEstimator> {
  for (const name of ["atoms", "combined"] as const) {
    if (options[name] === undefined) continue;
    throw new ConfigError(
      `${context.caller}: ${name} is of APT by atoms; with form: "mixture" leave it out, its loss is the plain one on the rows of ` +
        "all rounds.",
    );
  }
  const { form: _, ...network } = options;
  aptMixture(twoRows(context), { ...network, proposals: [] });
  const work = aptMixtureRounds(context.simulator, network, context);
  return { ...work, options: plain(options), outcome: () => work.posterior() };
}

/** A table of the right shape: draws from the prior beside the observation. */
function twoRows({ simulator, observed }: Context): Dataset {
  const { parameters: names, xShape, prior } = simulator;
  const theta = prior.sample(2, [0, 0]);
  return { theta, x: repeatRow(observed, 2), names, xShape, prior, dropped: 0, source: {} };
}

/** Methods that learn the posterior itself, and draw from it without a chain. */
function direct(
  options: object,
  { simulator, observed, caller, signal }: Context,
  network: DensityOptions,
  later: (
    all: Dataset,
    ends: readonly number[],
    estimators: readonly PosteriorEstimator[],
  ) => Promise<RoundTraining<PosteriorEstimator>>,
): Working<PosteriorEstimator> {
  const estimators: PosteriorEstimator[] = [];
  const { prior } = simulator;
  return {
    options: plain(options),
    async propose(round, n, key) {
      if (round === 0) return { theta: prior.sample(n, key), acceptance: 1 };
      return keptDraws(caller, n, key, {
        draw: (count, own) => estimators[round - 1].sample(fromRows([observed]), count, own),
        keep: (theta) => rowsInside(prior, theta),
        mostTries: 100,
        remedy:
          "of the current posterior lie off the edge of the prior. The network has not learned: use more simulations per round.",
        signal,
      });
    },
    async training(round, all, ends) {
      if (round > 0) return later(all, ends, estimators);
      return { objective: npe(all, network), trainedOn: all.theta.rows };
    },
    async learned(_, estimator) {
      estimators.push(estimator);
      return {};
    },
    outcome: (estimator) => ({
      target: posterior(estimator, { observed }),
      sample: (n, key) => estimator.sample(fromRows([observed]), n, key),
    }),
  };
}

/** Methods whose posterior needs chains, and no correction. */
function byChains<Estimator extends LikelihoodEstimator | RatioEstimator>(
  options: object,
  { simulator, observed, signal }: Context,
  objective: (all: Dataset) => Objective<Estimator>,
): Working<Estimator> {
  let current: Estimator | undefined;
  const targetOf = (estimator: Estimator): LogDensity<false> => posterior(estimator, { observed });
  return {
    options: plain(options),
    async propose(_, n, key) {
      const theta = current
        ? await chainDraws(targetOf(current), n, key, signal)
        : simulator.prior.sample(n, key);
      return { theta, acceptance: 1 };
    },
    training: async (_, all) => ({ objective: objective(all), trainedOn: all.theta.rows }),
    async learned(_, estimator) {
      current = estimator;
      return {};
    },
    outcome(estimator) {
      const target = targetOf(estimator);
      return { target, sample: (n, key, abort) => chainDraws(target, n, key, abort) };
    },
  };
}

/** Options without what is no plain JSON; the record of an embedding stands for it. */
function plain(options: object): Readonly<Record<string, unknown>> {
  const { embedding, ...rest } = options as DensityOptions & Record<string, unknown>;
  return { ...rest, ...(embedding && { embedding: embeddingRecord(embedding) }) };
}

/** Rows inside the prior, off its edge: a draw far out in unconstrained space is rounded onto it. */
function rowsInside({ support }: Prior, theta: Matrix): number[] {
  return unconstrainedRows(theta, support).finite.flatMap((isInside, i) => (isInside ? [i] : []));
}

/** `log ptilde` of rows: the prior and the posteriors of all rounds before, each by its share of the budget so far. */
async function logMixtureOfProposals(
  theta: Matrix,
  logPrior: Float64Array,
  estimators: readonly PosteriorEstimator[],
  { budgets, observed }: Context,
): Promise<Float64Array> {
  const logs = [logPrior.map((log) => log + Math.log(budgets[0]))];
  const x = repeatRow(observed, theta.rows);
  for (const [r, estimator] of estimators.entries()) {
    const own = await estimator.logProb(theta, x);
    logs.push(own.map((log) => log + Math.log(budgets[r + 1])));
  }
  const total = budgets.slice(0, logs.length).reduce((a, b) => a + b, 0);
  return logPrior.map((_, i) => logSumExp(logs.map((log) => log[i])) - Math.log(total));
}
