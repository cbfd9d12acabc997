/**
 * `npm run bench:scheduler`: what samplers cost beside the density that they sample, in CPU time per chain and step,
 * and beside a trained ratio.
 *
 * A step is one point of one chain at which the density was asked for. What the density takes is measured alone, by as many
 * rows, and taken away; random numbers, the kernel, its warm-up and the bookkeeping of draws remain.
 *
 * @module
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { hmc } from "../../samplers/hmc.js";
import { metropolis } from "../../samplers/metropolis.js";
import { nuts } from "../../samplers/nuts.js";
import { sample } from "../../samplers/sample.js";
import { slice } from "../../samplers/slice.js";
import { logDensity } from "../../samplers/target.js";
import type { LogDensity } from "../../src/core/contracts.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { aalr } from "../../src/estimators/aalr.js";
import { posterior } from "../../src/posterior.js";
import { simulate } from "../../src/simulate.js";
import { train } from "../../src/train/train.js";
import { cpuClock } from "../cpu-clock.js";
import { simulator as slcp } from "../problems/slcp.js";

const help = `Usage: npm run bench:scheduler -- [options]

CPU microseconds per chain and step that 100 chains take beside a standard normal of 1 and of 10 parameters; and,
of 100 chains on a trained ratio of 3 x 128 units, CPU microseconds per batched gradient, and as shares of it what hmc
and nuts take, and what the prior takes. The fastest of several rounds counts. It runs the build, as users do.

Options:
  --only <names>   comma-separated: hmc-1, hmc-10, nuts-1, ..., ratio-hmc, ratio-nuts; default all
  --rounds <n>     default 5
  --json           one JSON object per line: name, steps and stepMicroseconds, or gradients, gradientMicroseconds,
                   samplerShare and priorShare; load
  --help           this text`;

const chains = 100;
const samplers = { hmc, nuts, slice, metropolis } as const;

/** Draws per chain, about a million steps of all; sweeps of a slice count by parameter. */
const numDraws = { hmc: 2500, nuts: 2000, slice: 1500, metropolis: 10_000 } as const;

/** CPU seconds of `work`, the fastest of `rounds`; the first, when code is still being compiled, does not count. */
async function fastest(rounds: number, work: () => Promise<unknown>): Promise<number> {
  await work();
  let least = Infinity;
  for (let r = 0; r < rounds; r++) {
    const clock = cpuClock();
    await work();
    least = Math.min(least, clock());
  }
  return least;
}

/** A standard normal, all rows in one loop. */
function normal(dim: number): LogDensity {
  const logProbBatch = ({ data, rows }: Matrix): Float64Array => {
    const out = new Float64Array(rows);
    for (let i = 0; i < rows; i++) {
      let sum = 0;
      for (let k = i * dim; k < (i + 1) * dim; k++) sum += data[k] * data[k];
      out[i] = -0.5 * sum;
    }
    return out;
  };
  return logDensity({
    names: Array.from({ length: dim }, (_, i) => `u${i}`),
    logProbBatch,
    gradientBatch(theta) {
      const gradient = matrix(theta.rows, dim);
      for (let k = 0; k < gradient.data.length; k++) gradient.data[k] = -theta.data[k];
      return { logProb: logProbBatch(theta), gradient };
    },
  });
}

/** What a sampler takes beside a density that takes next to nothing. */
async function besideNormal(name: keyof typeof samplers, dim: number, rounds: number) {
  const target = normal(dim);
  const initial = matrix(chains, dim, stream(key("scheduler")).normals(chains * dim));
  const draws = numDraws[name] / (name === "slice" ? dim : 1);
  let steps = 0;
  const whole = await fastest(rounds, async () => {
    const options = { chains, warmup: 200, draws, seed: "scheduler", initial };
    const { run } = await sample(samplers[name](target), options);
    steps = (run.evaluations as { readonly rows: number }).rows;
  });
  const evaluate = name === "hmc" || name === "nuts" ? target.gradient! : target.logProb;
  const own = await fastest(rounds, async () => {
    for (let rest = steps; rest > 0; rest -= chains) await evaluate(initial);
  });
  return { steps, stepMicroseconds: (1e6 * (whole - own)) / steps };
}

