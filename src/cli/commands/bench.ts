/**
 * `galton bench`: runs a plan, or one made of flags, into a results folder.
 *
 * @module
 */
import type { Plan, ResolvedPlan } from "../../../benchmarks/plan.js";
import type { DoneRecord, JobRecord } from "../../../benchmarks/record.js";
import { ConfigError } from "../../core/errors.js";
import { defineCommand } from "../command.js";
import { executorOptions, openExecutor } from "../executor-option.js";
import { choice, integer, text, toggle, type Values, words } from "../options.js";
import { counter } from "../terminal.js";

/** Flags that make a plan; with a plan file they would contradict it. */
const planOptions = {
  problem: words("NAMES", "without PLAN: problems, or ./my-problem.js#export"),
  method: words("NAMES", "methods, or ./my-method.js#export; default aalr"),
  simulations: text("LIST", "budgets of simulations; default 10000"),
  observations: text("LIST", "numbers of observations, such as 1-3; default 1"),
  seed: text("LIST", "seeds; default 1"),
  scores: words("NAMES", "scores; default c2st,mmd,mmdReference,auc"),
  draws: integer("N", "draws of each posterior; default 10000"),
  quick: toggle("1,000 draws of each posterior"),
  contrasts: integer("K", "contrasts per simulation, instead of the method's own"),
  epochs: integer("N", "passes over the simulations, instead of the default"),
  batchSize: integer("N", "rows per step, instead of the default"),
  ensemble: integer("N", "networks, averaged; default 1"),
  engine: choice(["onnx", "wasm", "tfjs"], "default the fastest present"),
};

/** Measures methods on problems whose posterior is known. */
export const bench = defineCommand({
  name: "bench",
  summary: "compare methods on problems whose posterior is known",
  description:
    "Every combination of problems, methods, budgets, observations and seeds is a job: one line in FOLDER/results.jsonl. " +
    "A run that was stopped goes on when it is started again; what is there is not done twice, and a job that fails is a " +
    "result with its reason. Lists are words or whole numbers separated by commas, and ranges such as 1-5.",
  arguments: [
    { name: "PLAN", help: "JSON file such as benchmarks/plans/smoke.json; or --problem", optional: true },
  ],
  options: {
    out: text(
      "FOLDER",
      "results folder; default results/NAME of the plan, and a new one under results/ without PLAN",
    ),
    ...executorOptions,
    seeds: text("LIST", "with PLAN: only these of its seeds, such as 1-5"),
    retryFailed: toggle("do jobs again that failed"),
    json: toggle("print one JSON object per finished job, and nothing else"),
    ...planOptions,
  },
  example: {
    command: "galton bench --problem slcp --method aalr --simulations 10000 --observations 1-3",
    result:
      "Trains once, samples the posterior of three observations, compares 10,000 draws of each with exact ones, and prints accuracy and CPU time.",
  },

  async run({ words: [path], options, line }, terminal) {
    const { mkdir } = await import("node:fs/promises");
    const { basename, join } = await import("node:path");
    const { runPlan } = await import("../../../benchmarks/runner.js");
    const { flatRecord } = await import("../../../benchmarks/record.js");
    const resolved = path === undefined ? await planOfFlags(options, line) : await planOfFile(path, options);
    const made = path === undefined ? `${new Date().toISOString().replace(/[:.]/g, "-")}-${process.pid}` : "";
    const out = options.out ?? join("results", path === undefined ? made : basename(resolved.plan.name));
    if (options.out === undefined) await mkdir("results", { recursive: true });
    terminal.ifStopped(() =>
      path === undefined && options.out === undefined
        ? `Finished jobs are in ${out}; run the same command with --out ${out} to go on.`
        : `Finished jobs are in ${out}; run the same command again to go on.`,
    );
    await using executor = await openExecutor(options);
    const { planned, kept, finished, failed, records } = await runPlan(resolved, {
      out,
      retryFailed: options.retryFailed,
      signal: terminal.signal,
      ...(executor && { executor }),
      onNote: terminal.note,
      onProgress: counter(terminal, "jobs"),
      onRecord: (record) =>
        options.json ? terminal.json(flatRecord(record)) : terminal.result(describe(record)),
    });
    if (!options.json && finished > 0) for (const text of means(records)) terminal.result(text);
    const bad = records.filter(({ status }) => status === "failed").length;
    terminal.note(
      finished === 0
        ? `Nothing to do: all ${planned} jobs are in ${out}${bad > 0 ? `, ${bad} of them failed (--retry-failed does those again)` : ""}.`
        : `${finished} jobs done, ${failed} of them failed${kept > 0 ? `; ${kept} were there before` : ""}; results in ${out}.`,
    );
    return 0;
  },
});

type Options = Values<typeof planOptions> & { readonly seeds: string | undefined };

