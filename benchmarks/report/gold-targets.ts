/**
 * What was promised of ratios learned from gold.
 *
 * @module
 */
import { logProbMseOf, ratioMseOf } from "../published.js";
import type { JobSource, Target } from "./targets.js";

const methods = ["carl", "rolr", "alice", "cascal", "rascal", "alices"] as const;
const origin = "gold";

/** Every target of gold, in the order of RESULTS.md. */
export const goldTargets: readonly Target[] = [
  ...againstReference("galton_board", [200, 500, 1000, 2000, 5000], 1.2),
  ...againstReference("galton_board", [200, 500, 1000, 2000, 5000], 1.2, ["nde"]),
  ...[200, 500, 1000, 2000, 5000, 10_000].map((simulations): Target => {
    const published = ratioMseOf("galton_board", "scandal", simulations, "published")!;
    return {
      ...mse("galton_board", "scandal", simulations),
      kind: "atMost",
      limit: published,
      published: `${published}`,
    };
  }),
  ...(["alice", "alices"] as const).flatMap((method) =>
    [1000, 2000, 5000, 10_000].map((simulations): Target => {
      const rivals = ["rolr", "rascal"].map(
        (rival) => ratioMseOf("galton_board", rival, simulations, "published")!,
      );
      return {
        ...mse("galton_board", method, simulations),
        what: `galton_board, ${method}, n = ${simulations}: MSE, against published ROLR and RASCAL`,
        kind: "atMost",
        limit: Math.min(...rivals),
        published: `ROLR ${rivals[0]}, RASCAL ${rivals[1]}`,
      };
    }),
  ),
  ...againstReference("eft", [1000, 10_000, 50_000], 1.3),
  {
    block: "gold",
    what: "eft: MSE of alices with 1,000 simulations less that of carl with 10,000",
    source: {
      plan: "gold",
      problem: "eft",
      method: "alices",
      simulations: 1000,
      field: "logRatioMse",
      minus: "carl",
      minusSimulations: 10_000,
    },
    kind: "atMost",
    limit: 0,
    origin,
  },
  timing("evaluating a ratio, 3 x 100 units, microseconds per event and point", "evaluate", 3),
  {
    ...timing(
      "a training step of the default network with the score term in steps without (ALICES, ALICE)",
      "alice",
      2.5,
    ),
    source: {
      file: "gold",
      where: { name: "alice" },
      field: "cpuSeconds",
      over: { name: "alices" },
    },
  },
  step("with the score term in steps without", "atMost", 2.5, ["alice", "onnx"], ["alices", "onnx"]),
  step(
    "with the score term: times faster than PyTorch",
    "atLeast",
    2,
    ["alices", "onnx"],
    ["alices", "torch"],
  ),
  step("without: times faster than PyTorch", "shown", NaN, ["alice", "onnx"], ["alice", "torch"]),
  timing("100,000 Galton runs with ratio and score, CPU s", "simulate", 2),
];

/** CARL well trained, badly trained and badly calibrated: is its maximum likelihood the exact one, and do its checks say so? */
export const carlTargets: readonly Target[] = [
  ...["well trained", "badly trained", "badly calibrated"].flatMap((way): Target[] => {
    const isGood = way === "well trained";
    return [
      {
        ...carl(`${way}: maximum likelihood less the exact one, root mean square`, way, "error"),
        ...(isGood && { kind: "atMost", limit: 0.02 }),
      },
      carl(`${way}: largest difference of -2 log L between references`, way, "spread"),
      carl(`${way}: AUC of the critic`, way, "auc"),
      carl(`${way}: p-value of the critic`, way, "pValue"),
      carl(`${way}: largest |z| of the mean ratio`, way, "z"),
      {
        ...carl(`${way}: share of repeats that the checks flag`, way, "flagged"),
        ...(isGood ? { kind: "atMost", limit: 0 } : { kind: "atLeast", limit: 1 }),
      },
    ];
  }),
  carl("all repeats, CPU s", "run", "cpuSeconds"),
];

function carl(what: string, name: string, field: string): Target {
  return {
    block: "carl",
    what,
    source: { file: "carl", where: { name }, field, errorField: `${field}Error` },
    kind: "shown",
    limit: NaN,
    origin,
  };
}

/** Errors of ratios and scores of the small pond, where a matrix exponential knows both. */
export const lotkaVolterraTargets: readonly Target[] = [
  ...[...methods, "sally"].flatMap((method) =>
    [1000, 10_000].flatMap((simulations) =>
      Object.entries({ logRatioMse: "MSE of log r", scoreMse: "MSE of the score, in its mean square" }).map(
        ([field, score]): Target => ({
          block: "gold-lotka-volterra",
          what: `${method}, n = ${simulations}: ${score}`,
          source: pond(method, simulations, field),
          kind: "shown",
          limit: NaN,
          origin,
        }),
      ),
    ),
  ),
  {
    block: "gold-lotka-volterra",
    what: "MSE of log r of alices with 1,000 simulations less that of carl with 10,000",
    source: { ...pond("alices", 1000, "logRatioMse"), minus: "carl", minusSimulations: 10_000 },
    kind: "atMost",
    limit: 0,
    origin,
  },
];

