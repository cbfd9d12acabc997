/**
 * A learned posterior and its exact twin through the same samplers: slcp by AALR from 10,000 simulations, whose four modes are
 * the signs of two parameters.
 *
 * The twin has the exact likelihood and all else equal, so the draws of the two differ by the estimator alone; what the
 * sampler adds shows where the twin's draws differ from independent ones of the exact posterior.
 *
 * @module
 */
import { loadavg } from "node:os";
import type { Draws } from "../../samplers/draws.js";
import { chainValues, drawsMatrix } from "../../samplers/draws.js";
import { sample } from "../../samplers/sample.js";
import { needsNestedRhat, summariseParameter } from "../../samplers/summary.js";
import { logDensity } from "../../samplers/target.js";
import type { LogDensity } from "../../src/core/contracts.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { openEngine } from "../../src/engine/open.js";
import { aalr } from "../../src/estimators/aalr.js";
import { mmd } from "../../src/metrics/mmd.js";
import { posterior } from "../../src/posterior.js";
import { marginalsFigure } from "../../src/report/figures/marginals.js";
import { simulate } from "../../src/simulate.js";
import { train } from "../../src/train/train.js";
import { cpuClock } from "../cpu-clock.js";
import type { Problem } from "../problem.js";
import { problem as slcp } from "../problems/slcp.js";
import { evenlySpaced } from "../sampling.js";
import { evaluationsOf, samplers } from "./samplers.js";

/** The first gives more than 10,000 effective draws. */
export const learnedRuns = {
  metropolis: { sampler: "metropolis", chains: 1000, warmup: 10, draws: 30, thin: 5 },
  "parallel tempering": { sampler: "parallelTempering", chains: 100, warmup: 200, draws: 400, thin: 1 },
} as const;

/** What is written of one sampler on the learned posterior or its twin: `kind` is `"learned"`. */
export interface LearnedRow {
  readonly kind: "learned";
  readonly problem: string;
  readonly density: "learned" | "exact";
  readonly method: string;
  readonly chains: number;
  readonly draws: number;
  readonly thin: number;
  /** Largest R-hat and least bulk ESS of theta1, theta2, |theta3|, |theta4|, theta5. */
  readonly rhat: number;
  readonly essBulk: number;
  readonly evaluations: number;
  /** Starting points, warm-up and draws. */
  readonly cpuSeconds: number;
  /** Shares of the draws by the signs of theta3 and theta4: ++, -+, +-, --; a quarter each in the exact posterior. */
  readonly modes: readonly number[];
  /** Share of the chains that have draws in more than one mode. */
  readonly jumping: number;
  /** Squared MMD to independent draws of the exact posterior, unbiased, and its standard error; 0 is perfect. */
  readonly mmdSquared: number;
  readonly mmdSquaredError: number;
  readonly load: number;
}

const observation = 1;
const simulations = 10_000;
const compared = 4000;

/** The exact posterior as a target: the likelihood of the problem, all else as `posterior` has it. */
export function exactTwin(
  { simulator: { prior }, logLikelihood, likelihoodGradient }: Problem,
  x: Float64Array,
): LogDensity {
  const logProbBatch = (theta: Matrix) => {
    const logPrior = prior.logProb(theta);
    return logLikelihood(theta, x).map((value, i) => value + logPrior[i]);
  };
  return logDensity({
    names: prior.names,
    support: prior.support,
    start: prior,
    logProbBatch,
    ...(likelihoodGradient && {
      gradientBatch: (theta: Matrix) => {
        const gradient = likelihoodGradient(theta, x);
        const ofPrior = prior.gradient(theta).data;
        return {
          logProb: logProbBatch(theta),
          gradient: { ...gradient, data: gradient.data.map((value, i) => value + ofPrior[i]) },
        };
      },
    }),
  });
}

/** Trains, samples both, and tells each row. Returns the figure of the marginals, as SVG. */
export async function learnedAndExact(onRow: (row: LearnedRow) => void, seed = 1): Promise<string> {
  const engine = await openEngine();
  const observed = slcp.observation(observation);
  const exactDraws = slcp.exactPosterior(observed, 10_000, key("exact"));
  const table = await simulate(slcp.simulator, { n: simulations, seed });
  await using estimator = await train(aalr(table), { seed, engine, card: false });
  const targets = {
    learned: posterior(estimator, { observed }),
    exact: exactTwin(slcp, observed),
  };
  const shown: Partial<Record<LearnedRow["density"], Matrix>> = {};
  for (const [method, { sampler, ...settings }] of Object.entries(learnedRuns)) {
    for (const density of ["learned", "exact"] as const) {
      const clock = cpuClock();
      const draws = await sample(samplers[sampler](targets[density], {}), { ...settings, seed });
      const cpuSeconds = clock();
      const rows = drawsMatrix(draws);
      const { squared, squaredStandardError } = mmd(
        evenlySpaced(exactDraws, compared),
        evenlySpaced(rows, compared),
      );
      onRow({
        kind: "learned",
        problem: slcp.name,
        density,
        method,
        chains: settings.chains,
        draws: settings.draws,
        thin: settings.thin,
        ...mixing(draws),
        evaluations: evaluationsOf(draws),
        cpuSeconds,
        mmdSquared: squared,
        mmdSquaredError: squaredStandardError,
        load: loadavg()[0],
      });
      shown[density] ??= rows;
    }
  }
  const parameters = slcp.simulator.prior.names.map((label) => ({ label, range: [-3, 3] as const }));
  return marginalsFigure(
    parameters,
    [
      { label: "exact, independent draws", draws: exactDraws, color: "currentColor", style: "fill" },
      { label: "exact density, metropolis", draws: shown.exact!, style: "dashed" },
      { label: "learned density, metropolis", draws: shown.learned! },
    ],
    { title: `slcp: a learned posterior (AALR, ${simulations} simulations) and its exact twin` },
  );
}

/** Diagnostics of what the signs leave, and where the chains have been. */
function mixing(draws: Draws): Pick<LearnedRow, "rhat" | "essBulk" | "modes" | "jumping"> {
  const signed = new Set(["theta3", "theta4"]);
  const nested = needsNestedRhat(draws);
  const rows = draws.names.map((name) => {
    const x = chainValues(draws, name);
    const folded = signed.has(name) ? { ...x, data: x.data.map(Math.abs) } : x;
    return summariseParameter(name, folded, nested, draws.groups);
  });
  const theta = drawsMatrix(draws);
  const modes = [0, 0, 0, 0];
  const visited = matrix(draws.chains, 4);
  for (let i = 0; i < theta.rows; i++) {
    const at = row(theta, i);
    const mode = Number(at[2] < 0) + 2 * Number(at[3] < 0);
    modes[mode] += 1 / theta.rows;
    row(visited, Math.floor(i / draws.draws))[mode] = 1;
  }
  const jumped = Array.from({ length: draws.chains }, (_, c) => row(visited, c).reduce((a, b) => a + b) > 1);
  return {
    rhat: Math.max(...rows.map(({ rhat }) => rhat)),
    essBulk: Math.min(...rows.map(({ essBulk }) => essBulk)),
    modes,
    jumping: jumped.filter(Boolean).length / draws.chains,
  };
}
