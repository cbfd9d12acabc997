/**
 * Tables of simulations with gold, for the losses that learn from it.
 *
 * Half of the rows are simulated at `theta0` drawn from the proposal (`y = 0`), half at the denominator `theta1`
 * (`y = 1`): even rows and odd rows, so that any beginning of a run is balanced. Every row has a `theta0` and a `theta1`,
 * whichever made it, and its gold is taken at its own path. Numerators come from `foldIn(root, "theta")`, drawn
 * denominators from `foldIn(root, "thetaRef")`, simulation `i` from `foldIn(foldIn(root, "simulation"), i)`: the bytes
 * do not depend on chunks or workers, and a longer run begins with a shorter one.
 *
 * A path that is impossible at one of the points has an infinite log ratio. Such rows are kept, for leaving them out
 * would change what the others are draws of, and counted in `source.infiniteLogRatios`: `-Infinity` where the path is
 * impossible at `theta0`, and its `jointScore` is then `NaN`; `Infinity` where it is impossible at `theta1`, and its
 * `jointScoreRef` is then `NaN`.
 *
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244
 * @module
 */
import type { LongTask, Prior } from "./core/contracts.js";
import { ConfigError, ShapeError } from "./core/errors.js";
import { type Matrix, matrix, repeatRow, sliceRows, stackRows } from "./core/matrix.js";
import { checkOptions, type OptionNames } from "./core/options.js";
import { foldIn, type Key, key } from "./core/random.js";
import type { ShardFormat, ShardRows } from "./dataset/folder.js";
import { type GoldDataset, goldTable, type ScoreDataset } from "./dataset/gold.js";
import type { GoldShard } from "./dataset/gold-shards.js";
import type { FolderIdentity } from "./dataset/manifest.js";
import { type Executor, type Job, runAll } from "./executor/executor.js";
import {
  type GoldInput,
  type GoldRows,
  type GoldTask,
  labelOf,
  simulateGoldRange,
} from "./simulate-gold-range.js";
import { untilAbort } from "./simulate-shards.js";
import type { Simulator } from "./simulator.js";
import { isSimulatorModule, loadSimulator, type SimulatorModule } from "./simulator-module.js";

/** Options of `simulateScore`. */
export interface SimulateScoreOptions extends LongTask {
  /** Number of simulations, `>= 1`. */
  readonly n: number;
  readonly seed: string | number;
  /** The reference point, `[D]`, in the order of the simulator's parameters. */
  readonly thetaRef: ArrayLike<number>;
  /** Worker threads; above 1 the simulator must be given by `simulatorModule`. Default 1: this thread. */
  readonly workers?: number;
  /** Where to run instead of own threads; the simulator must be given by `simulatorModule`. */
  readonly executor?: Executor;
  /**
   * Folder for Arrow shards and their manifest, which `readGold` or `readScores` reads. A run that was stopped goes on there
   * when it is started again with the same arguments; missing and damaged shards are simulated anew. The table is held in
   * memory, too. Default: memory only.
   */
  readonly out?: string;
  /** With `out`: rows per shard. Default a twentieth of `n`, at most 10,000. */
  readonly shardSize?: number;
}

/** Options of `simulateGold`. */
export interface SimulateGoldOptions extends Omit<SimulateScoreOptions, "thetaRef"> {
  /**
   * The denominator of every row, `[D]`. Default: drawn from the proposal, row by row, as the numerators are; the table
   * then holds `jointScoreRef` too.
   */
  readonly thetaRef?: ArrayLike<number>;
  /** Where the points are drawn from. Default: the simulator's prior. */
  readonly proposal?: Prior;
}

const scoreNames: OptionNames<SimulateScoreOptions> = {
  n: true,
  seed: true,
  thetaRef: true,
  workers: true,
  executor: true,
  out: true,
  shardSize: true,
  signal: true,
  onProgress: true,
};
const goldNames: OptionNames<SimulateGoldOptions> = { ...scoreNames, proposal: true };

/**
 * Simulates `n` classification pairs with their joint log ratio and joint score.
 *
 * @param simulator - one whose batches carry gold, as `defineProgram` makes it.
 * @throws {RangeError} if `n` or `workers` is not a positive integer, or `thetaRef` not finite.
 * @throws {ShapeError} if `thetaRef` or `proposal` has other parameters than the simulator.
 * @throws {SimulatorError} if the simulator throws, has no gold, or gives data or gold that are `NaN`; the message shows
 *   the row and the parameters.
 * @throws {ConfigError} if other threads are to run a simulator that is not given by its module, or `out` holds other
 *   simulations or cannot be written.
 * @example
 * const simulations = await simulateGold(program, { n: 10_000, thetaRef: [0], seed: "hello", out: "gold" });
 */
