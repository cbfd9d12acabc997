/**
 * Programs: simulators that know their own latent path, and so the joint log ratio and the joint score of every row.
 *
 * A program is an ordinary function `(theta, trace) => x` that takes every random number from `trace.sample`. From
 * replays of a recorded path `z` come
 *
 *     log r(x, z | theta0, theta1) = log p(x, z | theta0) - log p(x, z | theta1)     two replays
 *     t(x, z | theta) = d/dtheta log p(x, z | theta)                                 4 D replays
 *
 * This is right if `x` is a function of the path alone. Two habits make it so, and a replay checks both.
 *
 * - Noise of the measurement is a draw like any other: `x = trace.sample("x", normal(signal(theta), sigma))`, not
 *   `signal(theta) + trace.sample("noise", normal(0, sigma))`, whose density says nothing of `theta`.
 * - Which draws are made may depend on earlier draws, but not on `theta` directly.
 *
 * A run that went wrong, or on too long, is an outcome like any other: return what it came to. To try it again until
 * it goes well would condition `p(x, z | theta)` on that, and the joint score would no longer have mean zero.
 *
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244, section II
 * @module
 */
import type { Gold, Prior } from "../core/contracts.js";
import { SimulatorError } from "../core/errors.js";
import { type Matrix, matrix, row } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { type Key, stream } from "../core/random.js";
import {
  checkBatch,
  describeTheta,
  findFailures,
  rowLength,
  type Simulator,
  storeRow,
  type ThetaOf,
} from "../simulator.js";
import { gradientByDifferences } from "./differences.js";
import { type Path, Recorder, Replayer, type Trace } from "./trace.js";

/** What `defineProgram` takes. */
export interface ProgramDefinition<P extends Prior> {
  /** Used in messages and manifests. Default `"program"`. */
  readonly name?: string;
  readonly prior: P;
  /** Shape of one data row: `[]` for a number, `[10]`, `[32, 32]` (row-major). */
  readonly xShape: readonly number[];
  /** Draws through `trace` and returns `L` numbers made of what was drawn, or one number where `L = 1`. */
  run(theta: ThetaOf<P>, trace: Trace): number | ArrayLike<number>;
  /**
   * The joint score `d log p(x, z | theta) / d theta` of a path in closed form: `D` numbers in the order of the prior's
   * names, or one number where `D = 1`. Default: central differences of fourth order, 4 D replays.
   */
  score?(theta: ThetaOf<P>, path: Path): number | ArrayLike<number>;
}

/** A simulator whose batches carry gold, and its paths one by one. */
export interface Program extends Simulator {
  /**
   * Runs the program once and keeps what it drew.
   *
   * @param theta - `[D]`.
   * @throws {SimulatorError} if the program throws, returns data of another shape or draws nothing.
   */
  record(theta: ArrayLike<number>, key: Key): Path;
  /**
   * `log p(x, z | theta)` of a path, nats: one replay. `-Infinity` where the path is impossible.
   *
   * @throws {SimulatorError} if the program draws in another order than the path, returns other data, or throws.
   */
  replay(path: Path, theta: ArrayLike<number>): number;
  /** `log p(x, z | theta0) - log p(x, z | theta1)`, nats: two replays, and one where the path was drawn at one of them. */
  jointLogRatio(path: Path, theta0: ArrayLike<number>, theta1: ArrayLike<number>): number;
  /** `d log p(x, z | theta) / d theta`, `[D]`, per unit of `theta`. */
  jointScore(path: Path, theta: ArrayLike<number>): Float64Array;
}

const definitionNames: OptionNames<ProgramDefinition<Prior>> = {
  name: true,
  prior: true,
  xShape: true,
  run: true,
  score: true,
};