async function planOfFile(path: string, options: Options): Promise<ResolvedPlan> {
  const extra = (Object.keys(planOptions) as (keyof typeof planOptions)[]).find(
    (name) => options[name] !== undefined && options[name] !== false,
  );
  if (extra !== undefined) {
    const { flagOf } = await import("../options.js");
    throw new ConfigError(
      `bench: ${flagOf(extra)} goes without a plan; ${path} says it itself.${extra === "seed" ? " --seeds takes some of its seeds." : ""}`,
    );
  }
  const { readPlan, withSeeds } = await import("../../../benchmarks/plan.js");
  const resolved = await readPlan(path);
  return options.seeds === undefined
    ? resolved
    : withSeeds(resolved, await numbers("--seeds", options.seeds));
}

async function planOfFlags(options: Options, line: string): Promise<ResolvedPlan> {
  const { parsePlan, resolvePlan } = await import("../../../benchmarks/plan.js");
  const { problem, method = ["aalr"], simulations, observations, seed, seeds, quick, scores } = options;
  if (problem === undefined) {
    const { problems } = await import("../../../benchmarks/problems.js");
    throw new ConfigError(
      `bench: expected a plan file or --problem, got neither. Problems: ${Object.keys(problems).join(", ")}.`,
    );
  }
  if (quick && options.draws !== undefined)
    throw new ConfigError("bench: --quick and --draws contradict each other.");
  if (seed !== undefined && seeds !== undefined)
    throw new ConfigError("bench: --seed and --seeds are the same here; give one.");
  const { contrasts, epochs, batchSize, ensemble, engine } = options;
  const training = withoutUndefined({ contrasts, epochs, batchSize, ensemble, engine });
  const list = async (flag: string, value: string | undefined) => value && (await numbers(flag, value));
  const plan: Plan = await parsePlan(
    withoutUndefined({
      name: "bench",
      title: line,
      problems: problem,
      methods: method,
      simulations: await list("--simulations", simulations),
      observations: await list("--observations", observations),
      seeds: await list("--seed", seed ?? seeds),
      scores,
      draws: quick ? 1000 : options.draws,
      training: Object.keys(training).length > 0 ? training : undefined,
    }),
    "bench",
  );
  return resolvePlan(plan, { where: "bench" });
}

async function numbers(flag: string, value: string): Promise<number[]> {
  const { readRange } = await import("../../../benchmarks/plan-schema.js");
  const list = readRange(value);
  if (!list)
    throw new ConfigError(`bench: ${flag} must be whole numbers such as 1,2,3 or 1-3, got "${value}".`);
  return list;
}

const labels: Readonly<Record<string, string>> = { c2st: "C2ST", mmd: "MMD", auc: "AUC" };

function describe(record: JobRecord): string {
  const { problem, method, simulations, observation, seed, cost } = record;
  const job = `${problem} ${method} n=${simulations} observation ${observation} seed ${seed}: `;
  if (record.status === "failed") return `${job}FAILED: ${record.error.message}`;
  const { draws, rhat, essBulk, acceptance } = record.sampling ?? {};
  return (
    job +
    [
      ...Object.entries(record.scores).map(
        ([name, value]) => `${labels[name] ?? name} ${value.toFixed(name === "logRatioMse" ? 5 : 3)}`,
      ),
      ...(cost.trainCpuSeconds > 0 ? [`train ${cost.trainCpuSeconds.toFixed(1)} CPU s`] : []),
      ...(draws === undefined
        ? []
        : [
            `sample ${cost.sampleCpuSeconds.toFixed(2)} CPU s (${Math.round(draws / cost.sampleCpuSeconds)} draws per CPU s)`,
          ]),
      ...(rhat === undefined ? [] : [`R-hat ${rhat.toFixed(3)}`]),
      ...(essBulk === undefined ? [] : [`bulk ESS ${Math.round(essBulk)}`]),
      ...(acceptance === undefined ? [] : [`acceptance ${acceptance.toPrecision(3)}`]),
    ].join("  ")
  );
}

/** A line for each configuration that has several results: their means. */
function means(records: readonly JobRecord[]): string[] {
  const groups = new Map<string, DoneRecord[]>();
  for (const record of records) {
    if (record.status !== "done") continue;
    const name = `${record.problem} ${record.method} n=${record.simulations}`;
    groups.set(name, [...(groups.get(name) ?? []), record]);
  }
  return [...groups].flatMap(([name, group]) => {
    if (group.length < 2) return [];
    const mean = (score: string) => group.reduce((sum, { scores }) => sum + scores[score], 0) / group.length;
    const shared = Object.keys(group[0].scores).filter((score) =>
      group.every(({ scores }) => Object.hasOwn(scores, score)),
    );
    const texts = shared.map((score) => `${labels[score] ?? score} ${mean(score).toFixed(4)}`);
    return texts.length === 0 ? [] : [`${name}, mean of ${group.length}: ${texts.join("  ")}`];
  });
}

function withoutUndefined<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
}
