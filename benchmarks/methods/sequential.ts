/**
 * Methods that spend their simulations on one observation, round by round. None is amortised: every observation uses the
 * budget anew, so `prepare` keeps it and the cost of sampling is that of all rounds. Every preset uses the defaults of the
 * library except where its name says otherwise; none knows which problem it is run on.
 *
 * @module
 */
import type { LogDensity } from "../../src/core/contracts.js";
import type { Matrix } from "../../src/core/matrix.js";
import { npe } from "../../src/estimators/npe.js";
import type { RoundsOptions } from "../../src/sequential/rounds.js";
import { type SequentialRoundsOptions, sequentialRounds } from "../../src/sequential/sequential-rounds.js";
import { truncatedRounds } from "../../src/sequential/truncated-rounds.js";
import type { Simulator } from "../../src/simulator.js";
import type { Method, Prepared, TrainingOptions } from "../method.js";
import { sampleTarget } from "../sampling.js";
import { trainingOf } from "../training.js";

/** Rounds of equal budgets, as in the sequential runs of Lueckmann et al. (2021). */
const rounds = 10;

/** What the rounds of one observation have left. */
interface Inferred extends AsyncDisposable {
  readonly target: LogDensity;
  sample(n: number, options: { readonly seed: number; readonly signal?: AbortSignal }): Promise<Matrix>;
}

/** Goes through the rounds for one observation. */
type Infer = (
  simulator: Simulator,
  options: RoundsOptions,
  ratio: Pick<TrainingOptions, "contrasts" | "gamma" | "balance" | "network">,
) => Promise<Inferred>;

/**
 * @param density - what the target is: the normalised posterior, or one that lacks a constant.
 * @param byChains - whether draws come from chains, and then as those of every other method that needs them.
 */
function sequentialMethod(
  name: string,
  title: string,
  infer: Infer,
  { density, byChains = false }: { readonly density: "logProb" | "logDensity"; readonly byChains?: boolean },
): Method {
  return {
    name,
    title,
    async prepare({ problem, simulations, seed, training, signal }): Promise<Prepared> {
      const { options, ratio } = await trainingOf(training);
      const known = new Map<string, Promise<Inferred>>();
      const at = (observed: Float64Array): Promise<Inferred> => {
        const id = observed.join();
        const found = known.get(id);
        if (found) return found;
        const { card: _, ...train } = options;
        const own = { observed, simulations: shares(simulations), train, seed, signal };
        const made = infer(problem.simulator, own, ratio);
        known.set(id, made);
        return made;
      };
      return {
        engine: options.engine.version,
        trainCpuSeconds: 0, // networks are trained for each observation, while it is sampled
        async sample(observed, drawing) {
          const { target, sample } = await at(observed);
          if (byChains) {
            const { cpuSeconds: _, ...made } = await sampleTarget(target as LogDensity<false>, drawing);
            return made;
          }
          const draws = await sample(drawing.draws, drawing);
          return { draws, sampling: { draws: draws.rows } };
        },
        [density]: async (theta: Matrix, observed: Float64Array) =>
          (await at(observed)).target.logProb(theta),
        async [Symbol.asyncDispose]() {
          for (const made of await Promise.allSettled(known.values())) {
            if (made.status === "fulfilled") await made.value[Symbol.asyncDispose]();
          }
        },
      };
    },
  };
}

/** The budget in equal shares, the first rounds one more where it does not divide; fewer rounds where it is below ten. */
function shares(simulations: number): number[] {
  const count = Math.min(rounds, simulations);
  return Array.from({ length: count }, (_, r) => Math.floor((simulations + count - 1 - r) / count));
}

const named =
  <M extends SequentialRoundsOptions>(method: M["method"], preset?: M["options"]): Infer =>
  (simulator, options) =>
    sequentialRounds(simulator, { ...options, method, ...(preset && { options: preset }) });

/** The methods of this file. */
export const sequentialMethods: readonly Method[] = [
  sequentialMethod("apt", "APT, SNPE-C, in ten rounds (Greenberg et al. 2019)", named("apt"), {
    density: "logProb",
  }),
  sequentialMethod(
    "apt-mixture",
    "APT by mixture densities in ten rounds; normal or uniform priors (Greenberg et al. 2019)",
    named("apt", { form: "mixture" }),
    { density: "logDensity" },
  ),
  sequentialMethod(
    "snpe-a",
    "SNPE-A in ten rounds; components that the quotient makes improper are left out (Papamakarios and Murray 2016)",
    named("snpe-a", { improper: "keep" }),
    { density: "logDensity" },
  ),
  sequentialMethod("snpe-b", "SNPE-B in ten rounds (Lueckmann et al. 2017)", named("snpe-b"), {
    density: "logProb",
  }),
  sequentialMethod("snl", "SNL in ten rounds (Papamakarios et al. 2019)", named("snl"), {
    density: "logDensity",
    byChains: true,
  }),
  sequentialMethod(
    "snre",
    "SNRE in ten rounds, with the ratio of aalr (Hermans et al. 2020; Durkan et al. 2020)",
    (simulator, options, ratio) => {
      const set = Object.fromEntries(Object.entries(ratio).filter(([, value]) => value !== undefined));
      return sequentialRounds(simulator, { ...options, method: "snre", options: set });
    },
    { density: "logDensity", byChains: true },
  ),
  sequentialMethod(
    "tsnpe",
    "NPE in ten rounds of truncated proposals (Deistler et al. 2022)",
    (simulator, options) => truncatedRounds(simulator, { ...options, objective: (rows) => npe(rows) }),
    { density: "logDensity" },
  ),
];