export async function simulateGold(
  simulator: Simulator | SimulatorModule,
  options: SimulateGoldOptions,
): Promise<GoldDataset> {
  checkOptions("simulateGold", options, goldNames);
  const { n, seed, proposal } = options;
  const local = await prepare("simulateGold", simulator, options);
  const points = proposal ?? local.prior;
  if (
    points.dim !== local.parameters.length ||
    points.names.some((name, j) => name !== local.parameters[j])
  ) {
    throw new ShapeError(
      `simulateGold: the proposal must have the parameters ${local.parameters.join(", ")} in this order, got ${points.names.join(", ")}.`,
    );
  }
  const root = key(seed);
  const theta = points.sample(n, foldIn(root, "theta"));
  const both = options.thetaRef === undefined;
  const thetaRef = both
    ? points.sample(n, foldIn(root, "thetaRef"))
    : repeatRow(reference("simulateGold", local, options.thetaRef!), n);
  const source = { simulator: local.name, seed };
  const run: PartRun<GoldShard> = async (from, to, where) => {
    const [own, ref] = [sliceRows(theta, from, to), sliceRows(thetaRef, from, to)];
    const task = { theta: own, thetaRef: ref, scoreRef: both, firstRow: from };
    const rows = await simulateRows(simulator, local, task, options, where);
    const y = Uint8Array.from({ length: to - from }, (_, i) => labelOf(from + i));
    return { theta: own, thetaRef: ref, y, ...rows, failures: [] };
  };
  const parts = await simulateParts(
    "simulateGold",
    options,
    {
      source,
      names: local.parameters,
      xShape: local.xShape,
      prior: points.spec,
      thetaRef: both ? null : Array.from(options.thetaRef!),
    },
    async () => (await import("./dataset/gold-shards.js")).goldShards,
    run,
  );
  const { parameters: names, xShape } = local;
  return goldTable(parts, { names, xShape, proposal: points, source, both });
}

/**
 * Simulates `n` rows at a reference point with their joint score there.
 *
 * @param simulator - one whose batches carry gold, as `defineProgram` makes it.
 * @throws as `simulateGold`.
 * @example
 * const simulations = await simulateScore(program, { n: 10_000, thetaRef: [0], seed: "hello" });
 */
export async function simulateScore(
  simulator: Simulator | SimulatorModule,
  options: SimulateScoreOptions,
): Promise<ScoreDataset> {
  checkOptions("simulateScore", options, scoreNames);
  const { n, seed } = options;
  const local = await prepare("simulateScore", simulator, options);
  const thetaRef = reference("simulateScore", local, options.thetaRef);
  const source = { simulator: local.name, seed };
  const { parameters: names, xShape } = local;
  const parts = await simulateParts(
    "simulateScore",
    options,
    { source, names, xShape, prior: null, thetaRef: Array.from(thetaRef) },
    async () => (await import("./dataset/gold-shards.js")).scoreShards,
    async (from, to, where) => {
      const task = { theta: repeatRow(thetaRef, to - from), firstRow: from };
      const { x, jointScore } = await simulateRows(simulator, local, task, options, where);
      return { x, jointScore, failures: [] };
    },
  );
  const joined = (of: (part: (typeof parts)[number]) => Matrix) =>
    parts.length === 1 ? of(parts[0]) : stackRows(parts.map(of));
  return {
    thetaRef,
    x: joined(({ x }) => x),
    jointScore: joined(({ jointScore }) => jointScore),
    names,
    xShape,
    source: { ...source, n },
  };
}

/** The options both functions have. */
type RunOptions = Omit<SimulateScoreOptions, "thetaRef">;

/** Checks the options and returns the simulator as this thread has it. */
async function prepare(
  caller: string,
  simulator: Simulator | SimulatorModule,
  { n, workers = 1, executor, out, shardSize, signal }: RunOptions,
): Promise<Simulator> {
  for (const [name, value] of Object.entries({ n, workers, shardSize })) {
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`${caller}: ${name} must be a positive integer, got ${value}.`);
    }
  }
  if (shardSize !== undefined && out === undefined) {
    throw new ConfigError(`${caller}: shardSize goes with out, the folder that the shards are written to.`);
  }
  if ((workers > 1 || executor) && !isSimulatorModule(simulator)) {
    throw new ConfigError(
      `${caller}: ${executor ? "an executor" : `workers: ${workers}`} needs a simulator that other threads can ` +
        `import, but a function cannot travel to them. Export it from a module and pass ` +
        `simulatorModule(new URL("./my-simulator.js", import.meta.url), "simulator") instead.`,
    );
  }
  signal?.throwIfAborted();
  const local = isSimulatorModule(simulator) ? await loadSimulator(simulator) : simulator;
  if (typeof local?.simulate !== "function") {
    throw new TypeError(`${caller}: expected a simulator as defineProgram makes it, got ${typeof local}.`);
  }
  return local;
}

