/**
 * What was promised, and where each number is found among the stored results: one list, from which RESULTS.md is made.
 *
 * @module
 */
import { publishedC2st, table2 } from "../published.js";
import {
  carlTargets,
  goldTargets,
  localTargets,
  lotkaVolterraTargets,
  scandalTargets,
} from "./gold-targets.js";

/** Jobs of one plan, stored as `benchmarks/results/PLAN/results.jsonl`. */
export interface JobSource {
  readonly plan: string;
  readonly problem: string;
  /** `"*"` is all; of several the one with the least mean counts. */
  readonly method: string | readonly string[];
  readonly simulations: number;
  readonly observations?: readonly number[];
  readonly seeds?: readonly number[];
  /** A score by name, or a cost or sampling field; `cpuMinutes` is the total of all jobs, trainings counted once. */
  readonly field: string;
  /** Method whose values are taken away, paired by observation and seed; the error is then the bootstrap's. */
  readonly minus?: string;
  /** Its budget, where it is another. */
  readonly minusSimulations?: number;
}

/** One line of `benchmarks/results/FILE.jsonl`, which a timing command printed. */
export interface LineSource {
  readonly file: string;
  /** Fields by which the line is found. */
  readonly where: Readonly<Record<string, string>>;
  readonly field: string;
  /** The field that says how wide the law is whose mean is measured; left out, there is none. */
  readonly spreadField?: string;
  /** The field with the standard error of what is measured; left out, it is not known. */
  readonly errorField?: string;
  /** The same field of another line, divided by this one: how many times faster. */
  readonly over?: Readonly<Record<string, string>>;
}

/** One promise, or a number to know. */
export interface Target {
  /** Name of the block of RESULTS.md. */
  readonly block: string;
  /** What is measured, with its unit. */
  readonly what: string;
  readonly source: JobSource | LineSource;
  /** Met by values up to, or from, or within `tolerance` of the limit; `"shown"` promises nothing. */
  readonly kind: "atMost" | "atLeast" | "within" | "shown";
  /** `NaN` where nothing is promised. */
  readonly limit: number;
  readonly tolerance?: number;
  /** Standard errors by which the limit must be cleared. Default 0. */
  readonly sigmas?: number;
  /** What others published for the same. */
  readonly published?: string;
  /** Who asks for it. */
  readonly origin: string;
}

const foundation = "the foundation, problems with known answers";
const engine = "the foundation, the engine";
const flows = "conditional densities";
const scale = "benchmarks at scale";
const scoring = "benchmarks at scale, scoring";
const sampling = "samplers";

/** Methods of ours that any observation can use once they are trained. */
const amortised = ["aalr", "npe", "npe-maf", "nle"] as const;

/** C2ST that the better of them must reach with 10,000 simulations. */
const taskLimits = {
  two_moons: 0.52,
  slcp: 0.72,
  slcp_distractors: 0.95,
  bernoulli_glm: 0.59,
  bernoulli_glm_raw: 0.7,
  gaussian_linear: 0.53,
  gaussian_linear_uniform: 0.535,
  gaussian_mixture: 0.56,
  sir: 0.62,
  lotka_volterra: 0.9,
} as const;

