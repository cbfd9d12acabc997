/**
 * `npx tsx benchmarks/gold/lotka-volterra-reference.ts`: makes the rows at which `lotka_volterra_zoom` is compared, with the
 * likelihood that is taken for the truth there, and says what is known of its error.
 *
 * The simulations go past the trace, which would keep their paths: only the data and the joint score are needed.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { column, type Matrix, matrix, repeatRow, row, sliceRows } from "../../src/core/matrix.js";
import { foldIn, key, split, stream } from "../../src/core/random.js";
import type { GoldDataset } from "../../src/dataset/gold.js";
import { openEngine } from "../../src/engine/open.js";
import { scandal } from "../../src/estimators/nle.js";
import type { Drawable, Drawn } from "../../src/program/trace.js";
import { train } from "../../src/train/train.js";
import { cpuClock } from "../cpu-clock.js";
import { encodeTable } from "../draws-table.js";
import { runJumps } from "../problems/gillespie.js";
import { jumps, rates, seriesRecorder, usual } from "../problems/lotka-volterra.js";
import { gridPoints, referenceColumns, simulator } from "../problems/lotka-volterra-zoom.js";

const help = `Usage: npx tsx benchmarks/gold/lotka-volterra-reference.ts [options]

Options:
  --simulations <n>  in two halves, default 100000
  --rows <path>      file that keeps them, float64; read where it is there already
  --out <path>       default benchmarks/problems/lotka-volterra-zoom.arrow
  --help             this text`;

const thetaDim = 4;
const xDim = 9;
const width = thetaDim + xDim + thetaDim;

const { values } = parseArgs({
  options: {
    simulations: { type: "string", default: "100000" },
    rows: { type: "string" },
    out: {
      type: "string",
      default: fileURLToPath(new URL("../problems/lotka-volterra-zoom.arrow", import.meta.url)),
    },
    help: { type: "boolean", default: false },
  },
});
if (values.help) console.log(help);
else await make(Number(values.simulations), values.out, values.rows);

async function make(n: number, out: string, keep?: string): Promise<void> {
  const clock = cpuClock();
  const rows = await simulations(n, keep);
  console.log(`simulated: ${clock().toFixed(0)} CPU s`);
  const engine = await openEngine();
  const halves = await Promise.all(
    [0, n / 2].map((from, k) => {
      const half = tableOf(sliceRows(rows, from, from + n / 2));
      return train(scandal(half), { engine, seed: `half ${k + 1}`, card: false });
    }),
  );
  console.log(`trained: ${clock().toFixed(0)} CPU s`);

  const theta = gridPoints();
  const reference = repeatRow(usual, theta.rows);
  const { x, gold } = await simulator.simulate(reference, split(key("comparison"), theta.rows));
  const at = await Promise.all(halves.map((half) => half.logProb(theta, x)));
  const atReference = await Promise.all(halves.map((half) => half.logProb(reference, x)));
  const ratios = at.map((logs, k) => logs.map((log, i) => log - atReference[k][i]));
  const learned = {
    logRatio: ratios[0].map((log, i) => (log + ratios[1][i]) / 2),
    logProb: at[0].map((log, i) => (log + at[1][i]) / 2),
    jointLogRatio: gold!.jointLogRatio(theta, reference),
  };
  const columns = Array.from({ length: xDim }, (_, j) => [`x${j}`, column(x, j)] as const);
  await writeFile(
    out,
    encodeTable([...columns, ...referenceColumns.map((name) => [name, learned[name]] as const)]),
  );
  console.log(out);

  const mean = (list: ArrayLike<number>) =>
    Array.from(list).reduce((sum, value) => sum + value, 0) / list.length;
  // two independent errors of the same size: half of their difference is as large as the error of their mean
  const apart = ([a, b]: readonly Float64Array[]) => mean(a.map((value, i) => ((value - b[i]) / 2) ** 2));
  console.log("MSE of log r of r = 1:", mean(learned.logRatio.map((log) => log ** 2)));
  console.log("mean square of half of what the halves are apart, log r:", apart(ratios));
  console.log("the same, log p:", apart(at));
  console.log("mean log p of the halves:", ...at.map(mean), "of their mean:", mean(learned.logProb));
  console.log("mean r, which should be 1:", mean(learned.logRatio.map(Math.exp)));
  await Promise.all(halves.map((half) => half.dispose()));
}

/** Points of the prior, the data there and their joint score, `[n, 4 + 9 + 4]`. */
async function simulations(n: number, keep?: string): Promise<Matrix> {
  if (keep !== undefined && existsSync(keep)) {
    const { buffer, byteOffset, byteLength } = await readFile(keep);
    const data = new Float64Array(buffer.slice(byteOffset, byteOffset + byteLength));
    if (data.length !== n * width)
      throw new RangeError(`${keep} holds ${data.length / width} rows, not ${n}.`);
    return matrix(n, width, data);
  }
  const root = key("refA");
  const theta = simulator.prior.sample(n, foldIn(root, "theta"));
  const out = matrix(n, width);
  for (let i = 0; i < n; i++) row(out, i).set(simulateOne(row(theta, i), i));
  if (keep !== undefined) await writeFile(keep, Buffer.from(out.data.buffer));
  return out;

  function simulateOne(point: Float64Array, i: number): Float64Array {
    const constants = Array.from(point, Math.exp);
    const rng = stream(foldIn(root, i));
    const score = new Float64Array(thetaDim);
    const now = new Float64Array(thetaDim);
    const held = new Float64Array(thetaDim);
    const series = seriesRecorder();
    const trace = {
      sample<Value extends Drawn>(address: string, distribution: Drawable<Value>): Value {
        const value = distribution.sample(rng);
        if (address === "event") score[value as number]++;
        return value;
      },
    };
    const { state, truncated } = runJumps(jumps, constants, trace, (at, from, to) => {
      rates(at, constants, now);
      for (let j = 0; j < thetaDim; j++) {
        held[j] = now[j] * (to - from);
        score[j] -= held[j];
      }
      series.hold(at, to);
    });
    // what a run that was cut short holds to the end is no part of its path
    if (truncated) for (let j = 0; j < thetaDim; j++) score[j] += held[j];
    return Float64Array.of(...point, ...series.end(state), ...score);
  }
}

/** Rows as `scandal` takes them; it asks for no ratio. */
function tableOf(rows: Matrix): GoldDataset {
  const part = (from: number, count: number) => {
    const out = matrix(rows.rows, count);
    for (let i = 0; i < rows.rows; i++) row(out, i).set(row(rows, i).subarray(from, from + count));
    return out;
  };
  const theta = part(0, thetaDim);
  return {
    theta,
    thetaRef: theta,
    y: new Uint8Array(rows.rows),
    x: part(thetaDim, xDim),
    jointLogRatio: new Float64Array(rows.rows),
    jointScore: part(thetaDim + xDim, thetaDim),
    names: simulator.parameters,
    xShape: simulator.xShape,
    proposal: simulator.prior,
    source: {},
  };
}
