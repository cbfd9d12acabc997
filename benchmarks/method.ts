/**
 * What a method of inference is to the benchmark: something that gets a budget of simulations of a problem, once,
 * and then gives posterior draws for any of its observations.
 *
 * @module
 */
import type { Matrix } from "../src/core/matrix.js";
import type { Engine, EngineName } from "../src/engine/types.js";
import type { AalrOptions } from "../src/estimators/aalr.js";
import type { TrainOptions } from "../src/train/options.js";
import type { Problem } from "./problem.js";
import type { CoverageRecord, SamplingRecord } from "./record.js";

/** What a method has to do its work with. */
export interface MethodTask {
  readonly problem: Problem;
  /** Simulations that it may use. */
  readonly simulations: number;
  /** Everything random comes from it. */
  readonly seed: number;
  /** How to train, where the plan says so. */
  readonly training?: TrainingOptions;
  readonly signal?: AbortSignal;
}

/** What a plan may say about training; plain JSON but for an engine that is already open. */
export interface TrainingOptions
  extends Pick<
      TrainOptions,
      | "epochs"
      | "batchSize"
      | "learningRate"
      | "schedule"
      | "weightDecay"
      | "clipNorm"
      | "averageDecay"
      | "validationFraction"
      | "patience"
      | "ensemble"
    >,
    Pick<AalrOptions, "contrasts" | "gamma" | "balance" | "network"> {
  /** Default: the fastest present. */
  readonly engine?: EngineName | Engine;
}

/** Draws of one posterior. */
export interface Sampled {
  /** `[n, D]`, as many as were asked for or, where a budget ended, fewer. */
  readonly draws: Matrix;
  readonly sampling: SamplingRecord;
  /** What drawing took, where the call did other things too. Default: all of the call. */
  readonly cpuSeconds?: number;
}

/** A method that has used its simulations, ready for any observation. */
export interface Prepared extends AsyncDisposable {
  /** What ran the networks, with its version; `"none"` where there are none. */
  readonly engine: string;
  /** CPU seconds of training alone, simulation and checks left out; 0 where nothing is trained. */
  readonly trainCpuSeconds: number;
  /** Posterior draws for an observation `[L]`. Same seed, same bytes. */
  sample(
    observed: Float64Array,
    options: { readonly draws: number; readonly seed: number; readonly signal?: AbortSignal },
  ): Promise<Sampled>;
  /**
   * Log density of the posterior at each row `[N, D]`, nats, as the method has learned it, its constant too: for a ratio to
   * the evidence, log ratio plus log prior. Left out where the constant is free.
   */
  logProb?(theta: Matrix, observed: Float64Array): Promise<Float64Array>;
  /** The same up to a constant, which `observed` may change; needless where there is `logProb`. */
  logDensity?(theta: Matrix, observed: Float64Array): Promise<Float64Array>;
  /** Expected coverage on simulations that the method has not seen; left out where it is not amortised. */
  coverage?(seed: number): Promise<CoverageRecord>;
}

/** A method by name. */
export interface Method {
  /** Name in the registry, e.g. `aalr`. */
  readonly name: string;
  /** What it is, and where it was published. */
  readonly title: string;
  /** Uses the simulations. */
  prepare(task: MethodTask): Promise<Prepared>;
}