/** Every target with a number, in the order of RESULTS.md. */
export const targets: readonly Target[] = [
  ...Object.entries(taskLimits).map(
    ([problem, limit]): Target => ({
      block: "sbi",
      what: `${problem}, the best of ${amortised.join(", ")}: C2ST`,
      source: { plan: "sbi", problem, method: amortised, simulations: 10_000, field: "c2st" },
      kind: "atMost",
      limit,
      published: ["NRE", "NPE", "NLE", "NRE-C"]
        .map((label) => `${label} ${publishedC2st(problem, label, 10_000)}`)
        .join(", "),
      origin: flows,
    }),
  ),
  ...["two_moons", "slcp", "gaussian_linear", "gaussian_linear_uniform", "gaussian_mixture"].flatMap(
    (problem) =>
      [1000, 10_000, 100_000].map((simulations): Target => {
        const others = ["NRE", "NPE", "NLE", "NRE-C"].map(
          (label) => `${label} ${publishedC2st(problem, label, simulations)}`,
        );
        return {
          block: "sbibm",
          what: `${problem}, aalr, ${simulations} simulations: C2ST`,
          source: { plan: "sbibm", problem, method: "aalr", simulations, field: "c2st" },
          kind: "shown",
          limit: Number.NaN,
          published: others.join(", "),
          origin: scale,
        };
      }),
  ),
  ...(
    [
      ["mlp-small", 4, engine],
      ["mlp-middle", 1.4, engine],
      ["mlp-large", 1.1, engine],
      ["conv", 1, engine],
      ["maf", 3, flows],
      ["nsf", 3, flows],
    ] as const
  ).map(
    ([network, limit, origin]): Target => ({
      block: "engine",
      what: `${network}: times faster than PyTorch`,
      source: {
        file: origin === flows ? "flows" : "engine",
        where: { network, engine: "onnx" },
        field: "cpuMsPerStep",
        over: { network, engine: "torch" },
      },
      kind: "atLeast",
      limit,
      origin,
    }),
  ),
  ...(
    [
      ["two_moons", "aalr", 0.53],
      ["slcp", "aalr", 0.88],
      ["slcp", "aalr-k32", 0.86],
      ["gaussian_linear", "aalr", 0.54],
      ["gaussian_linear_uniform", "aalr", 0.6],
    ] as const
  ).map(
    ([problem, method, limit]): Target => ({
      block: "bench",
      what: `${problem}, ${method}: C2ST`,
      source: foundationJobs(problem, method, "c2st"),
      kind: "atMost",
      limit,
      published: ["NRE", "NRE-C"]
        .map((label) => `${label} ${publishedC2st(problem, label, 10_000)}`)
        .join(", "),
      origin: foundation,
    }),
  ),
  foundationCost("two_moons", "training, CPU s", "trainCpuSeconds", 10, "sbi 48"),
  foundationCost("slcp", "training, CPU s", "trainCpuSeconds", 30, "sbi 47"),
  foundationCost("two_moons", "10,000 draws, CPU s", "sampleCpuSeconds", 1, "sbi 5.7"),
  foundationCost("slcp", "10,000 draws, CPU s", "sampleCpuSeconds", 1, "sbi 14.6"),
  table2Target("aalr: MMD", "aalr", "mmd", { kind: "atMost", limit: 0.05 }),
  table2Target("aalr: ROC AUC", "aalr", "auc", { kind: "atMost", limit: 0.59 }),
  ...(["mmd", "auc"] as const).map((field) => {
    const target = table2Target(`aalr-lrt less aalr: ${field}`, "aalr-lrt", field, {
      kind: "atLeast",
      limit: 0,
      sigmas: 3, // "clearly worse"
    });
    const { published: _, source, ...rest } = target;
    return { ...rest, source: { ...(source as JobSource), minus: "aalr" } };
  }),
  ...[32, 16, 8, 4].flatMap((epsilon, i) => [
    table2Target(`abc-${epsilon}: ROC AUC`, `abc-${epsilon}`, "auc", {
      kind: "within",
      limit: [0.992, 0.99, 0.982, 0.966][i],
      tolerance: 0.01,
    }),
    table2Target(`abc-${epsilon}: acceptance`, `abc-${epsilon}`, "acceptance", {
      kind: "within",
      limit: [0.994, 0.757, 0.221, 0.032][i],
      tolerance: 0.01,
    }),
  ]),
  ...["apt", "snpe-a", "snpe-b"].flatMap((method) =>
    (["mmd", "auc"] as const).map((field): Target => {
      const label = field === "mmd" ? "MMD" : "ROC AUC";
      const target = table2Target(`${method}, 10,000 simulations: ${label}`, method, field, {
        kind: "shown",
        limit: Number.NaN,
      });
      return { ...target, source: { ...(target.source as JobSource), simulations: 10_000 }, origin: flows };
    }),
  ),
  {
    ...table2Target("all methods, 5 repeats: CPU minutes", "*", "cpuMinutes", { kind: "atMost", limit: 60 }),
    source: { ...table2Jobs("*", "cpuMinutes"), seeds: [1, 2, 3, 4, 5] },
  },
  measureTarget("MMD of 10,000 and 10,000 draws in 5 dimensions, CPU s", "mmd", 3),
  measureTarget(
    "C2ST (full) of 10,000 and 10,000 draws in 5 dimensions, CPU s",
    "c2st",
    15,
    "scikit-learn 34",
  ),
  ...["hmc", "nuts", "slice", "metropolis"].flatMap((name) => [1, 10].map((dim) => stepTarget(name, dim))),
  ...["hmc", "nuts"].flatMap(ratioTargets),
  executorTarget("threads", 5),
  executorTarget("bullmq", 15),
  ...workerTargets("exact", "slice on an exact density, 33 us a row"),
  ...workerTargets("learned", "hmc on a ratio of 3 x 128 units"),
  farmTarget("100,000 simulations of slcp in memory, CPU s", "memory", "cpuSeconds", 0.3),
  farmTarget("10 million simulations of slcp to disk, 1 worker, CPU s", "disk-1", "cpuSeconds"),
  farmTarget("the same, peak memory in MB", "disk-1", "peakMegabytes"),
  farmTarget("10 million, 2 workers, equal bytes, CPU s", "disk-2", "cpuSeconds"),
  farmTarget("the same with 2 workers, peak memory in MB", "disk-2", "peakMegabytes"),
  farmTarget("training on them, one epoch, CPU s", "train", "cpuSeconds"),
  farmTarget("training on them, peak memory in MB", "train", "peakMegabytes", 1000),
  ...goldTargets,
  ...carlTargets,
  ...lotkaVolterraTargets,
  ...scandalTargets,
  ...localTargets,
  realTarget("the whole of `npm start`, CPU s", "run", "cpuSeconds", { kind: "atMost", limit: 60 }),
  ...["G_F/G_F0, both free", "M_Z (GeV), both free", "M_Z (GeV), G_F known"].flatMap((name) =>
    (["learned", "exact"] as const).map((which) => {
      const by = which === "learned" ? "learned, HMC" : "exact, by quadrature";
      return realTarget(`${name}, mean ± sd: ${by}`, name, which, { spreadField: `${which}Sd` });
    }),
  ),
  ...["HMC, both free", "Metropolis, both free", "HMC, G_F known"].flatMap((name) =>
    Object.entries({ c2st: "C2ST (quick, 1,000 draws)", mmd: "MMD", auc: "ROC AUC" }).map(([field, score]) =>
      realTarget(`${name}: ${score}`, name, field),
    ),
  ),
  ...[68, 95].map((level) =>
    realTarget(`truths in ${level} % regions of 500 held-out simulations, %`, "coverage", `level${level}`),
  ),
];

