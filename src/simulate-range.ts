/**
 * Simulating consecutive rows of a longer run: here in chunks, or as the job of a worker. Row `i` of the run
 * uses `foldIn(simulation, i)` wherever it is simulated.
 *
 * @module
 */
import { SimulatorError } from "./core/errors.js";
import { type Matrix, matrix } from "./core/matrix.js";
import { foldIn, type Key } from "./core/random.js";
import { type Batch, type RowFailure, rowLength, type Simulator } from "./simulator.js";
import { loadSimulator, type SimulatorModule } from "./simulator-module.js";

/** What a worker needs to simulate consecutive rows. */
export interface RowsInput {
  readonly simulator: SimulatorModule;
  /** `[N, D]`. */
  readonly theta: Matrix;
  /** Number of the first row in the whole run. */
  readonly firstRow: number;
}

/** Simulated rows; failures are counted from the first row of the batch. */
export interface SimulatedRows {
  readonly x: Matrix;
  readonly failures: readonly RowFailure[];
}

/**
 * The job of a worker: imports the simulator and runs the rows.
 *
 * @param simulation - key of the stage; row `i` uses `foldIn(simulation, firstRow + i)`.
 */
export async function simulateRowsJob(
  { simulator, theta, firstRow }: RowsInput,
  simulation: Key,
  signal?: AbortSignal,
): Promise<SimulatedRows> {
  return simulateRange(await loadSimulator(simulator), theta, simulation, { firstRow, signal });
}

/**
 * Simulates consecutive rows in chunks of about 50 ms, so that an abort and a progress bar get their turn.
 *
 * @param theta - `[N, D]`.
 * @param simulation - key of the stage; row `i` uses `foldIn(simulation, firstRow + i)`.
 * @param options.onRows - told after each chunk how many rows it had.
 * @param options.onBatch - given each chunk and the number of its first row in `theta`, while its gold can be asked for.
 */
export async function simulateRange(
  simulator: Simulator,
  theta: Matrix,
  simulation: Key,
  options: {
    firstRow?: number;
    signal?: AbortSignal;
    onRows?: (rows: number) => void;
    onBatch?: (batch: Batch, from: number) => void;
  } = {},
): Promise<SimulatedRows> {
  const { firstRow = 0, signal, onRows, onBatch } = options;
  const x = matrix(theta.rows, rowLength(simulator.xShape));
  const failures: RowFailure[] = [];
  let chunk = 16;
  for (let from = 0; from < theta.rows; ) {
    signal?.throwIfAborted();
    const to = Math.min(theta.rows, from + chunk);
    const start = performance.now();
    const part = matrix(to - from, theta.cols, theta.data.slice(from * theta.cols, to * theta.cols));
    const keys: Key[] = [];
    for (let i = from; i < to; i++) keys.push(foldIn(simulation, firstRow + i));
    const batch = await simulator.simulate(part, keys, { firstRow: firstRow + from, signal });
    if (batch.x.rows !== part.rows || batch.x.cols !== x.cols) {
      throw new SimulatorError(
        `simulate: "${simulator.name}" returned [${batch.x.rows}, ${batch.x.cols}]; ` +
          `${part.rows} rows of theta and xShape ${JSON.stringify(simulator.xShape)} need [${part.rows}, ${x.cols}].`,
      );
    }
    x.data.set(batch.x.data, from * x.cols);
    for (const { row, reason } of batch.failures ?? []) failures.push({ row: from + row, reason });
    onBatch?.(batch, from);
    const milliseconds = performance.now() - start;
    if (milliseconds < 25) chunk = Math.min(2 * chunk, 16_384);
    else if (milliseconds > 100) chunk = Math.max(1, chunk >> 1);
    onRows?.(to - from);
    from = to;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { x, failures };
}
