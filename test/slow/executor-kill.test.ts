/** `kill -9` of workers and of Redis, at random moments of a run of 200 jobs. */
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { foldIn, key, stream } from "../../src/core/random.js";
import { bullmq } from "../../src/executor/bullmq.js";
import { startWorker } from "../../src/executor/bullmq-worker.js";
import { type Executor, type Job, runAll } from "../../src/executor/executor.js";
import { inline } from "../../src/executor/inline.js";
import { describeWithRedis, type RedisServer, startRedis } from "../executor/redis-server.js";
import { startWorkerProcess, type WorkerProcess } from "../executor/worker-process.js";

const JOBS = 200;
const KILLS = 20;
const module = new URL("../executor/jobs.ts", import.meta.url);

function* jobs(milliseconds: number): Generator<Job> {
  for (let i = 0; i < JOBS; i++) {
    yield { module, exportName: "drawAfter", input: { n: 100, milliseconds }, key: foldIn(key("kill"), i) };
  }
}

/** Runs the jobs; a random time after random numbers of them are done, `kill` is called, once at a time. */
async function disturbed(executor: Executor, seed: string, kill: () => Promise<void>) {
  const rng = stream(key(seed));
  const moments = new Set<number>();
  while (moments.size < KILLS) moments.add(Math.floor(rng.uniform() * (JOBS - 10)));
  const counts = new Array<number>(JOBS).fill(0);
  let last = Promise.resolve();
  let done = 0;
  let kills = 0;
  const outputs = await runAll<Float64Array>(executor, jobs(200), {
    async onOutput(_, index) {
      counts[index]++;
      if (!moments.has(done++)) return;
      const wait = rng.uniform() * 200;
      last = last.then(() => sleep(wait)).then(kill);
      await last; // this lane waits, lest the run be over before the last kill; the others go on
      kills++;
    },
  });
  expect(kills).toBe(KILLS);
  return { outputs, counts };
}

describeWithRedis("a run of 200 jobs on 3 workers", () => {
  async function withFarm(
    act: (
      farm: Executor,
      workers: WorkerProcess[],
      server: RedisServer,
      start: () => Promise<WorkerProcess>,
    ) => Promise<void>,
  ) {
    await using server = await startRedis();
    await using farm = bullmq({ redis: server.url, inFlight: 6 });
    const workers: WorkerProcess[] = [];
    const start = async () => {
      const worker = startWorkerProcess([
        ...["--redis", server.url, "--concurrency", "1", "--allow", fileURLToPath(module)],
      ]);
      workers.push(worker);
      await worker.ready;
      return worker;
    };
    try {
      await Promise.all([start(), start(), start()]);
      await act(farm, workers, server, start);
    } finally {
      for (const worker of workers) worker.process.kill("SIGKILL");
    }
  }
  const expected = runAll<Float64Array>(inline(), jobs(0));

  it("gives every output once, equal to the run here, when 20 workers are killed", async () => {
    await withFarm(async (farm, workers, _, start) => {
      const rng = stream(key("which worker"));
      const { outputs, counts } = await disturbed(farm, "worker", async () => {
        const [victim] = workers.splice(Math.floor(rng.uniform() * workers.length), 1);
        victim.process.kill("SIGKILL");
        await victim.ended;
        await start();
      });
      expect(counts).toEqual(new Array(JOBS).fill(1));
      expect(outputs).toEqual(await expected);
    });
  });

  it("gives every output once, equal to the run here, when Redis is killed 20 times and forgets everything", async () => {
    await withFarm(async (farm, _workers, server) => {
      const { outputs, counts } = await disturbed(farm, "redis", async () => {
        await server.kill();
        await server.start();
      });
      expect(counts).toEqual(new Array(JOBS).fill(1));
      expect(outputs).toEqual(await expected);
    });
  });

  it("leaves no job running whose runner is gone", async () => {
    await using server = await startRedis();
    const common = { redis: server.url, allow: [module], concurrency: 1 };
    await using _worker = await startWorker(common);
    await using observer = bullmq(common);
    const runner = bullmq(common);
    const output = runner.run({ module, exportName: "spin", input: 0 });
    await expect.poll(async () => (await observer.status()).active).toBe(1);
    const failed = expect(output).rejects.toThrow(/disposed of before the job was done/);
    await runner[Symbol.asyncDispose]();
    await failed;
    // workers look every 10 s, and once more 5 s later
    await expect.poll(async () => (await observer.status()).active, { timeout: 30_000 }).toBe(0);
  });
});
