/**
 * Variational inference: fits a normalising flow to a density that is known up to a constant, learned or exact. The result is
 * normalised and draws without a chain; it says how far it can be trusted.
 *
 *     elbo = E_q[log p(theta) - log q(theta)] = log Z - KL(q | p)
 *
 * The Pareto index of the weights `p / q` at fresh draws is the gate: above 0.7 the flow misses where the target has mass, and the
 * result warns unless the weights hardly differ (`gate.ts`). Below it `importance(target, { proposal: result })` corrects what is left and gives the evidence. The index sees only
 * where the flow draws: a mode that it misses altogether is found by points resampled from the target's start, where it has one.
 *
 * @see Rezende and Mohamed (2015), https://arxiv.org/abs/1505.05770
 * @see Yao, Vehtari, Simpson and Gelman (2018), https://arxiv.org/abs/1802.02538
 * @module
 */
import { type Start, startingPoints } from "../../samplers/starts/start.js";
import { checkGradient } from "../../samplers/target.js";
import type { LogDensity, LongTask } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import type { Matrix } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn, key as keyOf } from "../core/random.js";
import type { DirectPosterior } from "../direct-posterior.js";
import { openEngine } from "../engine/open.js";
import type { Engine, EngineName } from "../engine/types.js";
import type { ConditionalDensity, DensitySpec } from "../flows/density.js";
import { conditionalDensity } from "../flows/from-spec.js";
import { contextDim } from "./drawing.js";
import { type FitLog, fitFlow, type VariationalProgress } from "./fit.js";
import { type FlowPosterior, flowPosterior } from "./flow-posterior.js";
import { gate } from "./gate.js";
import { checkInitial, place } from "./place.js";
import { whitenedTarget } from "./whitened.js";

/** Options of `variational`. */
export interface VariationalOptions extends LongTask<VariationalProgress> {
  /**
   * What is maximised: the evidence lower bound, or the tighter one of K importance weights, whose flow is wider. Default `elbo`.
   */
  readonly objective?: "elbo" | "iwelbo";
  /** Draws per bound of `iwelbo`, K. Default 8. */
  readonly particles?: number;
  /**
   * The flow: `nsf`, `realNvp` or `maf` and its options. Default: `realNvp` of six maps with 32 units in one block; of one parameter `nsf` of
   * two maps with twelve bins on `[-5, 5]`.
   */
  readonly density?: DensitySpec;
  /**
   * Points that say where the target lies, `[S, D]` on the scale of theta, such as draws of a short run; a hundred or more are what
   * the flow is fitted to first. Default: resampled from `target.start`; the mode and the curvature there, where the target has no start.
   */
  readonly initial?: Matrix;
  /** Draws of the flow per step; a multiple of `particles` for `iwelbo`. Default 128. */
  readonly batchSize?: number;
  /** Most steps. Training ends sooner where the bound no longer rises. Default 10,000. */
  readonly steps?: number;
  /** Learning rate of the first steps. Default 5e-3. */
  readonly learningRate?: number;
  /** Fresh draws that the bound and the Pareto index are taken from. Default 10,000. */
  readonly draws?: number;
  /** Everything random comes from it. Default 0. */
  readonly seed?: string | number;
  /** Which engine, or an open one. Default `"auto"`: the fastest present. */
  readonly engine?: EngineName | "auto" | Engine;
}

const optionNames: OptionNames<VariationalOptions> = {
  objective: true,
  particles: true,
  density: true,
  initial: true,
  batchSize: true,
  steps: true,
  learningRate: true,
  draws: true,
  seed: true,
  engine: true,
  signal: true,
  onProgress: true,
};

/** The flow that is fitted where the user names none; a single column needs a map that is more than a shift and a scale. */
const defaultFlow = (dim: number): DensitySpec =>
  dim === 1
    ? { kind: "nsf", whiten: false, transforms: 2, bins: 12, bound: 5, width: 16, blocks: 1 }
    : { kind: "realNvp", transforms: 6, width: 32, blocks: 1 };

/** Points resampled from the target's start, and the fewest that tell more than a place and a shape. */
const startPoints = 500;
const enoughPoints = 100;

/** Flows whose draws are smooth functions of noise and weights. */
const flows = ["nsf", "realNvp", "maf"];

/** A flow fitted to a target: normalised, drawn from without a chain. Owns engine sessions. */
export interface VariationalPosterior extends DirectPosterior, AsyncDisposable {
  /**
   * The evidence lower bound and its standard error, nats, over fresh draws: `-Infinity` where the target is zero at one of them, `NaN`
   * where it or the flow is no number there.
   */
  readonly elbo: { readonly value: number; readonly standardError: number };
  /**
   * Tail index of the weights `p / q` at those draws: below 0.5 good, above `min(0.7, 1 - 1 / log10 draws)` not to be trusted unless the
   * weights hardly differ (`ess` at least 99 % of the draws).
   */
  readonly paretoK: number;
  /** Effective sample size of those weights, out of `draws`. */
  readonly ess: number;
  /** Whether there is no warning. */
  readonly reliable: boolean;
  /** What is wrong, one sentence each; empty where nothing is. `summary` of its draws tells it. */
  readonly warnings: readonly string[];
  readonly log: FitLog;
  /** Frees the compiled flow; the posterior cannot be asked afterwards. */
  dispose(): Promise<void>;
}

