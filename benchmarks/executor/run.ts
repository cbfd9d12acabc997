/**
 * `npx tsx benchmarks/executor/run.ts`: what a job costs beyond its own work, for each executor.
 *
 * The queue's worker runs in this process (with threads of its own), so the CPU time counts both ends; that of
 * Redis is asked of Redis.
 *
 * @module
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { bullmq } from "../../src/executor/bullmq.js";
import { startWorker } from "../../src/executor/bullmq-worker.js";
import { type Executor, type Job, runAll } from "../../src/executor/executor.js";
import { inline } from "../../src/executor/inline.js";
import { connect } from "../../src/executor/redis.js";
import { threads } from "../../src/executor/threads.js";
import { hasRedis, startRedis } from "./redis-server.js";

const help = `Usage: npx tsx benchmarks/executor/run.ts [options]

Milliseconds per job that returns its input, [rows, 5] numbers: one after the other (alone), and as runAll
sends them (together); wall and CPU of all threads, and of Redis.

Options:
  --jobs <n>          jobs per measurement; default 500
  --rows <n>          rows of each input; default 1
  --concurrency <n>   threads, and jobs at a time of the queue's worker; default 2
  --redis <url>       default: redis-server, started for the measurement on a free port of this machine
  --json              one JSON object per line
  --help              this text`;

/** The fields of one JSON line. */
interface Overhead {
  readonly executor: string;
  readonly jobs: number;
  readonly rows: number;
  readonly aloneWallMs: number;
  readonly aloneCpuMs: number;
  readonly togetherWallMs: number;
  readonly togetherCpuMs: number;
  /** CPU of Redis per job, of both ways; 0 without Redis. */
  readonly redisCpuMs: number;
}

interface Settings {
  readonly jobs: number;
  readonly rows: number;
}

async function measure(
  executor: Executor,
  { jobs, rows }: Settings,
  redisCpu: () => Promise<number> = async () => 0,
): Promise<Overhead> {
  const module = new URL(import.meta.url.endsWith(".ts") ? "./job.ts" : "./job.js", import.meta.url);
  const job = (): Job => ({
    module,
    exportName: "echoJob",
    input: { x: new Float64Array(5 * rows).fill(0.5) },
  });
  const all = (n: number) => Array.from({ length: n }, job);
  await runAll(executor, all(50)); // starts threads and compiles, and is not counted
  const before = await redisCpu();
  const [aloneWallMs, aloneCpuMs] = await time(jobs, async () => {
    for (let i = 0; i < jobs; i++) await executor.run(job());
  });
  const [togetherWallMs, togetherCpuMs] = await time(jobs, () => runAll(executor, all(jobs)));
  const redisCpuMs = ((await redisCpu()) - before) / (2 * jobs);
  const times = { aloneWallMs, aloneCpuMs, togetherWallMs, togetherCpuMs, redisCpuMs };
  const rounded = Object.fromEntries(
    Object.entries(times).map(([name, ms]) => [name, Number(ms.toPrecision(3))]),
  );
  return { executor: executor.name, jobs, rows, ...(rounded as typeof times) };
}

/** Wall and CPU milliseconds per job. */
async function time(jobs: number, act: () => Promise<unknown>): Promise<[number, number]> {
  const start = performance.now();
  const cpu = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(cpu);
  return [(performance.now() - start) / jobs, (user + system) / 1000 / jobs];
}

async function measureQueue(redis: string, concurrency: number, settings: Settings): Promise<Overhead> {
  const queue = `overhead-${process.pid}`;
  await using _worker = await startWorker({ redis, queue, concurrency });
  await using farm = bullmq({ redis, queue, inFlight: 4 * concurrency });
  const { client } = await connect("benchmark", redis);
  try {
    return await measure(farm, settings, async () => {
      const info = await client.info("cpu");
      const seconds = [...info.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map((match) =>
        Number(match[1]),
      );
      return 1000 * seconds.reduce((sum, value) => sum + value, 0);
    });
  } finally {
    client.disconnect();
  }
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`--${name} must be a positive whole number, got ${text}.`);
  }
  return value;
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      jobs: { type: "string", default: "500" },
      rows: { type: "string", default: "1" },
      concurrency: { type: "string", default: "2" },
      redis: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const settings = { jobs: count("jobs", values.jobs), rows: count("rows", values.rows) };
  const concurrency = count("concurrency", values.concurrency);
  const print = (result: Overhead) => {
    if (values.json) console.log(JSON.stringify(result));
    else {
      const { executor, jobs: _, rows: __, ...times } = result;
      console.log(
        executor.padEnd(9) +
          Object.values(times)
            .map((ms) => String(ms).padStart(12))
            .join(""),
      );
    }
  };
  if (!values.json) {
    console.log(
      `milliseconds per job; ${settings.jobs} jobs, ${settings.rows} x 5 numbers; load ${loadavg()[0].toFixed(1)}`,
    );
    console.log("executor   alone wall   alone cpu    all wall     all cpu   redis cpu");
  }
  await using here = inline();
  print(await measure(here, settings));
  await using pool = threads({ workers: concurrency });
  print(await measure(pool, settings));
  await using own = values.redis === undefined && hasRedis() ? await startRedis() : undefined;
  const redis = values.redis ?? own?.url;
  if (redis !== undefined) print(await measureQueue(redis, concurrency, settings));
  else console.error("executor: redis-server is not installed and --redis not given: bullmq is left out.");
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(`executor: ${error.message}`);
  process.exitCode = 1;
});
