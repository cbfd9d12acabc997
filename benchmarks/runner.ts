/**
 * Runs a plan into a results folder: what is there already is not done again, what fails is recorded, and what is
 * cheap comes first, so that a page of early results is a small copy of the whole.
 *
 * @module
 */
import type { LongTask } from "../src/core/contracts.js";
import { ConfigError, ExecutorError } from "../src/core/errors.js";
import { type Executor, type Job as ExecutorJob, runAll } from "../src/executor/executor.js";
import { inline } from "../src/executor/inline.js";
import { failure, type GroupInput, type JobOutcome } from "./group.js";
import { type PlannedJob, parsePlan, type ResolvedPlan, resolvePlan, settingsDifference } from "./plan.js";
import { type JobRecord, jobId } from "./record.js";
import { openResults, type ResultsFolder } from "./results.js";

/** Options of `runPlan`; progress is counted in jobs of this run. */
export interface RunPlanOptions extends LongTask {
  /** Results folder; a run that was stopped goes on there. */
  readonly out: string;
  /** Where the jobs run; the caller disposes of it. Default: one after the other in this thread. */
  readonly executor?: Executor;
  /** Do jobs again whose stored result is a failure. Default `false`. */
  readonly retryFailed?: boolean;
  /** Told each result once it is on the disk. */
  readonly onRecord?: (record: JobRecord) => void;
  /** Told what was found and repaired. */
  readonly onNote?: (note: string) => void;
}

/** What a run did. */
export interface RunSummary {
  /** Jobs of the plan. */
  readonly planned: number;
  /** Jobs that were there before. */
  readonly kept: number;
  /** Results of this run; `failed` of them are failures. */
  readonly finished: number;
  readonly failed: number;
  /** Results of all jobs of the plan, in its order. */
  readonly records: readonly JobRecord[];
}

/**
 * Runs the jobs of a plan that its results folder does not hold yet. Aborting rejects; results that arrived are kept.
 *
 * @throws {ConfigError} if the folder cannot be used, is in use, or holds results made with other settings.
 * @example
 * const { records } = await runPlan(await readPlan("benchmarks/plans/smoke.json"), { out: "results/smoke" });
 */
export async function runPlan(resolved: ResolvedPlan, options: RunPlanOptions): Promise<RunSummary> {
  const { out, retryFailed = false, signal, onProgress, onRecord, onNote } = options;
  signal?.throwIfAborted();
  await using results = await openResults(out);
  for (const repair of results.repairs) onNote?.(repair);
  await storePlan(results, resolved, out);

  const stored = (job: PlannedJob) => results.records.get(jobId(job));
  const missing = resolved.jobs.filter((job) => {
    const record = stored(job);
    return record === undefined || (retryFailed && record.status === "failed");
  });
  const groups = groupJobs(missing);
  await using own = options.executor ? undefined : inline();
  let finished = 0;
  let failed = 0;
  await runAll<JobOutcome[]>(recordingFailures(options.executor ?? own!, signal), groups.map(executorJob), {
    signal,
    async onOutput(outcomes) {
      await results.append(outcomes);
      for (const { record } of outcomes) {
        finished++;
        if (record.status === "failed") failed++;
        onRecord?.(record);
        onProgress?.({ done: finished, total: missing.length });
      }
    },
  });
  await results.sort(resolved.jobs.map(jobId));
  return {
    planned: resolved.jobs.length,
    kept: resolved.jobs.length - missing.length,
    finished,
    failed,
    records: resolved.jobs.map((job) => stored(job)!),
  };
}

/** Jobs that share a training, in the order in which they are to run: small budgets first, then first seeds. */
export function groupJobs(jobs: readonly PlannedJob[]): GroupInput[] {
  const groups = new Map<string, GroupInput & { readonly observations: number[] }>();
  for (const { problem, method, simulations, seed, observation, references, settings } of jobs) {
    const name = JSON.stringify([problem, method, simulations, seed, settings]);
    const group = groups.get(name);
    if (group) group.observations.push(observation);
    else
      groups.set(name, {
        problem,
        method,
        simulations,
        seed,
        observations: [observation],
        references,
        settings,
      });
  }
  return [...groups.values()].sort((a, b) => a.simulations - b.simulations || a.seed - b.seed); // stable: else plan order
}

function executorJob(input: GroupInput): ExecutorJob<GroupInput> {
  const module = new URL(import.meta.url.endsWith(".ts") ? "./group.ts" : "./group.js", import.meta.url);
  return { module, exportName: "runGroupJob", input };
}

/** A worker that dies, or refuses what it is to load, is the result of its jobs too; a queue that is gone is not. */
function recordingFailures(executor: Executor, signal?: AbortSignal): Executor {
  return {
    ...executor,
    async run<Output>(job: ExecutorJob, options?: { readonly signal?: AbortSignal }): Promise<Output> {
      try {
        return await executor.run<Output>(job, options);
      } catch (error) {
        signal?.throwIfAborted();
        if (isOurs(error)) throw error;
        const group = job.input as GroupInput;
        return group.observations.map((observation) => failure(group, observation, error)) as Output;
      }
    },
  };
}

/** Whether the fault lies on this side of the queue: a wrong address, a package that is missing, a Redis that is away. */
function isOurs(error: unknown): boolean {
  return (
    error instanceof ConfigError || (error instanceof ExecutorError && error.message.startsWith("bullmq: "))
  );
}

/** Writes the plan of the folder: of the one that is there and this one, what covers both. */
async function storePlan(
  results: ResultsFolder,
  { plan, jobs }: ResolvedPlan,
  folder: string,
): Promise<void> {
  if (results.plan === undefined) {
    if (results.records.size > 0) {
      throw new ConfigError(
        `bench: ${folder} holds results but no plan.json, so nobody knows their settings. Choose another folder.`,
      );
    }
    return results.writePlan(plan);
  }
  const before = await resolvePlan(await parsePlan(results.plan, `${folder}/plan.json`), {
    where: `${folder}/plan.json`,
  });
  const there = new Map(before.jobs.map((job) => [jobId(job), job]));
  const used = new Map(before.jobs.map(({ settings }) => [JSON.stringify(settings), settings]));
  const sources = new Map(
    before.jobs.flatMap(({ problem, method, references }) => [
      [`problem ${problem}`, references.problem],
      [`method ${method}`, references.method],
    ]),
  );
  for (const job of jobs) {
    const same = there.get(jobId(job));
    const differences = [...(same ? [same.settings] : used.values())].map((settings) =>
      settingsDifference(settings, job.settings),
    );
    if (!differences.includes(undefined)) refuse(folder, job, `${differences[0]}, there and now`);
    for (const kind of ["problem", "method"] as const) {
      const other = sources.get(`${kind} ${job[kind]}`) ?? job.references[kind];
      if (other !== job.references[kind])
        refuse(folder, job, `the ${kind} of that name from ${other}, there`);
    }
  }
  const now = new Set(jobs.map(jobId));
  if (before.jobs.every((job) => now.has(jobId(job)))) return results.writePlan(plan);
  if (jobs.every((job) => there.has(jobId(job)))) return;
  return results.writePlan({ ...plan, comparisons: [...before.plan.comparisons, ...plan.comparisons] });
}

function refuse(folder: string, job: PlannedJob, difference: string): never {
  throw new ConfigError(
    `bench: ${folder} holds results made otherwise, which cannot be compared with ${jobId(job)}: ${difference}. ` +
      "Use the settings of its plan.json, or another folder with --out.",
  );
}
