/**
 * Draws parameters from the prior and data from the simulator: `theta_i ~ p(theta)`, `x_i ~ p(x | theta_i)`.
 *
 * `theta` uses the key `foldIn(root, "theta")`; simulation `i` uses `foldIn(foldIn(root, "simulation"), i)`.
 * So the bytes do not depend on chunks, shards or workers, and a longer run begins with a shorter one.
 *
 * @module
 */
import type { LongTask } from "./core/contracts.js";
import { SimulatorError } from "./core/errors.js";
import { type Matrix, matrix, row, sliceRows, takeRows } from "./core/matrix.js";
import { foldIn, type Key, key } from "./core/random.js";
import type { Dataset } from "./dataset/dataset.js";
import { describeTheta, type RowFailure, rowLength, type Simulator } from "./simulator.js";

/** Options of `simulate`. */
export interface SimulateOptions extends LongTask {
  /** Number of simulations, `>= 1`. */
  readonly n: number;
  readonly seed: string | number;
  /**
   * What to do with rows that are not finite: `"error"` stops and shows the first one, `"drop"` keeps them
   * out and counts them in `Dataset.dropped`. Default `"error"`. Dropping changes the model: the result is
   * about `p(x | theta, valid)`.
   */
  readonly invalid?: "error" | "drop";
}

/**
 * Simulates `n` pairs `(theta_i, x_i)`.
 *
 * @throws {RangeError} if `n` is not a positive integer.
 * @throws {SimulatorError} if the simulator throws, returns rows of the wrong length or (by default) rows
 *   that are not finite; the message shows the parameters.
 * @example
 * const simulations = await simulate(simulator, { n: 10_000, seed: "hello" });
 */
export async function simulate(simulator: Simulator, options: SimulateOptions): Promise<Dataset> {
  const { n, seed, invalid = "error", signal, onProgress } = options;
  if (!Number.isSafeInteger(n) || n < 1) {
    throw new RangeError(`simulate: n must be a positive integer, got ${n}.`);
  }
  signal?.throwIfAborted();
  const root = key(seed);
  const theta = simulator.prior.sample(n, foldIn(root, "theta"));
  const { x, failures } = await simulateRange(simulator, theta, foldIn(root, "simulation"), {
    signal,
    onRows: (done) => onProgress?.({ done, total: n }),
  });
  if (invalid === "error" && failures.length > 0) {
    throw new SimulatorError(describeFailures(simulator, theta, failures, n));
  }
  const bad = new Set(failures.map((failure) => failure.row));
  const kept = Uint32Array.from({ length: n }, (_, i) => i).filter((i) => !bad.has(i));
  return {
    theta: bad.size === 0 ? theta : takeRows(theta, kept),
    x: bad.size === 0 ? x : takeRows(x, kept),
    names: simulator.parameters,
    xShape: simulator.xShape,
    prior: simulator.prior,
    dropped: bad.size,
    source: { simulator: simulator.name, seed, n },
  };
}

/**
 * Simulates consecutive rows in chunks of about 50 ms, so that an abort and a progress bar get their turn.
 *
 * @param theta - `[N, D]`.
 * @param simulation - key of the stage; row `i` uses `foldIn(simulation, firstRow + i)`.
 */
export async function simulateRange(
  simulator: Simulator,
  theta: Matrix,
  simulation: Key,
  options: { firstRow?: number; signal?: AbortSignal; onRows?: (done: number) => void } = {},
): Promise<{ x: Matrix; failures: RowFailure[] }> {
  const { firstRow = 0, signal, onRows } = options;
  const x = matrix(theta.rows, rowLength(simulator.xShape));
  const failures: RowFailure[] = [];
  let chunk = 16;
  for (let from = 0; from < theta.rows; ) {
    signal?.throwIfAborted();
    const to = Math.min(theta.rows, from + chunk);
    const keys: Key[] = [];
    for (let i = from; i < to; i++) keys.push(foldIn(simulation, firstRow + i));
    const start = performance.now();
    const batch = await simulator.simulate(sliceRows(theta, from, to), keys, {
      firstRow: firstRow + from,
      signal,
    });
    x.data.set(batch.x.data, from * x.cols);
    for (const { row, reason } of batch.failures ?? []) failures.push({ row: from + row, reason });
    const milliseconds = performance.now() - start;
    from = to;
    if (milliseconds < 25) chunk = Math.min(2 * chunk, 16_384);
    else if (milliseconds > 100) chunk = Math.max(1, chunk >> 1);
    onRows?.(from);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { x, failures };
}

/** The message for rows without usable data: how many, which first, at which parameters, what to do. */
export function describeFailures(
  simulator: Pick<Simulator, "name" | "parameters">,
  theta: Matrix,
  failures: readonly RowFailure[],
  simulated: number,
  firstRow = 0,
): string {
  const { row: first, reason } = failures[0];
  return (
    `simulate: ${failures.length} of ${simulated} simulations of "${simulator.name}" gave no usable data. ` +
    `The first is row ${firstRow + first} (${describeTheta(simulator.parameters, row(theta, first))}): ${reason}. ` +
    `Repair the simulator or narrow the prior, or pass invalid: "drop" to keep such rows out and count them.`
  );
}
