/**
 * What was measured for a target, from the results that are stored in the repository.
 *
 * `benchmarks/results/PLAN/results.jsonl` is the results file of a plan's folder; `benchmarks/results/NAME.jsonl` holds what a timing
 * command printed, behind a first line that says which command, when and on what processor.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../../src/core/errors.js";
import type { DoneRecord, JobRecord } from "../record.js";
import { readResults } from "../results.js";
import { compareJobs } from "./comparisons.js";
import { crossedMean, type JobValue } from "./statistics.js";
import type { JobSource, LineSource, Target } from "./targets.js";

/** A measured value and where it comes from. */
export interface Measurement {
  readonly value: number;
  /** Standard error; `NaN` where it is not known. */
  readonly error: number;
  /** Standard deviation of the law whose mean `value` is. */
  readonly spread?: number;
  /** The method whose value it is, where several were asked for. */
  readonly by?: string;
  /** Of Wilcoxon's signed-rank test that a paired difference is none, two-sided. */
  readonly pValue?: number;
  /** Jobs behind the value, and jobs that failed. */
  readonly jobs?: number;
  readonly failed?: number;
  readonly command: string;
  /** Year, month and day, UTC. */
  readonly date: string;
}

/** The first line of a stored timing. */
export interface TimingHeader {
  readonly command: string;
  readonly date: string;
  readonly processor: string;
}

/** Stored results, read once. */
export interface StoredResults {
  /** `undefined` where nothing is stored, or not all that the target asks for. */
  measure(target: Target): Promise<Measurement | undefined>;
}

/**
 * Opens the folder of stored results.
 *
 * @throws {ConfigError} while measuring, if a stored file is damaged; the message names the file and the line.
 */
export function storedResults(folder: string): StoredResults {
  const read = new Map<string, Promise<readonly unknown[] | undefined>>();
  const once = <T>(name: string, load: () => Promise<readonly T[]>): Promise<readonly T[] | undefined> => {
    const known = read.get(name) ?? (existsSync(join(folder, name)) ? load() : Promise.resolve(undefined));
    read.set(name, known);
    return known as Promise<readonly T[] | undefined>;
  };
  return {
    async measure({ source }) {
      if ("plan" in source) {
        const { plan } = source;
        const records = await once(join(plan, "results.jsonl"), () => readResults(join(folder, plan)));
        return records && measureJobs(records, source);
      }
      const name = `${source.file}.jsonl`;
      const lines = await once(name, () => readLines(join(folder, name)));
      return lines && measureLine(lines, source);
    },
  };
}

function measureJobs(records: readonly JobRecord[], source: JobSource): Measurement | undefined {
  const { plan, problem, method, simulations, observations, seeds, field, minus } = source;
  if (typeof method !== "string") {
    const each = method.flatMap((by) => {
      const measured = measureJobs(records, { ...source, method: by });
      return measured === undefined ? [] : [{ ...measured, by }];
    });
    return each.length === 0 ? undefined : each.reduce((a, b) => (b.value < a.value ? b : a));
  }
  const { minusSimulations = simulations } = source;
  const inBudget = (budget: number) =>
    records.filter(
      (record) =>
        record.problem === problem &&
        record.simulations === budget &&
        (observations?.includes(record.observation) ?? true) &&
        (seeds?.includes(record.seed) ?? true),
    );
  const ofMethod = inBudget(simulations).filter((record) => method === "*" || record.method === method);
  const others =
    minus === undefined ? [] : inBudget(minusSimulations).filter((record) => record.method === minus);
  const has = (list: readonly number[] | undefined, pick: (record: JobRecord) => number) =>
    (list ?? []).every((each) => ofMethod.some((record) => pick(record) === each));
  if (!has(observations, (record) => record.observation) || !has(seeds, (record) => record.seed)) {
    return undefined;
  }
  const used = [...ofMethod, ...others];
  const done = ofMethod.filter((record): record is DoneRecord => record.status === "done");
  if (done.length === 0) return undefined;
  const made = {
    jobs: done.length,
    failed: used.filter(({ status }) => status === "failed").length,
    command: `npm run bench -- benchmarks/plans/${plan}.json`,
    date: latest(used),
  };
  if (field === "cpuMinutes") return { value: cpuMinutes(used), error: NaN, ...made };
  const values = valuesOf(done, field);
  if (minus === undefined) {
    return values.length === 0 ? undefined : { ...crossedMean(values), ...made, jobs: values.length };
  }
  const compared = compareJobs(values, valuesOf(others, field));
  if (compared === undefined) return undefined; // one pair says nothing
  const { meanDifference, standardError, pValue, units } = compared;
  return { value: meanDifference, error: standardError, pValue, ...made, jobs: units };
}

function valuesOf(records: readonly JobRecord[], field: string): JobValue[] {
  return records.flatMap((record) => {
    const value = record.status === "done" ? fieldOf(record, field) : undefined;
    const { observation, seed } = record;
    return value === undefined ? [] : [{ observation, seed, value }];
  });
}

function fieldOf({ scores, cost, sampling }: DoneRecord, field: string): number | undefined {
  return { ...cost, ...sampling, ...scores }[field];
}

/** All that jobs took; observations share the training of their seed. */
function cpuMinutes(records: readonly JobRecord[]): number {
  const trainings = new Map<string, number>();
  let seconds = 0;
  for (const { problem, method, simulations, seed, cost } of records) {
    trainings.set(JSON.stringify([problem, method, simulations, seed]), cost.trainCpuSeconds);
    seconds += cost.sampleCpuSeconds + cost.scoreCpuSeconds;
  }
  return ([...trainings.values()].reduce((total, each) => total + each, 0) + seconds) / 60;
}

function latest(records: readonly JobRecord[]): string {
  return records.map(({ made }) => made.time.slice(0, 10)).reduce((a, b) => (a > b ? a : b));
}

/** One line. */
type Line = Readonly<Record<string, unknown>>;

function measureLine(
  lines: readonly Line[],
  { where, field, spreadField, errorField, over }: LineSource,
): Measurement | undefined {
  const [{ command, date }, ...others] = lines as readonly [Line & TimingHeader, ...Line[]];
  const find = (wanted: Readonly<Record<string, string>>, name: string): number | undefined => {
    const line = others.find((each) => Object.entries(wanted).every(([key, value]) => each[key] === value));
    const value = line?.[name];
    return typeof value === "number" ? value : undefined;
  };
  const own = find(where, field);
  const other = over === undefined ? own : find(over, field);
  if (own === undefined || other === undefined) return undefined;
  const spread = spreadField === undefined ? undefined : find(where, spreadField);
  const value = over === undefined ? own : other / own;
  const error = errorField === undefined ? NaN : (find(where, errorField) ?? NaN);
  return { value, error, ...(spread !== undefined && { spread }), command, date };
}

/** The lines of a stored timing, its header first. */
export async function readLines(path: string): Promise<Line[]> {
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  const objects = lines.map((line, i): Line => {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === "object" && value !== null) return value as Line;
    } catch {
      // said below
    }
    throw new ConfigError(
      `RESULTS.md: ${path}, line ${i + 1} is not a JSON object. Store the results again.`,
    );
  });
  const header = objects[0] ?? {};
  if (typeof header.command !== "string" || typeof header.date !== "string") {
    throw new ConfigError(
      `RESULTS.md: the first line of ${path} must say command and date. Store results with --store.`,
    );
  }
  return objects;
}
