/**
 * The unit that a benchmark sends to a worker: one method, trained once on one budget of simulations of one problem
 * with one seed, and judged at some of its observations. Plain data in and out, so it runs in any thread or on
 * any machine, and equal inputs give equal results but for what it cost.
 *
 * @module
 */
import { cpus, loadavg } from "node:os";
import { ConfigError } from "../src/core/errors.js";
import { type Matrix, sliceRows } from "../src/core/matrix.js";
import { ownVersion } from "../src/executor/own-modules.js";
import { cpuClock } from "./cpu-clock.js";
import type { GoldProblem } from "./gold-problem.js";
import { marginalsTable } from "./marginals.js";
import type { Prepared, TrainingOptions } from "./method.js";
import { planSchema } from "./plan-schema.js";
import { givesGold, learnsRatio, misfit, plannedMethods, plannedProblems } from "./planned.js";
import type { Problem } from "./problem.js";
import { type RatioMethod, scoreRatio } from "./ratio-method.js";
import type { CostRecord, CoverageRecord, Job, JobRecord, MadeRecord, SamplingRecord } from "./record.js";
import { referenceDraws } from "./reference-draws.js";
import { find } from "./registry.js";
import { evenlySpaced } from "./sampling.js";
import { coverageScore, needsExactDraws, score } from "./scores.js";

/** How every job of a comparison is made and judged; plain JSON. */
export interface Settings {
  /** Names of scores. */
  readonly scores: readonly string[];
  /** Draws of each posterior that are made and compared. */
  readonly draws: number;
  /** Keep the marginal densities of methods that have one, on a grid beside the exact ones. Default `false`. */
  readonly marginals?: boolean;
  readonly training?: TrainingOptions;
}

/** A table of numbers with the names of its columns. */
export interface KeptTable {
  readonly names: readonly string[];
  readonly values: Matrix;
}

/** One group. */
export interface GroupInput extends Omit<Job, "observation"> {
  readonly observations: readonly number[];
  /** From which problem and method are found: a word of the registry, or the URL of a module with `#export`. */
  readonly references: { readonly problem: string; readonly method: string };
  readonly settings: Settings;
}

/** What came of one job. */
export interface JobOutcome {
  readonly record: JobRecord;
  /** Some of the draws, `[n, D]` with `n` at most 1,000, spread evenly; left out where the job failed or made none. */
  readonly draws?: KeptTable;
  /** Learned and exact marginal densities, where they were asked for. */
  readonly marginals?: KeptTable;
}

/** Asking the system takes a third of a millisecond. */
let processor: string | undefined;

/** Draws that are kept for figures. */
const keptDraws = 1000;

/**
 * Runs a group. What goes wrong with a job is its result, with the reason; only an abort is thrown.
 *
 * @returns an outcome for each observation, in their order.
 */
export async function runGroupJob(
  input: GroupInput,
  _key?: unknown,
  signal?: AbortSignal,
): Promise<JobOutcome[]> {
  const started = performance.now();
  const { references, simulations, seed, observations, settings } = input;
  try {
    const { item: problem } = await find(plannedProblems, references.problem);
    const { item: method } = await find(plannedMethods, references.method);
    await checkSettings(settings);
    const { training } = settings;
    const reason = misfit(problem, method);
    if (reason !== undefined) throw new ConfigError(`runGroupJob: ${reason}`);
    if (givesGold(problem) || learnsRatio(method)) {
      const outcome = await runRatio(input, problem as GoldProblem, method as RatioMethod, started, signal);
      return observations.map((observation) => outcome(observation));
    }
    await using prepared = await method.prepare({ problem, simulations, seed, training, signal });
    const clock = cpuClock();
    const coverage = settings.scores.includes(coverageScore) ? await prepared.coverage?.(seed) : undefined;
    const shared = {
      coverage,
      scoreCpuSeconds: clock() / observations.length,
      wallSeconds: (performance.now() - started) / 1000,
    };
    const outcomes: JobOutcome[] = [];
    for (const observation of observations) {
      try {
        outcomes.push(await runObservation(input, problem, prepared, observation, shared, signal));
      } catch (error) {
        signal?.throwIfAborted();
        const wallSeconds = (performance.now() - started) / 1000;
        outcomes.push(failure(input, observation, error, { engine: prepared.engine, wallSeconds }));
      }
    }
    return outcomes;
  } catch (error) {
    signal?.throwIfAborted();
    const wallSeconds = (performance.now() - started) / 1000;
    return observations.map((observation) => failure(input, observation, error, { wallSeconds }));
  }
}