function foundationJobs(problem: string, method: string, field: string): JobSource {
  return { plan: "foundation", problem, method, simulations: 10_000, observations: [1, 2, 3], field };
}

function foundationCost(
  problem: string,
  what: string,
  field: string,
  limit: number,
  published: string,
): Target {
  return {
    block: "bench",
    what: `${problem}, aalr: ${what}`,
    source: foundationJobs(problem, "aalr", field),
    kind: "atMost",
    limit,
    published,
    origin: foundation,
  };
}

function table2Jobs(method: string, field: string): JobSource {
  return { plan: "table2", problem: "slcp_aalr", method, simulations: 1_000_000, field };
}

function table2Target(
  what: string,
  method: string,
  field: string,
  goal: Pick<Target, "kind" | "limit" | "tolerance" | "sigmas">,
): Target {
  const row = table2.find((each) => each.method === method);
  const published = field === "mmd" ? row?.mmd.text : field === "auc" ? row?.auc.text : undefined;
  return {
    block: "table2",
    what,
    source: table2Jobs(method, field),
    ...goal,
    ...(published !== undefined && { published }),
    origin: scale,
  };
}

function measureTarget(what: string, name: string, limit: number, published?: string): Target {
  return {
    block: "metrics",
    what,
    source: { file: "metrics", where: { name }, field: "cpuSeconds" },
    kind: "atMost",
    limit,
    ...(published !== undefined && { published }),
    origin: scoring,
  };
}

function stepTarget(name: string, dim: number): Target {
  return {
    block: "scheduler",
    what: `${name}, ${dim === 1 ? "1 parameter" : `${dim} parameters`}: CPU us per chain and step`,
    source: { file: "scheduler", where: { name: `${name}-${dim}` }, field: "stepMicroseconds" },
    kind: "atMost",
    limit: 0.5,
    origin: sampling,
  };
}

/** Of 100 chains on a trained ratio. */
function ratioTargets(name: string): Target[] {
  const rows = [
    ["CPU us per batched gradient", "gradientMicroseconds", 200],
    ["the sampler, in the engine's time", "samplerShare", 0.3],
    ["the prior and the table of parameters, in the engine's time", "priorShare", undefined],
  ] as const;
  return rows.map(([what, field, limit]) => ({
    block: "scheduler",
    what: `${name}, ratio of 3 x 128 units: ${what}`,
    source: { file: "scheduler", where: { name: `ratio-${name}` }, field },
    kind: limit === undefined ? "shown" : "atMost",
    limit: limit ?? NaN,
    origin: sampling,
  }));
}

function executorTarget(executor: string, limit: number): Target {
  return {
    block: "executor",
    what: `${executor}: ms per job beyond its own work`,
    source: { file: "executor", where: { executor }, field: "aloneWallMs" },
    kind: "atMost",
    limit,
    origin: scale,
  };
}

/** What a run takes on one worker and on two. */
function workerTargets(name: string, what: string): Target[] {
  const fields = [
    ["CPU s", "cpuSeconds"],
    ["CPU s of the main thread and then the busiest worker", "criticalSeconds"],
  ] as const;
  return [1, 2].flatMap((workers) =>
    fields.map(([unit, field]) => ({
      block: "workers",
      what: `${what}, ${workers === 1 ? "1 worker" : `${workers} workers`}: ${unit}`,
      source: { file: "workers", where: { name: `${name}-${workers}` }, field },
      kind: "shown",
      limit: NaN,
      origin: scale,
    })),
  );
}

function farmTarget(what: string, name: string, field: string, limit?: number): Target {
  return {
    block: "farm",
    what,
    source: { file: "farm", where: { name }, field },
    kind: limit === undefined ? "shown" : "atMost",
    limit: limit ?? NaN,
    origin: scale,
  };
}

function realTarget(
  what: string,
  name: string,
  field: string,
  {
    spreadField,
    kind = "shown",
    limit = NaN,
  }: { readonly spreadField?: string } & Partial<Pick<Target, "kind" | "limit">> = {},
): Target {
  return {
    block: "real",
    what,
    source: { file: "z-mass", where: { name }, field, ...(spreadField !== undefined && { spreadField }) },
    kind,
    limit,
    origin: "the foundation",
  };
}
