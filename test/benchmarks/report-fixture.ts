/** A made-up results folder for the tests of the report: seeded numbers, plausible in size, measured by nobody. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeTable } from "../../benchmarks/draws-table.js";
import { marginalColumns } from "../../benchmarks/marginals.js";
import { findProblem } from "../../benchmarks/problems.js";
import { type JobRecord, jobId } from "../../benchmarks/record.js";
import { column } from "../../src/core/matrix.js";
import { foldIn, key } from "../../src/core/random.js";
import { type Rng, stream } from "../../src/core/rng.js";

/** What the folder is about; each has a default of the ordinary case. */
export interface FixtureOptions {
  readonly problems?: readonly string[];
  readonly methods?: readonly string[];
  readonly simulations?: readonly number[];
  readonly observations?: readonly number[];
  readonly seeds?: readonly number[];
  readonly scores?: readonly string[];
  /** Ids of jobs that failed, `"all"`, or none. */
  readonly failed?: readonly string[] | "all";
  /** Store draws. Default `true`. */
  readonly draws?: boolean;
  /** Methods whose marginal densities are kept. Default none. */
  readonly marginals?: readonly string[];
}

const levels = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);

/** The records of a made-up benchmark, in plan order. */
export function fixtureRecords({
  problems = ["two_moons", "slcp"],
  methods = ["aalr", "nre-b", "abc-4"],
  simulations = [1000, 10_000, 100_000],
  observations = [1, 2, 3],
  seeds = [1, 2],
  scores = ["c2st", "mmd", "auc"],
  failed = [],
}: FixtureOptions = {}): JobRecord[] {
  const records: JobRecord[] = [];
  for (const problem of problems)
    for (const [m, method] of methods.entries())
      for (const budget of simulations)
        for (const observation of observations)
          for (const seed of seeds) {
            const job = { problem, method, simulations: budget, observation, seed };
            const rng = stream(foldIn(key("fixture"), jobId(job)));
            records.push(
              failed === "all" || failed.includes(jobId(job))
                ? { ...job, status: "failed", error: reason, cost: cost(rng, 0), made }
                : doneRecord(job, rng, m, scores),
            );
          }
  return records;
}

const reason = {
  name: "TrainingError",
  message: "train: the loss became NaN in epoch 3; lower learningRate.",
};
const made = {
  galton: "0.1.0",
  node: "20.20.2",
  engine: "onnx (onnxruntime-node 1.30.0)",
  processor: "Made-up Processor 2000",
  time: "2026-11-22T10:00:00.000Z",
};

function cost(rng: Rng, trainCpuSeconds: number): JobRecord["cost"] {
  return {
    trainCpuSeconds,
    sampleCpuSeconds: 1 + rng.uniform(),
    scoreCpuSeconds: 4,
    wallSeconds: 20,
    peakMemoryMiB: 400,
  };
}

function doneRecord(
  job: Pick<JobRecord, "problem" | "method" | "simulations" | "observation" | "seed">,
  rng: Rng,
  rank: number,
  scores: readonly string[],
): JobRecord {
  const decades = Math.log10(job.simulations / 1000);
  const hardness = (job.problem === "two_moons" ? 0.25 : 0.45) * (1 + 0.3 * rank) * 0.55 ** decades;
  const share = Math.min(0.98, hardness + 0.03 * rng.normal());
  const value = (name: string) => (name === "mmd" ? Math.max(0, share / 2) : 0.5 + Math.max(0, share) / 2);
  const overconfidence = stream(
    foldIn(key("coverage"), `${job.method} ${job.simulations} ${job.seed}`),
  ).uniform();
  return {
    ...job,
    status: "done",
    scores: Object.fromEntries(scores.map((name) => [name, value(name)])),
    errors: Object.fromEntries(scores.map((name) => [name, 0.004])),
    sampling: job.method.startsWith("abc")
      ? { draws: 10_000, acceptance: 0.03 + 0.001 * rng.uniform() }
      : { draws: 10_000, rhat: 1.001 + 0.004 * rng.uniform(), essBulk: 8000 + 500 * rng.normal() },
    ...(!job.method.startsWith("abc") && {
      coverage: {
        credibility: levels,
        coverage: levels.map((level) => level ** (1 + 0.3 * overconfidence)),
        pairs: 300,
      },
    }),
    cost: cost(rng, job.method.startsWith("abc") ? 0 : 3 * (1 + rank) * 10 ** (0.8 * decades)),
    made,
  };
}

/** Writes the folder: plan, results and draws, which are exact ones pushed apart. */
export async function writeFixture(folder: string, options: FixtureOptions = {}): Promise<JobRecord[]> {
  const records = fixtureRecords(options);
  mkdirSync(join(folder, "draws"), { recursive: true });
  const plan = {
    name: "made-up",
    title: "A made-up comparison",
    problems: [...new Set(records.map(({ problem }) => problem))],
    methods: [...new Set(records.map(({ method }) => method))],
    simulations: [...new Set(records.map(({ simulations }) => simulations))],
    observations: [...new Set(records.map(({ observation }) => observation))],
    seeds: [...new Set(records.map(({ seed }) => seed))],
  };
  writeFileSync(join(folder, "plan.json"), JSON.stringify(plan));
  writeFileSync(
    join(folder, "results.jsonl"),
    records.map((record) => `${JSON.stringify(record)}\n`).join(""),
  );
  if (options.draws === false) return records;
  const largest = Math.max(...plan.simulations);
  for (const record of records) {
    if (record.status !== "done" || record.simulations !== largest || record.seed !== plan.seeds[0]) continue;
    if (record.observation !== plan.observations[0]) continue; // no other is shown
    const problem = await findProblem(record.problem);
    const draws = problem.exactPosterior(problem.observation(record.observation), 300, key(jobId(record)));
    const rng = stream(key(`noise ${record.method}`));
    const noise = 0.05 * (1 + plan.methods.indexOf(record.method));
    const { low, high } = problem.simulator.prior.spec as unknown as { low: number[]; high: number[] };
    draws.data.forEach((value, i) => {
      const j = i % draws.cols;
      draws.data[i] = Math.min(high[j], Math.max(low[j], value + noise * rng.normal())); // stays in the prior's box
    });
    const columns = problem.simulator.prior.names.map((name, j) => [name, column(draws, j)] as const);
    writeFileSync(join(folder, "draws", `${jobId(record)}.arrow`), encodeTable(columns));
    if (options.marginals?.includes(record.method)) writeMarginals(folder, record, low, high);
  }
  return records;
}

/** Bells over the prior's box, the learned ones wider. */
function writeMarginals(folder: string, record: JobRecord, low: readonly number[], high: readonly number[]) {
  const points = 40;
  const columns = marginalColumns.map((name) => [name, new Float64Array(low.length * points)] as const);
  const [parameter, theta, learned, exact] = columns.map(([, values]) => values);
  for (let i = 0; i < parameter.length; i++) {
    const j = (parameter[i] = Math.floor(i / points));
    const z = ((i % points) + 0.5) / points - 0.5;
    theta[i] = (low[j] + high[j]) / 2 + z * (high[j] - low[j]);
    learned[i] = Math.exp(-((z / 0.2) ** 2));
    exact[i] = Math.exp(-((z / 0.1) ** 2)) * 2;
  }
  mkdirSync(join(folder, "marginals"), { recursive: true });
  writeFileSync(join(folder, "marginals", `${jobId(record)}.arrow`), encodeTable(columns));
}
