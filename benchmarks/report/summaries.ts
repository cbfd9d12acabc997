/**
 * Stored results, gathered by problem, method and budget.
 *
 * @module
 */
import type { Measured } from "../../src/report/table.js";
import type { CoverageRecord, DoneRecord, FailedRecord, JobRecord } from "../record.js";
import { average, crossedMean } from "./statistics.js";

/** All jobs of one method on one problem with one budget. */
export interface GroupSummary {
  readonly problem: string;
  readonly method: string;
  readonly simulations: number;
  readonly done: readonly DoneRecord[];
  readonly failed: number;
  /** Means of the scores that all or some of the jobs have. */
  readonly scores: Readonly<Record<string, Measured>>;
  readonly trainCpuSeconds: Measured;
  readonly sampleCpuSeconds: Measured;
  /** Training and sampling of one observation. */
  readonly cpuSeconds: Measured;
  /** Worst R-hat and mean bulk ESS; `undefined` for independent draws. */
  readonly rhat?: number;
  readonly essBulk?: number;
  readonly acceptance?: Measured;
  /** Pooled over trainings. */
  readonly coverage?: CoverageRecord;
}

/** Gathers records; groups stand in the order of their first records. */
export function summaries(records: readonly JobRecord[]): GroupSummary[] {
  const groups = new Map<string, JobRecord[]>();
  for (const record of records) {
    const name = JSON.stringify([record.problem, record.method, record.simulations]);
    const group = groups.get(name);
    if (group) group.push(record);
    else groups.set(name, [record]);
  }
  return [...groups.values()].map(summarise);
}

/** Values of one field of the groups, each once, in the order of their first records. */
export function distinct<Field extends "problem" | "method" | "simulations">(
  groups: readonly GroupSummary[],
  field: Field,
): GroupSummary[Field][] {
  return [...new Set(groups.map((group) => group[field]))];
}

function summarise(records: readonly JobRecord[]): GroupSummary {
  const [{ problem, method, simulations }] = records;
  const done = records.filter((record): record is DoneRecord => record.status === "done");
  const names = [...new Set(done.flatMap(({ scores }) => Object.keys(scores)))];
  const mean = (pick: (record: DoneRecord) => number | undefined) =>
    crossedMean(
      done.flatMap((record) => {
        const value = pick(record);
        const { observation, seed } = record;
        return value === undefined ? [] : [{ observation, seed, value }];
      }),
    );
  const sampled = (pick: (record: DoneRecord) => number | undefined) =>
    done.map(pick).filter((value) => value !== undefined);
  const rhats = sampled(({ sampling }) => sampling?.rhat);
  const sizes = sampled(({ sampling }) => sampling?.essBulk);
  const coverage = pooledCoverage(done);
  const acceptance = mean(({ sampling }) => sampling?.acceptance);
  return {
    problem,
    method,
    simulations,
    done,
    failed: records.length - done.length,
    scores: Object.fromEntries(names.map((name) => [name, withBootstrap(name, done, mean)])),
    trainCpuSeconds: mean(({ cost }) => cost.trainCpuSeconds),
    sampleCpuSeconds: mean(({ cost }) => cost.sampleCpuSeconds),
    cpuSeconds: mean(({ cost }) => cost.trainCpuSeconds + cost.sampleCpuSeconds),
    ...(rhats.length > 0 && { rhat: Math.max(...rhats) }),
    ...(sizes.length > 0 && { essBulk: average(sizes) }),
    ...(!Number.isNaN(acceptance.value) && { acceptance }),
    ...(coverage && { coverage }),
  };
}

/** The mean of a score; the error of a single job is that of its bootstrap, where there is one. */
function withBootstrap(
  name: string,
  done: readonly DoneRecord[],
  mean: (pick: (record: DoneRecord) => number | undefined) => Measured,
): Measured {
  const of = mean(({ scores }) => scores[name]);
  if (!Number.isNaN(of.error)) return of;
  const [only] = done.filter(({ scores }) => scores[name] !== undefined);
  return { value: of.value, error: only.errors[name] ?? NaN };
}

/** Observations of one training share its coverage, so each training counts once. */
function pooledCoverage(done: readonly DoneRecord[]): CoverageRecord | undefined {
  const trainings = new Map<number, CoverageRecord>();
  for (const { seed, coverage } of done) if (coverage) trainings.set(seed, coverage);
  const [first, ...others] = trainings.values();
  if (first === undefined) return undefined;
  const same = [first, ...others].filter(
    ({ credibility }) => JSON.stringify(credibility) === JSON.stringify(first.credibility),
  );
  const pairs = same.reduce((total, each) => total + each.pairs, 0);
  return {
    credibility: first.credibility,
    coverage: first.coverage.map(
      (_, i) => same.reduce((total, each) => total + each.pairs * each.coverage[i], 0) / pairs,
    ),
    pairs,
  };
}

/** The failures, in the order of the results. */
export function failures(records: readonly JobRecord[]): FailedRecord[] {
  return records.filter((record): record is FailedRecord => record.status === "failed");
}
