import { inspect } from "node:util";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError, ExecutorError, SimulatorError } from "../../src/core/errors.js";
import { foldIn, key } from "../../src/core/random.js";
import { bullmq, type FarmExecutor } from "../../src/executor/bullmq.js";
import { type FarmWorker, startWorker } from "../../src/executor/bullmq-worker.js";
import { type Job, runAll } from "../../src/executor/executor.js";
import { inline } from "../../src/executor/inline.js";
import { threads } from "../../src/executor/threads.js";
import { simulate } from "../../src/simulate.js";
import { simulatorModule } from "../../src/simulator-module.js";
import { describeWithRedis, freePort, type RedisServer, startRedis } from "./redis-server.js";

const module = new URL("./jobs.ts", import.meta.url);
const job = (exportName: string, input: unknown = undefined): Job => ({ module, exportName, input });

describeWithRedis("bullmq", () => {
  let server: RedisServer;
  let farm: FarmExecutor;
  const workers: FarmWorker[] = [];
  const events: string[] = [];

  beforeAll(async () => {
    server = await startRedis();
    farm = bullmq({ redis: server.url, inFlight: 6 });
    for (let i = 0; i < 3; i++) {
      workers.push(
        await startWorker({
          redis: server.url,
          allow: [module],
          concurrency: 1,
          lockSeconds: 1,
          onEvent: (line) => events.push(line),
        }),
      );
    }
  });
  afterAll(async () => {
    await farm[Symbol.asyncDispose]();
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
    await server[Symbol.asyncDispose]();
  });

  it("returns outputs in the order of the jobs and leaves nothing of them in Redis", async () => {
    const jobs = [40, 0, 20, 0, 10].map((milliseconds, i) =>
      job("sumAfter", { milliseconds, values: Float64Array.of(i, 100) }),
    );
    const seen: number[] = [];
    const onProgress = ({ done }: { done: number }) => seen.push(done);
    expect(await runAll(farm, jobs, { onProgress })).toEqual([100, 101, 102, 103, 104]);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    const redis = new Redis(server.url);
    await expect
      .poll(async () => (await redis.keys("*")).filter((name) => /-\d+-|answers/.test(name)))
      .toEqual([]);
    redis.disconnect();
  });

  it("gives the bytes of a run here", async () => {
    const jobs = Array.from({ length: 12 }, (_, i) => ({
      ...job("draw", { n: 50 }),
      key: foldIn(key("farm"), i),
    }));
    expect(await runAll(farm, jobs)).toEqual(await runAll(inline(), jobs));
  });
});