/** Learns a ratio and compares it with the exact one: one result, and no draws. */
async function runRatio(
  { references: _, settings: { scores: names, training }, ...group }: GroupInput,
  problem: GoldProblem,
  method: RatioMethod,
  started: number,
  signal?: AbortSignal,
): Promise<(observation: number) => JobOutcome> {
  const { simulations, seed } = group;
  await using learned = await method.learn({ problem, simulations, seed, training, signal });
  const clock = cpuClock();
  const scores = await scoreRatio(names, problem, learned);
  signal?.throwIfAborted();
  const { engine, trainCpuSeconds } = learned;
  const seconds = { trainCpuSeconds, sampleCpuSeconds: 0, scoreCpuSeconds: clock() };
  const wallSeconds = (performance.now() - started) / 1000;
  return (observation) => ({
    record: {
      ...job(group, observation),
      status: "done",
      scores,
      errors: {},
      cost: cost({ ...seconds, wallSeconds }),
      made: made(engine),
    },
  });
}

/** Building them takes milliseconds. */
let schemas: ReturnType<typeof planSchema> | undefined;

/** What comes from a queue may be anybody's: only what a plan may say, so no path to write to, for one. */
async function checkSettings(settings: Settings): Promise<void> {
  schemas ??= planSchema();
  const { success, error } = (await schemas).settings.safeParse(settings);
  if (success) return;
  const [{ path, message }] = error.issues;
  throw new ConfigError(
    `runGroupJob: the settings of the job are not those of a plan: ${path.join(".")}: ${message}.`,
  );
}

async function runObservation(
  { references, settings, ...group }: GroupInput,
  problem: Problem,
  prepared: Prepared,
  observation: number,
  shared: {
    readonly coverage?: CoverageRecord;
    readonly scoreCpuSeconds: number;
    readonly wallSeconds: number;
  },
  signal?: AbortSignal,
): Promise<JobOutcome> {
  const started = performance.now();
  const { seed } = group;
  const sampleClock = cpuClock();
  const sampled = await prepared.sample(problem.observation(observation), {
    draws: settings.draws,
    seed,
    signal,
  });
  const sampleCpuSeconds = sampled.cpuSeconds ?? sampleClock();
  const { draws } = sampled;
  if (draws.rows === 0) {
    throw new RangeError(
      `${group.method}: found no draw within ${group.simulations} simulations. Give it a larger budget.`,
    );
  }
  const scoreClock = cpuClock();
  const needsExact = settings.marginals || settings.scores.some(needsExactDraws);
  const exact = needsExact
    ? (
        await referenceDraws(problem, observation, {
          n: settings.draws,
          ...(references.problem.includes("#") && { cache: false }), // a user's problem may change under its name
        })
      ).draws
    : draws;
  const { scores, errors } = await score(settings.scores, {
    problem,
    observation,
    method: prepared,
    draws,
    exact: sliceRows(exact, 0, Math.min(exact.rows, draws.rows)),
    seed,
    signal,
  });
  signal?.throwIfAborted();
  const marginals = settings.marginals
    ? await marginalsTable(problem, problem.observation(observation), prepared, { draws, exact })
    : undefined;
  return {
    record: {
      ...job(group, observation),
      status: "done",
      scores,
      errors,
      sampling: finite(sampled.sampling),
      ...(shared.coverage && { coverage: shared.coverage }),
      cost: cost({
        trainCpuSeconds: prepared.trainCpuSeconds,
        sampleCpuSeconds,
        scoreCpuSeconds: shared.scoreCpuSeconds + scoreClock(),
        wallSeconds: shared.wallSeconds + (performance.now() - started) / 1000,
      }),
      made: made(prepared.engine),
    },
    draws: { names: problem.simulator.prior.names, values: owned(evenlySpaced(draws, keptDraws)) },
    ...(marginals && { marginals }),
  };
}

/** The outcome of a job that failed. */
export function failure(
  group: Omit<GroupInput, "references" | "settings">,
  observation: number,
  error: unknown,
  { engine = "none", wallSeconds = 0 }: { readonly engine?: string; readonly wallSeconds?: number } = {},
): JobOutcome {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return {
    record: {
      ...job(group, observation),
      status: "failed",
      error: { name, message },
      cost: cost({ trainCpuSeconds: 0, sampleCpuSeconds: 0, scoreCpuSeconds: 0, wallSeconds }),
      made: made(engine),
    },
  };
}

function job({ problem, method, simulations, seed }: Omit<Job, "observation">, observation: number): Job {
  return { problem, method, simulations, observation, seed };
}

function cost(seconds: Omit<CostRecord, "peakMemoryMiB" | "load">): CostRecord {
  const peakMemoryMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  return { ...seconds, peakMemoryMiB, load: loadavg()[0] };
}

function made(engine: string): MadeRecord {
  return {
    galton: ownVersion(),
    node: process.versions.node,
    engine,
    processor: (processor ??= cpus()[0]?.model ?? process.arch),
    time: new Date().toISOString(),
  };
}

/** Without the numbers that JSON lacks. */
function finite(record: SamplingRecord): SamplingRecord {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => Number.isFinite(value)),
  ) as unknown as SamplingRecord;
}

/** A view would send its whole buffer. */
function owned(rows: Matrix): Matrix {
  return { ...rows, data: rows.data.slice() };
}