/**
 * Makes a simulator that gives gold from a function that draws through a trace. `simulate` takes it as it takes any
 * simulator; `simulateGold` and `simulateScore` ask for its gold too. The paths of a batch stay in memory as long as
 * its gold does.
 *
 * @throws {TypeError} if `run` is no function, `prior` no prior, or an option does not exist.
 * @throws {RangeError} if `xShape` holds anything but positive integers.
 * @example
 * const program = defineProgram({
 *   prior: uniform({ bias: [-1, 1] }),
 *   xShape: [],
 *   run({ bias }, trace) {
 *     let position = 0;
 *     for (let row = 0; row < 20; row++) position += trace.sample("nail", bernoulli(0.5 + 0.25 * bias));
 *     return position;
 *   },
 * });
 * const simulations = await simulateGold(program, { n: 10_000, thetaRef: [0], seed: "hello" });
 */
export function defineProgram<const P extends Prior>(definition: ProgramDefinition<P>): Program {
  checkOptions("defineProgram", definition, definitionNames as OptionNames<ProgramDefinition<P>>);
  const { name = "program", prior, xShape, run, score } = definition;
  for (const [option, value] of Object.entries({ run, score: score ?? (() => 0) })) {
    if (typeof value === "function") continue;
    throw new TypeError(
      `defineProgram: ${option} must be a function, such as (theta, ${option === "run" ? "trace" : "path"}) => ..., ` +
        `got ${typeof value}.`,
    );
  }
  if (!prior || !Array.isArray(prior.names) || typeof prior.sample !== "function") {
    throw new TypeError(`defineProgram: prior must be a prior such as uniform({ mu: [-3, 3] }).`);
  }
  const names = prior.names;
  const dim = names.length;
  const length = rowLength(xShape, "defineProgram");
  const describe = (theta: ArrayLike<number>) => `(${describeTheta(names, theta)})`;

  /** Parameters by name. */
  const named = (theta: ArrayLike<number>): ThetaOf<P> => {
    const parameters: Record<string, number> = {};
    if (theta.length !== dim) throw new TypeError(`theta must have ${dim} values, got ${theta.length}`);
    for (let j = 0; j < dim; j++) {
      if (!Number.isFinite(theta[j])) throw new RangeError(`theta must be finite numbers`);
      parameters[names[j]] = theta[j];
    }
    return parameters as ThetaOf<P>;
  };

  const record = (theta: ArrayLike<number>, key: Key, at = ""): Path => {
    const where = () => `program "${name}"${at} at ${describe(theta)}`;
    const recorder = new Recorder(stream(key));
    const x = new Float64Array(length);
    let flaw: string | undefined;
    try {
      flaw = storeRow(definition.run(named(theta), recorder), xShape, x);
    } catch (cause) {
      throw failure(`${where()} threw`, cause);
    }
    if (flaw !== undefined) throw new SimulatorError(`${where()} ${flaw}`);
    const { addresses, values, logProbs, logProb } = recorder;
    if (addresses.length === 0) {
      throw new SimulatorError(
        `${where()} drew nothing from its trace, so it has no path. Take every random number from ` +
          `trace.sample(address, distribution); a simulator with an rng of its own is for defineSimulator.`,
      );
    }
    return { theta: Float64Array.from(theta), x, addresses, values, logProbs, logProb };
  };

  /** `log p(x, z | theta)` less the recorded one. */
  const difference = (path: Path, theta: ArrayLike<number>, at = ""): number => {
    if (isSame(path.theta, theta)) return 0;
    const where = () =>
      `program "${name}"${at}, recorded at ${describe(path.theta)} and replayed at ${describe(theta)}`;
    const replayer = new Replayer(path);
    const x = new Float64Array(length);
    let flaw: string | undefined;
    try {
      flaw = storeRow(definition.run(named(theta), replayer), xShape, x);
      replayer.finish();
    } catch (cause) {
      throw failure(where(), cause);
    }
    if (flaw !== undefined) throw new SimulatorError(`${where()}, ${flaw}`);
    if (!isSame(x, path.x)) {
      const k = x.findIndex((value, j) => !Object.is(value, path.x[j]));
      throw new SimulatorError(
        `${where()}: x[${k}] is ${x[k]} and was ${path.x[k]}, though every draw is the same. x may depend on theta ` +
          `only through draws: write x = trace.sample("x", normal(signal(theta), sigma)) rather than adding a draw of ` +
          `noise to a signal, and take no random number from elsewhere.`,
      );
    }
    return replayer.difference;
  };

  const closedForm = (path: Path, theta: ArrayLike<number>, out: Float64Array, at = ""): void => {
    const where = () => `program "${name}"${at}: score at ${describe(theta)}`;
    let values: number | ArrayLike<number>;
    try {
      values = definition.score!(named(theta), path);
    } catch (cause) {
      throw failure(`${where()} threw`, cause);
    }
    const parts = typeof values === "number" ? [values] : values;
    if (parts?.length !== dim) {
      throw new SimulatorError(
        `${where()} must return ${dim} numbers (${names.join(", ")}), got ${parts?.length}.`,
      );
    }
    for (let j = 0; j < dim; j++) out[j] = parts[j];
  };

  const goldOf = (paths: readonly Path[], firstRow?: number): Gold => {
    const at = (i: number) => (firstRow === undefined ? "" : ` at row ${firstRow + i}`);
    const check = (theta: Matrix) => checkRows(name, names, theta, paths.length);
    return {
      jointLogRatio(theta0, theta1) {
        check(theta0);
        check(theta1);
        return Float64Array.from(
          paths,
          (path, i) => difference(path, row(theta0, i), at(i)) - difference(path, row(theta1, i), at(i)),
        );
      },
      jointScore(theta) {
        check(theta);
        if (!score) {
          return gradientByDifferences(theta, prior, (i, point) => difference(paths[i], point, at(i)));
        }
        const out = matrix(theta.rows, dim);
        for (let i = 0; i < paths.length; i++) closedForm(paths[i], row(theta, i), row(out, i), at(i));
        return out;
      },
    };
  };

  const oneRow = (theta: ArrayLike<number>) => matrix(1, theta.length, Float64Array.from(theta));
  return {
    name,
    prior,
    parameters: names,
    xShape: [...xShape],
    record: (theta, key) => record(theta, key),
    replay: (path, theta) => path.logProb + difference(path, theta),
    jointLogRatio: (path, theta0, theta1) => goldOf([path]).jointLogRatio(oneRow(theta0), oneRow(theta1))[0],
    jointScore: (path, theta) => goldOf([path]).jointScore(oneRow(theta)).data,
    simulate(theta, keys, { firstRow = 0 } = {}) {
      checkBatch(name, names, theta, keys);
      const x = matrix(theta.rows, length);
      const paths = keys.map((key, i) => {
        const path = record(row(theta, i), key, ` at row ${firstRow + i}`);
        x.data.set(path.x, i * length);
        return path;
      });
      const failures = findFailures(x);
      return { x, gold: goldOf(paths, firstRow), ...(failures.length > 0 && { failures }) };
    },
  };
}

/** An error of the program, with where it happened in front. */
function failure(where: string, cause: unknown): SimulatorError {
  return new SimulatorError(`${where}: ${cause instanceof Error ? cause.message : cause}`, { cause });
}

/** Equal number by number; `NaN` equals itself. */
function isSame(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let j = 0; j < a.length; j++)
    if (a[j] !== b[j] && !(Number.isNaN(a[j]) && Number.isNaN(b[j]))) return false;
  return true;
}

function checkRows(name: string, names: readonly string[], theta: Matrix, rows: number): void {
  if (theta.rows === rows && theta.cols === names.length) return;
  throw new SimulatorError(
    `simulator "${name}": gold of ${rows} rows needs theta [${rows}, ${names.length}], got [${theta.rows}, ${theta.cols}].`,
  );
}