function reference(caller: string, { parameters }: Simulator, thetaRef: ArrayLike<number>): Float64Array {
  if (typeof thetaRef !== "object" || thetaRef === null || thetaRef.length !== parameters.length) {
    throw new ShapeError(
      `${caller}: thetaRef must hold ${parameters.length} numbers (${parameters.join(", ")}), ` +
        `got ${JSON.stringify(thetaRef)}.`,
    );
  }
  const values = Float64Array.from(thetaRef);
  if (values.every(Number.isFinite)) return values;
  throw new RangeError(`${caller}: thetaRef must be finite numbers, got [${values}].`);
}

/** Where rows are simulated, this thread by default, and who is told of them. */
interface Where {
  readonly executor?: Executor;
  readonly onRows: (rows: number) => void;
}

/** Simulates rows `from` to `to` (exclusive). */
type PartRun<S> = (from: number, to: number, where: Where) => Promise<S>;

/** Simulates all rows at once, or shard by shard into a folder. */
async function simulateParts<S extends ShardRows>(
  caller: string,
  { n, workers = 1, out, shardSize, onProgress, ...options }: RunOptions,
  known: Omit<FolderIdentity, "n" | "shardSize">,
  format: () => Promise<ShardFormat<S>>,
  simulate: PartRun<S>,
): Promise<S[]> {
  let done = 0;
  const onRows = (rows: number) => onProgress?.({ done: (done += rows), total: n });
  await using own =
    workers === 1 || options.executor
      ? undefined
      : (await import("./executor/threads.js")).threads({ workers });
  const executor = options.executor ?? own;
  if (out === undefined) return [await simulate(0, n, { executor, onRows })];
  const { simulateInShards } = await import("./simulate-gold-folder.js"); // brings Arrow
  const identity = { ...known, n, shardSize: shardSize ?? Math.min(10_000, Math.ceil(n / 20)) };
  return simulateInShards(await format(), { caller, folder: out, identity, onRows }, (from, to, told) =>
    simulate(from, to, { executor, onRows: told }),
  );
}

/** Simulates the rows of a task, here or in jobs elsewhere. */
async function simulateRows(
  simulator: Simulator | SimulatorModule,
  local: Simulator,
  task: GoldTask,
  { n, seed, signal }: RunOptions,
  { executor, onRows }: Where,
): Promise<GoldRows> {
  const total = task.theta.rows;
  const simulation = foldIn(key(seed), "simulation");
  if (!executor) {
    return untilAbort(simulateGoldRange(local, task, simulation, { signal, onRows }), signal);
  }
  const jobRows = Math.max(1, Math.ceil(n / (64 * executor.workers)));
  const jobs = [...cut(simulator as SimulatorModule, task, simulation, jobRows)]; // checked in prepare
  const parts = await runAll<GoldRows>(executor, jobs, { signal, onOutput: ({ x }) => onRows(x.rows) });
  const ratios = new Float64Array(task.thetaRef ? total : 0);
  let at = 0;
  for (const { jointLogRatio } of parts) {
    ratios.set(jointLogRatio, at);
    at += jointLogRatio.length;
  }
  return {
    x: stackRows(parts.map(({ x }) => x)),
    jointLogRatio: ratios,
    jointScore: stackRows(parts.map(({ jointScore }) => jointScore)),
    ...(task.scoreRef && { jointScoreRef: stackRows(parts.map(({ jointScoreRef }) => jointScoreRef!)) }),
  };
}

/** Jobs of `size` rows. About 64 a worker are fine enough to share out uneven rows, and coarse enough to hide the cost of a message. */
function* cut(
  simulator: SimulatorModule,
  { theta, thetaRef, scoreRef, firstRow }: GoldTask,
  simulation: Key,
  size: number,
): Generator<Job<GoldInput>> {
  const module = new URL(
    import.meta.url.endsWith(".ts") ? "./simulate-gold-range.ts" : "./simulate-gold-range.js",
    import.meta.url,
  );
  for (let from = 0; from < theta.rows; from += size) {
    const part = (m: Matrix) => {
      const { rows, cols, data } = sliceRows(m, from, Math.min(theta.rows, from + size));
      return matrix(rows, cols, data.slice()); // a view would send its whole buffer
    };
    yield {
      module,
      exportName: "simulateGoldJob",
      input: {
        simulator,
        theta: part(theta),
        ...(thetaRef && { thetaRef: part(thetaRef), scoreRef }),
        firstRow: firstRow + from,
      },
      key: simulation,
    };
  }
}