/**
 * Fits a flow to a target by variational inference.
 *
 * @param target - must have a `gradient`: the posterior of a ratio or a likelihood, or an exact density.
 * @throws {TypeError} if the target is no log density or has no gradient, or there is no such option.
 * @throws {ConfigError} for an unknown objective, or a density that is no flow.
 * @throws {RangeError} if a count or rate is impossible, or the target is finite nowhere that was looked at.
 * @throws {ShapeError} if `initial` does not fit the target.
 * @throws {TrainingError} if the fit diverges.
 * @example
 * const target = posterior(await train(aalr(simulations)), { observed }); // or logDensity({ ... })
 * await using fitted = await variational(target, { seed: "hello" });
 * console.log(fitted.elbo, fitted.paretoK, fitted.warnings);
 * const draws = await directDraws(fitted, { seed: "hello" });
 * console.log(String(summary(draws)));
 * const corrected = await importance(target, { proposal: fitted, seed: "hello" }); // weights, and the log integral
 */
export async function variational(
  target: LogDensity,
  options: VariationalOptions = {},
): Promise<VariationalPosterior> {
  checkGradient("variational", target);
  checkOptions("variational", options, optionNames);
  const settings = checkedSettings(options);
  const density = flowOf(options.density ?? defaultFlow(target.dim), target.dim);
  const { signal, initial, onProgress } = options;
  if (initial) checkInitial(target, initial);
  const key = keyOf(options.seed ?? 0);
  signal?.throwIfAborted();
  const engine =
    typeof options.engine === "object" ? options.engine : await openEngine(options.engine ?? "auto");
  const found = target.start && (await startingPoints(target, foldIn(key, "start"), startPoints, {}));
  const { whitening, points } = await place(target, foldIn(key, "place"), initial ?? found?.theta);
  const whitened = whitenedTarget(target, whitening);
  const { weights, log } = await fitFlow(whitened, density, engine, foldIn(key, "fit"), {
    ...settings,
    ...(points && points.rows >= enoughPoints && { points }),
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  });
  const flow = flowPosterior(target, whitened, density, engine, weights);
  try {
    const { v, logProb } = await flow.drawWhitened(settings.draws, foldIn(key, "judge"));
    const logRatios = (await whitened.logProb(v)).map((value, i) => value - logProb[i]);
    const { logIntegral, ...judged } = gate(logRatios);
    const missing = found ? await missedBy(flow, target, found, logIntegral) : [];
    signal?.throwIfAborted();
    const { drawWhitened: _, ...rest } = flow;
    const warnings = [...(target.warnings ?? []), ...judged.warnings, ...missing, ...warningsOfFit(log)];
    return {
      ...rest,
      ...(target.start && { start: target.start }),
      ...judged,
      warnings,
      reliable: warnings.length === 0,
      log,
      [Symbol.asyncDispose]: () => flow.dispose(),
    };
  } catch (error) {
    await flow.dispose();
    throw error;
  }
}

function checkedSettings(options: VariationalOptions) {
  const {
    objective = "elbo",
    batchSize = 128,
    steps = 10_000,
    learningRate = 5e-3,
    draws = 10_000,
  } = options;
  if (objective !== "elbo" && objective !== "iwelbo") {
    throw new ConfigError(`variational: objective "${objective}" is unknown; expected elbo or iwelbo.`);
  }
  if (objective === "elbo" && options.particles !== undefined && options.particles !== 1) {
    throw new ConfigError(
      `variational: particles = ${options.particles} needs objective: "iwelbo"; elbo has one draw per bound. Leave it out.`,
    );
  }
  const { particles = objective === "elbo" ? 1 : 8 } = options;
  for (const [name, value, least] of [
    ["particles", particles, 1],
    ["batchSize", batchSize, 2],
    ["steps", steps, 1],
    ["draws", draws, 100],
  ] as const) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new RangeError(`variational: ${name} must be a whole number of at least ${least}, got ${value}.`);
  }
  if (batchSize % particles !== 0) {
    throw new RangeError(
      `variational: batchSize must be a multiple of particles = ${particles}, got ${batchSize}.`,
    );
  }
  if (!(learningRate > 0 && learningRate < Infinity)) {
    throw new RangeError(`variational: learningRate must be a positive number, got ${learningRate}.`);
  }
  return { particles, batchSize, steps, learningRate, draws };
}

function flowOf(spec: DensitySpec, dim: number): ConditionalDensity {
  if (!flows.includes(spec.kind)) {
    throw new ConfigError(
      `variational: a ${spec.kind} does not draw smoothly from noise; expected one of ${flows.join(", ")}.`,
    );
  }
  return conditionalDensity(spec, dim, contextDim);
}

/** A point counts as missed where the flow has this much less than the target, in parts of a density; and how many may. */
const missedRatio = 10;
const missedShare = 0.05;

/** Says so where the flow has next to nothing at points that the target has. */
async function missedBy(
  flow: FlowPosterior,
  target: LogDensity,
  { theta, record }: Pick<Start, "theta" | "record">,
  logIntegral: number,
): Promise<string[]> {
  if (record.ess < enoughPoints) return []; // a few points over and over
  const [wanted, given] = [await target.logProb(theta), await flow.logProb(theta)];
  const missed = wanted.filter((value, i) => value - given[i] > logIntegral + Math.log(missedRatio)).length;
  const share = missed / theta.rows;
  if (share <= missedShare) return [];
  return [
    `The flow has next to nothing at ${(100 * share).toFixed(0)} % of points resampled from target.start, such as another mode: its Pareto k ` +
      "cannot see them. Pass initial with points of every mode or another density, or take the target by sample(smc(target)).",
  ];
}

function warningsOfFit({ reason, history }: FitLog): string[] {
  if (reason === "converged") return [];
  const { done } = history[history.length - 1];
  if (reason === "steps") {
    return [`All ${done} steps were used up before the bound was seen to rise no more: raise steps.`];
  }
  return [
    `The maps of the flow grew too steep for float32 after ${done} steps, as between modes that are far apart, and training ended. ` +
      'Try density: { kind: "nsf", whiten: false }, or take the target by sample(smc(target)).',
  ];
}