/** Methods of the comparison of weights, and the weights that are published for Lotka-Volterra. */
const weighed = {
  galton_board: ["nde", "scandal-0.01", "scandal-0.1", "scandal", "scandal-1"],
  lotka_volterra_zoom: ["nde", "scandal", "scandal-0.01", "scandal-0.1"],
} as const;

/** What the weight of the score term buys in log r, and what it costs in log p. */
export const scandalTargets: readonly Target[] = [
  ...trade("lotka_volterra_zoom", [1000, 2000, 5000, 10_000]),
  ...trade("galton_board", [200, 500, 1000, 2000, 5000, 10_000]),
];

function trade(problem: keyof typeof weighed, budgets: readonly number[]): Target[] {
  return weighed[problem].flatMap((method) =>
    budgets.flatMap((simulations) =>
      (["logRatioMse", "logProbMse"] as const).map((field): Target => {
        const isRatio = field === "logRatioMse";
        const published =
          problem === "galton_board"
            ? undefined // held against in the block of all gold methods
            : isRatio
              ? ratioMseOf(problem, method, simulations, "published")
              : logProbMseOf(problem, method, simulations);
        const isPromised = isRatio && published !== undefined && method !== "nde";
        return {
          block: "scandal",
          what: `${problem}, ${method}, n = ${simulations}: MSE of ${isRatio ? "log r" : "log p"}`,
          source: { plan: "scandal", problem, method, simulations, field },
          kind: isPromised ? "atMost" : "shown",
          limit: isPromised ? Number((1.3 * published).toPrecision(3)) : NaN,
          ...(published !== undefined && { published: `${published}` }),
          origin,
        };
      }),
    ),
  );
}

function pond(method: string, simulations: number, field: string): JobSource {
  return { plan: "gold-lotka-volterra", problem: "lotka_volterra_small", method, simulations, field };
}

/** What was promised of a learned score near its reference point, and what it is worth there. */
export const localTargets: readonly Target[] = [
  ...["a", "b"].flatMap((name): Target[] => [
    {
      ...local(
        `Fisher information of ${name} that SALLY keeps, in the exact one`,
        `information of ${name}, kept`,
      ),
      kind: "atLeast",
      limit: 0.95,
      sigmas: 3,
    },
    local(`the same of ${name}, estimated with joint scores`, `information of ${name}, less its error`),
    local(
      `the same of ${name}, from the square of the learned score`,
      `information of ${name}, square of the score`,
    ),
  ]),
  ...["a > 0", "b > 0", "b < 0"].flatMap((direction) =>
    ["SALLINO", "local model", "information"].map((way) =>
      local(`limit on ${direction} in the exact one: ${way}`, `limit, ${direction}, ${way}`),
    ),
  ),
  local("training SALLY on 100,000 simulations, CPU s", "training, CPU s"),
];

function local(what: string, name: string): Target {
  return {
    block: "local",
    what,
    source: { file: "local", where: { name }, field: "value", errorField: "error" },
    kind: "shown",
    limit: NaN,
    origin,
  };
}

/** Every method and budget within a factor of the reference build. */
function againstReference(
  problem: string,
  budgets: readonly number[],
  factor: number,
  chosen: readonly string[] = methods,
): Target[] {
  return chosen.flatMap((method) =>
    budgets.map((simulations): Target => {
      const reference = ratioMseOf(problem, method, simulations, "reference")!;
      const published = ratioMseOf(problem, method, simulations, "published");
      return {
        ...mse(problem, method, simulations),
        kind: "atMost",
        limit: Number((factor * reference).toPrecision(3)),
        published:
          published === undefined
            ? `reference build ${reference}`
            : `${published}; reference build ${reference}`,
      };
    }),
  );
}

function mse(
  problem: string,
  method: string,
  simulations: number,
): Pick<Target, "block" | "what" | "source" | "origin"> {
  return {
    block: "gold",
    what: `${problem}, ${method}, n = ${simulations}: MSE of log r`,
    source: { plan: "gold", problem, method, simulations, field: "logRatioMse" },
    origin,
  };
}

/** Cost of the training step of one loss and engine in that of another. */
function step(
  what: string,
  kind: Target["kind"],
  limit: number,
  [loss, engine]: readonly [string, string],
  [overLoss, overEngine]: readonly [string, string],
): Target {
  return {
    block: "gold",
    what: `a training step of 3 x 64 tanh, 128 rows, ${what}`,
    source: {
      file: "gold-step",
      where: { loss, engine },
      field: "cpuMsPerStep",
      over: { loss: overLoss, engine: overEngine },
    },
    kind,
    limit,
    origin,
  };
}

function timing(what: string, name: string, limit: number): Target {
  const field = name === "evaluate" ? "microseconds" : "cpuSeconds";
  return {
    block: "gold",
    what,
    source: { file: "gold", where: { name }, field },
    kind: "atMost",
    limit,
    origin,
  };
}
