import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { key } from "../../src/core/random.js";
import { bullmq } from "../../src/executor/bullmq.js";
import { describeWithRedis, startRedis } from "../executor/redis-server.js";
import { startWorkerProcess } from "../executor/worker-process.js";
import { galton } from "./host.js";

const module = new URL("../executor/jobs.ts", import.meta.url);

it("galton worker needs the address of a Redis", async () => {
  const { status, stderr } = await galton("worker");
  expect(status).toBe(1);
  expect(stderr).toMatch(/worker: --redis URL is missing, and .*GALTON_REDIS is not set/);
});

it("galton worker says where nothing answers, without the password", async () => {
  const { status, stderr } = await galton("worker", "--redis", "redis://some-user:pa55word@127.0.0.1:1");
  expect(status).toBe(1);
  expect(stderr).toMatch(/cannot connect to redis:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/);
  expect(stderr).not.toMatch(/pa55word|some-user/);
});

describeWithRedis("galton worker", () => {
  it("runs the jobs of a queue, and finishes the present one after SIGTERM", async () => {
    await using server = await startRedis("--requirepass", "pa55word");
    const redis = `redis://:pa55word@127.0.0.1:${server.port}`;
    const allow = fileURLToPath(new URL("..", module));
    const worker = startWorkerProcess(["--allow", allow, "--concurrency", "1"], { GALTON_REDIS: redis });
    try {
      await using farm = bullmq({ redis });
      const draw = { module, exportName: "drawAfter", key: key(1) };
      expect(await farm.run({ ...draw, input: { n: 3, milliseconds: 0 } })).toHaveLength(3);
      const present = farm.run({ ...draw, input: { n: 4, milliseconds: 500 } });
      await expect.poll(async () => (await farm.status()).active).toBe(1);
      worker.process.kill("SIGTERM");
      expect(await present).toHaveLength(4);
      expect(await worker.ended).toBe(0);
      expect((await farm.status()).active).toBe(0);
    } finally {
      worker.process.kill("SIGKILL");
    }
    expect(worker.text()).toMatch(/ready at redis:\/\/127\.0\.0\.1:\d+, queue "galton"/);
    expect(worker.text()).toMatch(/2 jobs done\./);
    expect(worker.text()).not.toMatch(/pa55word/);
  });
});
