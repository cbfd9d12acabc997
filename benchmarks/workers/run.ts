/**
 * `npm run bench:workers`: what several workers buy, and cost, for a dear exact density and for a learned ratio.
 *
 * The density is sbibm's Lotka-Volterra posterior, an ordinary differential equation for each row; the ratio has 3 x 128 units
 * and is trained on slcp. Draws of all rows of the table are equal bit for bit, which is checked.
 *
 * @module
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Draws } from "../../samplers/draws.js";
import type { SampleOptions } from "../../samplers/sample.js";
import { matrix, row } from "../../src/core/matrix.js";
import { aalr } from "../../src/estimators/aalr.js";
import { saveEstimator } from "../../src/estimators/file.js";
import { inline } from "../../src/executor/inline.js";
import { threads } from "../../src/executor/threads.js";
import { sampleOnWorkers } from "../../src/sample-on-workers.js";
import { type SamplerModule, samplerModule } from "../../src/sampler-module.js";
import { simulate } from "../../src/simulate.js";
import { train } from "../../src/train/train.js";
import { cpuClock } from "../cpu-clock.js";
import { simulator as slcp } from "../problems/slcp.js";

const help = `Usage: npm run bench:workers -- [options]

Wall and CPU seconds of sampling on 1, 2 ... workers: the whole run, with the making of samplers and threads. The critical
seconds are CPU seconds of the main thread and, after it, of the busiest worker: what the wall clock shows where no other
program wants the processors (Linux). The fastest of several rounds counts.

Options:
  --only <names>    comma-separated: exact, learned; default both
  --workers <list>  comma-separated; default 1,2
  --rounds <n>      default 3
  --json            one JSON object per line: name (exact-1 ...), workers, wallSeconds, cpuSeconds,
                    criticalSeconds, calls, rows, load
  --help            this text`;

const plans: Readonly<Record<string, SampleOptions>> = {
  exact: { chains: 20, warmup: 100, draws: 400, seed: "workers", candidates: 2000 },
  learned: { chains: 100, warmup: 200, draws: 2000, seed: "workers" },
};

const module = new URL(import.meta.url.endsWith(".ts") ? "./samplers.ts" : "./samplers.js", import.meta.url);

/** A ratio on disk, and data to observe. */
async function trainRatio(file: string): Promise<{ readonly file: string; readonly observed: Float64Array }> {
  const simulations = await simulate(slcp, { n: 10_000, seed: 1 });
  const network = { kind: "mlp", hidden: [128, 128, 128], activation: "relu" } as const;
  await using estimator = await train(aalr(simulations, { network }), { epochs: 5, seed: 1 });
  await saveEstimator(estimator, file);
  return {
    file,
    observed: row(matrix(1, simulations.x.cols, simulations.x.data.slice(0, simulations.x.cols)), 0),
  };
}

/** CPU seconds of each thread of this process so far. */
function threadSeconds(): Map<string, number> {
  const found = new Map<string, number>();
  for (const thread of readdirSync("/proc/self/task")) {
    try {
      const [nanoseconds] = readFileSync(`/proc/self/task/${thread}/schedstat`, "latin1").split(" ");
      found.set(thread, Number(nanoseconds) / 1e9);
    } catch {
      // it has just ended
    }
  }
  return found;
}

/** Of the main thread and the busiest other one since `before`; with one worker all is done by the main thread. */
function criticalPath(before: ReadonlyMap<string, number>, workers: number): number {
  const main = String(process.pid);
  const spent = [...threadSeconds()].map(([thread, s]) => [thread, s - (before.get(thread) ?? 0)] as const);
  const others = spent.flatMap(([thread, seconds]) => (thread === main ? [] : [seconds]));
  const own = spent.find(([thread]) => thread === main)?.[1] ?? Number.NaN;
  return own + (workers > 1 ? Math.max(...others) : 0);
}

async function measure(sampler: SamplerModule, options: SampleOptions, workers: number, rounds: number) {
  let draws: Draws | undefined;
  let [wallSeconds, cpuSeconds, criticalSeconds] = [Infinity, Infinity, Infinity];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    const clock = cpuClock();
    const before = threadSeconds();
    {
      await using executor = workers === 1 ? inline() : threads({ workers });
      draws = await sampleOnWorkers(sampler, { ...options, executor });
      criticalSeconds = Math.min(criticalSeconds, criticalPath(before, workers));
    }
    wallSeconds = Math.min(wallSeconds, (performance.now() - start) / 1000);
    cpuSeconds = Math.min(cpuSeconds, clock());
  }
  const { calls, rows } = draws!.run.evaluations as { readonly calls: number; readonly rows: number };
  return { draws: draws!, line: { workers, wallSeconds, cpuSeconds, criticalSeconds, calls, rows } };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: "exact,learned" },
      workers: { type: "string", default: "1,2" },
      rounds: { type: "string", default: "3" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(help);
  const rounds = Number(values.rounds);
  const numbers = values.workers.split(",").map(Number);
  if (![rounds, ...numbers].every((value) => Number.isInteger(value) && value >= 1)) {
    throw new RangeError("--rounds and --workers must be whole numbers >= 1.");
  }
  const folder = mkdtempSync(join(tmpdir(), "galton-workers-"));
  try {
    for (const name of values.only.split(",")) {
      if (!Object.hasOwn(plans, name)) {
        throw new RangeError(`--only names "${name}"; expected exact or learned.`);
      }
      const input = name === "learned" ? await trainRatio(join(folder, "ratio.safetensors")) : undefined;
      const sampler = samplerModule(module, name, input);
      let first: Draws | undefined;
      for (const workers of numbers) {
        const { draws, line } = await measure(sampler, plans[name], workers, rounds);
        first ??= draws;
        const isSame = draws.values.every((value, i) => Object.is(value, first!.values[i]));
        if (!isSame) throw new Error(`draws of ${name} on ${workers} workers differ.`);
        const told = Object.entries({ ...line, load: loadavg()[0] });
        const rounded = Object.fromEntries(
          told.map(([field, value]) => [field, Number(value.toPrecision(3))]),
        );
        const words = Object.entries(rounded).map(([field, value]) => `${field} ${value}`);
        console.log(
          values.json
            ? JSON.stringify({ name: `${name}-${workers}`, ...rounded })
            : `${name.padEnd(9)}${words.join(", ")}`,
        );
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main().catch((error: Error) => {
  console.error(`workers: ${error.message}`);
  process.exitCode = 1;
});
