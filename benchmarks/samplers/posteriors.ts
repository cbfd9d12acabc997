/**
 * Samplers on the posteriors of posteriordb: one row of numbers for each.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import type { Draws } from "../../samplers/draws.js";
import { sample } from "../../samplers/sample.js";
import type { LogDensity } from "../../src/core/contracts.js";
import { foldIn, key } from "../../src/core/random.js";
import { cpuClock } from "../cpu-clock.js";
import { judge, steinChecks } from "../posteriordb/judge.js";
import { posteriors } from "../posteriordb/posteriors.js";
import type { Reference, ReferencePosterior } from "../posteriordb/reference-posterior.js";
import { coldStart, nearReference, wideStart } from "../posteriordb/starts.js";
import type { SamplerRun } from "./plan.js";
import { evaluationsOf, samplers } from "./samplers.js";

/** A posterior with its reference, as it is read from a folder. */
export interface KnownPosterior extends ReferencePosterior {
  readonly name: string;
  readonly reference: Reference;
}

/** What is written of one run: `kind` is `"posterior"`. */
export interface PosteriorRow {
  readonly kind: "posterior";
  readonly posterior: string;
  readonly method: string;
  readonly seed: number;
  readonly dim: number;
  readonly start: string;
  readonly metric: string;
  readonly chains: number;
  readonly warmup: number;
  readonly draws: number;
  readonly thin: number;
  /** Largest over the parameters, in standard errors of both sides. */
  readonly z: number;
  readonly zSd: number;
  readonly worst: string;
  readonly rhat: number;
  readonly essBulk: number;
  /** Stein's identities, in standard errors: the largest of `E[g] = 0`, and `E[(u - c) . g] = -D`. */
  readonly steinGradient: number;
  readonly steinPosition: number;
  /** Of the kept draws, those thinned away among them; and of the whole run. */
  readonly evaluations: number;
  readonly allEvaluations: number;
  readonly essPerEvaluation: number;
  readonly divergences: number;
  readonly cpuSeconds: number;
  readonly load: number;
}

/** Reads a posterior of the bundle in `folder`, the folder of `index.json`. */
export function readPosterior(folder: string, name: string): KnownPosterior {
  const [, make] = posteriors.find(([each]) => each === name)!;
  const at = join(folder, name);
  return {
    ...make(at),
    name,
    reference: JSON.parse(readFileSync(join(at, "reference.json"), "utf8")),
  };
}

/** Runs one sampler on one posterior. */
export async function runPosterior(
  posterior: KnownPosterior,
  run: SamplerRun,
  seed: number,
): Promise<PosteriorRow> {
  const { name, reference } = posterior;
  const { method, start, chains, warmup, draws: kept, thin } = run;
  const clock = cpuClock();
  const draws = await drawFrom(posterior, run, seed);
  const cpuSeconds = clock();
  const judgement = judge(draws, posterior, reference);
  const { target } = posterior;
  const stein = await steinChecks(draws, target, reference.unconstrained.mean);
  const evaluations = evaluationsOf(draws);
  return {
    kind: "posterior",
    posterior: name,
    method,
    seed,
    dim: target.dim,
    start,
    metric: String(run.options.metric ?? "default"),
    chains,
    warmup,
    draws: kept,
    thin,
    ...judgement,
    steinGradient: stein.gradient,
    steinPosition: stein.position,
    evaluations,
    allEvaluations: (draws.run.evaluations as { readonly rows: number }).rows,
    essPerEvaluation: judgement.essBulk / evaluations,
    divergences: Number(draws.run.divergences),
    cpuSeconds,
    load: loadavg()[0],
  };
}

/** Draws as a run of the plan makes them. */
export function drawFrom(
  { target, reference }: KnownPosterior,
  {
    sampler,
    options,
    start,
    chains,
    warmup,
    draws,
    thin,
  }: Omit<SamplerRun, "method" | "seeds" | "posteriors">,
  seed: number,
): Promise<Draws> {
  const started: LogDensity =
    start === "own" && target.start === undefined
      ? { ...target, start: wideStart(target, reference) }
      : target;
  const from = foldIn(key("initial"), seed);
  const initial =
    start === "cold"
      ? coldStart(target, chains, from)
      : start === "near"
        ? nearReference(target, reference, chains, from)
        : undefined;
  return sample(samplers[sampler](started, options), { chains, warmup, draws, thin, seed, initial });
}
