/**
 * Sequential inference for one observation: each round simulates from the current posterior and trains anew on the
 * simulations of all rounds, each method with its own account of where they came from.
 *
 * | method     | learns                      | how it allows for proposals                           | proposals          |
 * | ---------- | --------------------------- | ----------------------------------------------------- | ------------------ |
 * | `apt`      | the posterior               | atoms (`apt`), and the plain loss on the first round  | its own draws      |
 * | the same   | a mixture density           | `form: "mixture"`: exactly (`aptMixture`)             | its own mixture    |
 * | `snpe-b`   | the posterior               | importance weights (`snpeB`), all proposals a mixture | its own draws      |
 * | `snpe-a`   | a mixture density           | divides a normal proposal out, rows of one round      | a normal fit       |
 * | `snl`      | the likelihood              | not needed: it is conditional on theta                | chains             |
 * | `snre`     | ratio to the proposals      | not needed, see below                                 | chains             |
 *
 * The ratio of `snre` is `p(x | theta) / ptilde(x)`, where `ptilde(x)` is the data's density under all proposals together, for
 * its contrasts are rows of the same table. At the observation that is a constant, so prior times ratio is the posterior up to
 * a factor, but the ratio is not one to the evidence of the prior, and says nothing of it.
 *
 * The first round draws from the prior, and trains plain NPE where the method learns a posterior. `apt`, `snpe-b` and `snpe-a`
 * know one observation; `snl` keeps a likelihood, good for any data near those that it has seen.
 *
 * @see Papamakarios and Murray (2016), https://arxiv.org/abs/1605.06376 (SNPE-A)
 * @see Lueckmann et al. (2017), https://arxiv.org/abs/1711.01861 (SNPE-B)
 * @see Greenberg, Nonnenmacher and Macke (2019), https://arxiv.org/abs/1905.07488 (APT, SNPE-C)
 * @see Papamakarios, Sterratt and Murray (2019), https://arxiv.org/abs/1805.07226 (SNL)
 * @see Durkan, Murray and Papamakarios (2020), https://arxiv.org/abs/2002.03712; Hermans, Begy and Louppe (2020), https://arxiv.org/abs/1903.04057 (SNRE)
 * @module
 */
import type { LogDensity } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn, key as keyOf } from "../core/random.js";
import { openEngine } from "../engine/open.js";
import type { Simulator } from "../simulator.js";
import { methods, type SequentialMethod, type SequentialMethods, type Working } from "./methods.js";
import {
  checkRounds,
  type RoundsEstimator,
  type RoundsOptions,
  type RoundsResult,
  roundsOptionNames,
  runRounds,
} from "./rounds.js";

/** Options of `sequentialRounds`. */
export interface SequentialRoundsOptions<Name extends SequentialMethod = SequentialMethod>
  extends RoundsOptions {
  readonly method: Name;
  /** Options of the method: of its network, its loss. Default none. */
  readonly options?: SequentialMethods[Name]["options"];
}

const optionNames: OptionNames<SequentialRoundsOptions> = {
  ...roundsOptionNames,
  method: true,
  options: true,
};

/** The outcome; draws are independent, or of chains for `snl` and `snre`. */
export interface SequentialRounds<Estimator> extends RoundsResult<Estimator> {
  /**
   * Of the last round. Of `snpe-a` it is the uncorrected density, on the scale of `theta`; only `target` and `sample` are the
   * posterior. Of `apt` in its mixture form it is on that scale, too, and not cut at the walls of a uniform prior.
   */
  readonly estimator: Estimator;
  /** The posterior at the observation; normalised for `apt` by atoms and `snpe-b`. */
  readonly target: LogDensity;
}

const caller = "sequentialRounds";

/**
 * Infers the parameters behind one observation in rounds, each from the posterior of the one before.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if there is no such method, a budget is not a positive whole number, an option of the method is
 *   impossible, `folder` holds rounds made otherwise, SNPE-A or APT by mixtures meets a prior that is neither normal nor uniform, or SNPE-A
 *   a component that is no distribution.
 * @throws {ShapeError} if `observed` does not have the shape of the simulator's data; {RangeError} if it is not finite.
 * @throws {SimulatorError} if a simulation gives no usable data, or with `invalid: "drop"` if none does.
 * @example
 * await using result = await sequentialRounds(simulator, {
 *   observed, simulations: [2000, 2000, 2000], method: "apt", options: { atoms: 20 }, seed: "hello",
 * });
 * const draws = await result.sample(10_000);
 */
export async function sequentialRounds<Name extends SequentialMethod>(
  simulator: Simulator,
  options: SequentialRoundsOptions<Name>,
): Promise<SequentialRounds<SequentialMethods[Name]["estimator"]>> {
  checkOptions(caller, options as SequentialRoundsOptions, optionNames);
  const { observed, simulations: budgets, signal } = options;
  if (!Object.hasOwn(methods, options.method)) {
    throw new ConfigError(
      `${caller}: method must be one of ${Object.keys(methods).join(", ")}, got ${JSON.stringify(options.method)}.`,
    );
  }
  checkRounds(caller, simulator, options);
  const wanted = options.train?.engine;
  const engine = typeof wanted === "object" ? wanted : await openEngine(wanted ?? "auto");
  const work = methods[options.method](options.options ?? {}, {
    simulator,
    observed,
    budgets,
    engine,
    ensemble: options.train?.ensemble ?? 1,
    signal,
    caller,
  }) as Working<RoundsEstimator>;
  const { estimators, rounds, simulations, dispose } = await runRounds(
    caller,
    simulator,
    { ...options, train: { ...options.train, engine } },
    { ...work, options: { name: options.method, ...work.options } },
  );
  const estimator = estimators[estimators.length - 1];
  const { target, sample } = work.outcome(estimator);
  return {
    estimator,
    target,
    rounds,
    simulations,
    sample: (n, { seed = 0, signal: abort } = {}) => sample(n, foldIn(keyOf(seed), "sequential"), abort),
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}