/** Counts the CPU time of a function's calls, up to the answer. */
function timed<Argument, Result>(work: (argument: Argument) => Promise<Result>) {
  const spent = { calls: 0, seconds: 0 };
  const call = async (argument: Argument): Promise<Result> => {
    const clock = cpuClock();
    const result = await work(argument);
    spent.calls++;
    spent.seconds += clock();
    return result;
  };
  return { call, spent };
}

/**
 * CPU seconds that a clock takes by itself, in all and between its start and its reading. To ask for CPU time takes about
 * a microsecond, which four times per gradient would be counted as the sampler's and the prior's.
 */
function clockCost(): { readonly whole: number; readonly inside: number } {
  const pairs = 20_000;
  const all = cpuClock();
  let inside = 0;
  for (let i = 0; i < pairs; i++) inside += cpuClock()();
  return { whole: all() / pairs, inside: inside / pairs };
}

/** What a sampler takes around the gradients of a trained ratio, and the prior of the posterior. */
async function aroundRatio(name: "hmc" | "nuts", rounds: number) {
  const simulations = await simulate(slcp, { n: 10_000, seed: 1 });
  const network = { kind: "mlp", hidden: [128, 128, 128], activation: "relu" } as const;
  await using estimator = await train(aalr(simulations, { network }), { epochs: 5, seed: 1 });
  const observed = row(simulations.x, 0);
  const { header, prior, xDim } = estimator;
  const ratio = estimator.observe(matrix(1, observed.length, observed));
  const engine = timed(ratio.gradient);
  const learned = { header, prior, xDim, observe: () => ({ ...ratio, gradient: engine.call }) };
  const target = posterior(learned, { observed });
  const density = timed(target.gradient!);
  const sampler = samplers[name]({ ...target, gradient: density.call });
  const run = { chains, warmup: 200, seed: "scheduler" };
  const initial = matrix(chains, target.dim, (await sample(sampler, { ...run, draws: 1 })).values);
  const cost = clockCost();
  let least = { whole: Infinity, engine: 0, density: 0, calls: 0 };
  for (let round = 0; round <= rounds; round++) {
    for (const { spent } of [engine, density]) Object.assign(spent, { calls: 0, seconds: 0 });
    const clock = cpuClock();
    await sample(sampler, { ...run, draws: 100, initial });
    const whole = clock();
    const { calls } = engine.spent;
    const alone = whole - 2 * calls * cost.whole;
    if (round === 0 || alone > least.whole) continue; // graphs are compiled in the first
    least = {
      whole: alone,
      engine: engine.spent.seconds - calls * cost.inside,
      density: density.spent.seconds - calls * (cost.whole + cost.inside),
      calls,
    };
  }
  return {
    gradients: least.calls,
    gradientMicroseconds: (1e6 * least.engine) / least.calls,
    samplerShare: (least.whole - least.density) / least.engine,
    priorShare: (least.density - least.engine) / least.engine,
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      rounds: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(help);
  const rounds = Number(values.rounds);
  if (!(Number.isInteger(rounds) && rounds >= 1)) {
    throw new RangeError(`--rounds must be a whole number >= 1, got ${values.rounds}.`);
  }
  const all: Record<string, () => Promise<Readonly<Record<string, number>>>> = {};
  for (const name of ["hmc", "nuts", "slice", "metropolis"] as const) {
    for (const dim of [1, 10]) all[`${name}-${dim}`] = () => besideNormal(name, dim, rounds);
  }
  for (const name of ["hmc", "nuts"] as const) all[`ratio-${name}`] = () => aroundRatio(name, rounds);
  const names = values.only?.split(",") ?? Object.keys(all);
  const unknown = names.find((name) => !Object.hasOwn(all, name));
  if (unknown !== undefined) {
    throw new RangeError(`--only names "${unknown}"; expected ${Object.keys(all).join(", ")}.`);
  }
  for (const name of names) {
    const measured = Object.entries({ ...(await all[name]()), load: loadavg()[0] });
    const line = Object.fromEntries(measured.map(([field, value]) => [field, Number(value.toPrecision(3))]));
    const words = Object.entries(line).map(([field, value]) => `${field} ${value}`);
    console.log(values.json ? JSON.stringify({ name, ...line }) : `${name.padEnd(14)}${words.join(", ")}`);
  }
}

await main().catch((error: Error) => {
  console.error(`scheduler: ${error.message}`);
  process.exitCode = 1;
});
