/**
 * The samplers of `galton sample`: their names on the command line, how many chains and draws each takes by default,
 * the rule that stops a run, and what its end is told as. The kernels are loaded by the one that is asked for.
 *
 * @module
 */
import type { Draws } from "../../samplers/draws.js";
import type { Sampler } from "../../samplers/kernel.js";
import type { StopRule } from "../../samplers/running/watch.js";
import type { LogDensity } from "../core/contracts.js";
import { choice, decimal, integer } from "./options.js";

const samplers = {
  hmc: async () => (await import("../../samplers/hmc.js")).hmc,
  nuts: async () => (await import("../../samplers/nuts.js")).nuts,
  mala: async () => (await import("../../samplers/mala.js")).mala,
  slice: async () => (await import("../../samplers/slice.js")).slice,
  metropolis: async () => (await import("../../samplers/metropolis.js")).metropolis,
  stretch: async () => (await import("../../samplers/stretch.js")).stretch,
  "differential-evolution": async () =>
    (await import("../../samplers/differential-evolution.js")).differentialEvolution,
  "parallel-tempering": async () => (await import("../../samplers/parallel-tempering.js")).parallelTempering,
  smc: async () => (await import("../../samplers/smc.js")).smc,
} satisfies Record<string, () => Promise<(target: LogDensity) => Sampler>>;

/** A sampler by its name on the command line. */
export type SamplerName = keyof typeof samplers;

/** Which sampler, for how long. */
export const samplerOptions = {
  sampler: choice(
    Object.keys(samplers) as SamplerName[],
    "the first three follow the gradient; stretch and differential-evolution take four ensembles of chains; " +
      "parallel-tempering and smc come from the prior, and find the evidence; default hmc",
  ),
  chains: integer("N", "chains, all in one batch; default 100, parallel-tempering 8, smc 1000"),
  warmup: integer(
    "N",
    "draws of each chain that tune the kernel and are thrown away; default 200, parallel-tempering 500, smc at most 2000",
    0,
  ),
  draws: integer("N", "draws kept of each chain; default 100, parallel-tempering 1000, smc 10"),
  thin: integer("N", "keep every N-th draw; default 1"),
  minEss: decimal(
    "N",
    "stop before --draws where the ESS of bulk and tails is N for every parameter; looks after every 100 draws",
    [1, Number.MAX_VALUE],
  ),
  maxRhat: decimal(
    "NUMBER",
    "stop before --draws where no R-hat is larger, 1.01 beside --min-ess; alone, it asks for an ESS of 400, too",
    [1, Number.MAX_VALUE],
  ),
} as const;

/** The sampler of a name for a target. */
export async function samplerFor(name: SamplerName, target: LogDensity): Promise<Sampler> {
  return (await samplers[name]())(target);
}

/** The rule that `--min-ess` and `--max-rhat` make; `undefined` without them. */
export function stopRule(ess: number | undefined, rhat: number | undefined): StopRule | undefined {
  if (ess === undefined && rhat === undefined) return undefined;
  return { ess: ess ?? 400, rhat: rhat ?? 1.01 };
}

/**
 * How the draws of a run with a rule stand to it, behind their number: `", enough for ESS 400 and R-hat 1.01"`. Those of a run that
 * ended between two looks are looked at here.
 */
export async function terminationText(draws: Draws): Promise<string> {
  const { reason, stop } = draws.run.termination as {
    readonly reason: string;
    readonly stop?: Required<Pick<StopRule, "ess" | "rhat">>;
  };
  if (stop === undefined) return "";
  const { meets } = await import("../../samplers/running/watch.js");
  const { summary } = await import("../../samplers/summary.js");
  const rule = `ESS ${stop.ess} and R-hat ${stop.rhat}`;
  if (reason === "enough") return `, enough for ${rule}`;
  return `, all there were to be, ${meets(stop, summary(draws).rows) ? "" : "not "}enough for ${rule}`;
}

/** The evidence that tempering found on its way, nats; `undefined` for samplers that do not temper. */
export async function evidenceOf(draws: Draws) {
  if (draws.warmup.logEvidence === undefined) return undefined;
  const { evidence } = await import("../../samplers/evidence.js");
  return evidence(draws);
}
