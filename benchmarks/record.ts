/**
 * What a benchmark writes down of one job: one JSON line of `results.jsonl`. A job is one observation of one
 * problem, inferred by one method from one budget of simulations with one seed. Where a ratio is learned from gold there is no
 * observation: the job has number 1 and no draws.
 *
 * All that depends on the machine or the moment stands in `cost` and `made`; the rest of a line is a pure function
 * of the job (per engine and kind of processor, for trained methods).
 *
 * @module
 */

/** What identifies a job. */
export interface Job {
  readonly problem: string;
  readonly method: string;
  /** Simulations that the method may use. */
  readonly simulations: number;
  /** Number of the observation, counted from one. */
  readonly observation: number;
  readonly seed: number;
}

/**
 * Comparisons of the draws with exact ones, by name: `c2st`, `mmd` (pooled bandwidth), `mmdReference` (bandwidth from
 * the exact draws alone), `auc`, `slicedWasserstein`; the mean squared error of the learned log ratio over exact draws,
 * or over the test rows of a problem that gives gold, `logRatioMse` (nats squared); there, that of the learned log density, `logProbMse`, and the share of the exact score at the reference point that is missed, `scoreMse`; and what needs no exact draws, `negativeLogProbTruth` (nats). A score that a method or a
 * problem cannot give is left out: the last two of a ratio that is known up to a constant only (NRE-B, AALR (LRT)).
 */
export type Scores = Readonly<Record<string, number>>;

/** How the draws were made. */
export interface SamplingRecord {
  readonly draws: number;
  /** The worst parameter's; left out for independent draws. */
  readonly rhat?: number;
  readonly essBulk?: number;
  /** Share of simulations that rejection kept. */
  readonly acceptance?: number;
}

/** Share of held-out truths inside the highest-density regions of each credibility. */
export interface CoverageRecord {
  readonly credibility: readonly number[];
  readonly coverage: readonly number[];
  /** Held-out pairs behind each share. */
  readonly pairs: number;
}

/** What it took; never equal twice. */
export interface CostRecord {
  /** Training alone, shared by all observations of the same training. */
  readonly trainCpuSeconds: number;
  readonly sampleCpuSeconds: number;
  /** With the job's share of the coverage of its training. */
  readonly scoreCpuSeconds: number;
  /** From the start of the training, which observations share, to its end, and from the start of the job to its own. */
  readonly wallSeconds: number;
  /** Largest resident memory of the process so far. */
  readonly peakMemoryMiB: number;
  /** One-minute load average at the end of the job, where it was noted: processors that are shared inflate CPU seconds. */
  readonly load?: number;
}

/** With what it was made. */
export interface MadeRecord {
  readonly galton: string;
  readonly node: string;
  /** Engine and its version, and the kind of processor: trained weights are equal where these are. */
  readonly engine: string;
  readonly processor: string;
  /** ISO 8601, UTC. */
  readonly time: string;
}

interface Common extends Job {
  readonly cost: CostRecord;
  readonly made: MadeRecord;
}

/** A job that gave a result. */
export interface DoneRecord extends Common {
  readonly status: "done";
  readonly scores: Scores;
  /** Standard errors of scores, from the bootstrap. */
  readonly errors: Scores;
  /** Left out where nothing is drawn: a ratio is judged by itself. */
  readonly sampling?: SamplingRecord;
  /** The same for all observations of one training. */
  readonly coverage?: CoverageRecord;
}

/** A job that failed, with its reason. */
export interface FailedRecord extends Common {
  readonly status: "failed";
  readonly error: { readonly name: string; readonly message: string };
}

export type JobRecord = DoneRecord | FailedRecord;

/** The name of a job in file names and messages, such as `slcp.aalr.10000.obs1.seed1`. */
export function jobId({ problem, method, simulations, observation, seed }: Job): string {
  return `${problem}.${method}.${simulations}.obs${observation}.seed${seed}`;
}

/**
 * A record without nesting, one field per number, as `--json` prints it: the job, `status`, the scores, the costs and
 * how it was sampled side by side; `errors`, `coverage`, `error` and `made` stay as they are.
 */
export function flatRecord(record: JobRecord): Readonly<Record<string, unknown>> {
  const { cost, made, ...job } = record;
  if (job.status === "failed") return { ...job, ...cost, made };
  const { scores, errors, sampling, coverage, ...rest } = job;
  return { ...rest, ...scores, ...cost, ...sampling, errors, ...(coverage && { coverage }), made };
}

/**
 * Makes a reader of stored lines. It throws a `SyntaxError` for what is not JSON, and a `TypeError` that names the
 * field for JSON of something else.
 */
export async function recordReader(): Promise<(line: string) => JobRecord> {
  const { z } = await import("zod");
  const count = z.int().nonnegative();
  const numbers = z.record(z.string(), z.number());
  const common = {
    problem: z.string().min(1),
    method: z.string().min(1),
    simulations: count,
    observation: count,
    seed: count,
    cost: numbers,
    made: z.record(z.string(), z.string()),
  };
  const schema = z.discriminatedUnion("status", [
    z.object({
      ...common,
      status: z.literal("done"),
      scores: numbers,
      errors: numbers,
      sampling: z.looseObject({ draws: count }).optional(),
    }),
    z.object({
      ...common,
      status: z.literal("failed"),
      error: z.object({ name: z.string(), message: z.string() }),
    }),
  ]);
  return (line) => {
    const value: unknown = JSON.parse(line);
    const result = schema.safeParse(value);
    if (result.success) return value as JobRecord;
    const { path, message } = result.error.issues[0];
    throw new TypeError(`${path.length > 0 ? `"${path.join(".")}": ` : ""}${message}`);
  };
}
