import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sample } from "../../samplers/sample.js";
import { ExecutorError, SimulatorError } from "../../src/core/errors.js";
import { foldIn, key } from "../../src/core/random.js";
import { bullmq, type FarmExecutor } from "../../src/executor/bullmq.js";
import { type FarmWorker, startWorker } from "../../src/executor/bullmq-worker.js";
import { type Job, runAll } from "../../src/executor/executor.js";
import { inline } from "../../src/executor/inline.js";
import { ownVersion } from "../../src/executor/own-modules.js";
import { jobId, payloadHash, queueNames } from "../../src/executor/redis.js";
import { sampleOnWorkers } from "../../src/sample-on-workers.js";
import { samplerModule } from "../../src/sampler-module.js";
import { simulate } from "../../src/simulate.js";
import { simulatorModule } from "../../src/simulator-module.js";
import { sampler } from "../workers/samplers.js";
import { describeWithRedis, type RedisServer, startRedis } from "./redis-server.js";

const module = new URL("./jobs.ts", import.meta.url);
const samplers = new URL("../workers/samplers.ts", import.meta.url);
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
          allow: [module, samplers],
          concurrency: 1,
          lockSeconds: 1,
          maxBytes: 2 ** 20,
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

  it("simulates the same bytes here, in 2 threads, and with 3 workers, whose simulator needs no --allow", async () => {
    const slcp = simulatorModule(new URL("../../benchmarks/problems/slcp.ts", import.meta.url));
    const options = { n: 1000, seed: "farm", shardSize: 300 };
    const here = await simulate(slcp, options);
    const inThreads = await simulate(slcp, { ...options, workers: 2 });
    const elsewhere = await simulate(slcp, { ...options, executor: farm });
    for (const { theta, x } of [inThreads, elsewhere]) {
      expect(Buffer.from(theta.data.buffer).equals(Buffer.from(here.theta.data.buffer))).toBe(true);
      expect(Buffer.from(x.data.buffer).equals(Buffer.from(here.x.data.buffer))).toBe(true);
    }
  });

  it("samples the same bytes here and with 3 workers", async () => {
    const options = { chains: 6, warmup: 30, draws: 30, seed: "farm", candidates: 300 };
    const here = await sample(await sampler({ kind: "slice" }), options);
    const there = samplerModule(samplers, "sampler", { kind: "slice" });
    const draws = await sampleOnWorkers(there, { ...options, executor: farm });
    expect(Buffer.from(draws.values.buffer).equals(Buffer.from(here.values.buffer))).toBe(true);
    expect(draws.warmup).toEqual(here.warmup);
  });

  it("keeps the class, message and cause of what a job throws", async () => {
    const error = await farm.run<Error>(job("refuse", "simulator")).catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(SimulatorError);
    expect(error.message).toBe("row 3 is bad");
    expect(error.cause).toBeInstanceOf(RangeError);
    await expect(farm.run(job("refuse", "text"))).rejects.toThrow("just text");
  });

  it("names what cannot travel or be found", async () => {
    await expect(farm.run(job("draw", { n: () => 1 }))).rejects.toThrow(
      /input of "draw" cannot travel: input\.n cannot be copied: it is a function/,
    );
    await expect(farm.run(job("returnsFunction"))).rejects.toThrow(
      /output of "returnsFunction" cannot travel/,
    );
    await expect(farm.run(job("paint"))).rejects.toThrow(/no function "paint"; it exports .*draw/);
    await expect(farm.run({ ...job("draw"), module: "./jobs.ts" })).rejects.toThrow(/absolute URL/);
  });

  it("moves the buffers named in transfer", async () => {
    const values = Float64Array.of(7, 8);
    expect(await farm.run({ ...job("overwrite", values), transfer: [values.buffer] })).toBe(7);
    expect(values.length).toBe(0);
  });

  it("refuses a job that is larger than the limit", async () => {
    await using small = bullmq({ redis: server.url, maxBytes: 1000 });
    await expect(small.run(job("overwrite", new Float64Array(200)))).rejects.toThrow(
      /input of "overwrite" has 2\d\d\d bytes as text; at most 1000 may go through/,
    );
  });

  it("survives a thread that dies, and says so", async () => {
    await expect(farm.run(job("leave", 3))).rejects.toThrow(/thread of the worker that ran the job died/);
    expect(await farm.run({ ...job("draw", { n: 2 }), key: key(1) })).toHaveLength(2);
  });

  it("tells how many jobs and workers there are", async () => {
    await expect.poll(() => farm.status()).toEqual({ waiting: 0, active: 0, delayed: 0, workers: 3 });
  });

  it("takes the jobs of an aborted run out of the queue", async () => {
    await using lonely = bullmq({ redis: server.url, queue: "nobody" });
    const controller = new AbortController();
    const reason = new Error("enough");
    const jobs = Promise.all([1, 2, 3].map((n) => lonely.run(job("draw", { n }), controller)));
    await expect.poll(async () => (await lonely.status()).waiting).toBe(3);
    controller.abort(reason);
    await expect(jobs).rejects.toBe(reason);
    await expect.poll(async () => (await lonely.status()).waiting).toBe(0);
  });

  it("gives a job back to the queue when its worker closes first", async () => {
    const common = { redis: server.url, queue: "back", allow: [module], concurrency: 1 };
    await using runner = bullmq(common);
    const first = await startWorker(common);
    const output = runner.run(job("sumAfter", { milliseconds: 1000, values: Float64Array.of(1, 2) }));
    await expect.poll(async () => (await runner.status()).active).toBe(1);
    await first.close({ graceSeconds: 0 });
    expect((await runner.status()).waiting).toBe(1);
    await using _second = await startWorker(common);
    expect(await output).toBe(3);
  });

  it("runs a job whose worker was lost, and gives up one that has lost too many", async () => {
    const common = { redis: server.url, queue: "lost" };
    await using runner = bullmq(common);
    const first = runner.run({ ...job("draw", { n: 2 }), key: key(3) });
    const second = runner.run(job("draw", { n: 3 })).catch((error: Error) => error);
    await expect.poll(async () => (await runner.status()).waiting).toBe(2);
    const connection = new Redis(server.url, { maxRetriesPerRequest: null });
    const lost = new Worker("lost", null, { connection, lockDuration: 100, autorun: false }); // takes and does nothing
    for (const token of ["a", "b"]) {
      const taken = await lost.getNextJob(token);
      if (token === "b") await connection.hset(`bull:lost:${taken!.id}`, "stc", 1); // as if it were the second time
    }
    await lost.close(true);
    connection.disconnect();
    const options = { allow: [module], concurrency: 1, lockSeconds: 0.5, maxLosses: 1 };
    await using _worker = await startWorker({ ...common, ...options });
    expect(await first).toHaveLength(2);
    const error = await second;
    expect(error).toBeInstanceOf(ExecutorError);
    expect((error as Error).message).toMatch(/given up, its worker was lost 2 times: job stalled more than/);
  });

  it("sends jobs again that a killed Redis has forgotten", async () => {
    await using other = await startRedis();
    const common = { redis: other.url, allow: [module], concurrency: 1 };
    await using runner = bullmq({ redis: other.url, inFlight: 4 });
    await using _worker = await startWorker(common);
    const jobs = Array.from({ length: 6 }, (_, i) =>
      job("sumAfter", { milliseconds: 100, values: Float64Array.of(i) }),
    );
    const outputs = runAll<number>(runner, jobs, {
      async onOutput(output) {
        if (output !== 1) return;
        await other.kill();
        await other.start();
      },
    });
    expect(await outputs).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("gives up when Redis stays away for longer than its patience", async () => {
    await using other = await startRedis();
    await using runner = bullmq({ redis: other.url, patienceSeconds: 0.5 });
    const output = runner.run(job("draw", { n: 1 }));
    await expect.poll(async () => (await runner.status()).waiting).toBe(1);
    await other.kill();
    await expect(output).rejects.toThrow(/has not answered for 0\.5 s; gave up the job "draw"/);
  });

  describe("given hostile jobs", () => {
    let redis: Redis;
    let queue: Queue;
    const run = "0123456789abcdef";
    let number = 0;
    beforeAll(async () => {
      redis = new Redis(server.url, { maxRetriesPerRequest: null });
      queue = new Queue("galton", { connection: redis });
      await redis.set(queueNames("test").heartbeat(run), "alive");
    });
    afterAll(async () => {
      await queue.close();
      redis.disconnect();
    });

    /** Puts data of any kind into the queue, and returns what the worker answers. */
    async function poison(data: unknown, hashed = String(data)): Promise<string> {
      const id = jobId(run, number++, payloadHash(hashed));
      await queue.add("job", data, { jobId: id });
      const [, answer] = (await redis.blpop(queueNames("test").answers(run), 10))!;
      expect(answer.startsWith(`${id} `)).toBe(true);
      await expect.poll(async () => (await queue.getJob(id))?.failedReason).toBeTruthy();
      return answer;
    }
    const payload = (change: object) =>
      JSON.stringify({
        payload: {
          galton: ownVersion(),
          module: module.href,
          exportName: "draw",
          input: { n: 1 },
          ...change,
        },
      });

    it.each([
      ["no JSON", "{{{", /the payload is not JSON/],
      ["no payload", "[1]", /not a job of galton: .*expected object/],
      ["a missing field", payload({ module: undefined }), /payload\.module: .*expected string/],
      ["a further field", payload({ shell: "rm" }), /payload: .*shell/],
      ["a wrong key", payload({ key: [1, -1] }), /payload\.key\.1: /],
      [
        "an odd export",
        payload({ exportName: "a b" }),
        /payload\.exportName: expected the name of an export/,
      ],
      [
        "a change of every object",
        payload({}).replace('"n":1', '"__proto__":{"a":1}'),
        /field named __proto__/,
      ],
      [
        "a malformed array",
        payload({ input: { x: { $: "Float64Array", base64: "AAA" } } }),
        /payload\.input\.x is malformed: expected base64/,
      ],
      ["an unknown kind", payload({ input: { $: "Function", body: "0" } }), /expected a kind that is known/],
      [
        "deep nesting",
        payload({ input: 0 }).replace('"input":0', `"input":${"[".repeat(1e5)}${"]".repeat(1e5)}`),
        /nested more than 100 deep/,
      ],
      [
        "another version",
        payload({ galton: "0.0.0-other" }),
        /sent by galton .*0\.0\.0-other.*install the same version/,
      ],
    ])("refuses %s with a reason", async (_, text, message) => {
      expect(await poison(text)).toMatch(message);
    });

    it.each([
      ["data:text/javascript,export const draw = () => 1", /expected a file: URL or the name of a package/],
      ["node:child_process", /expected a file: URL or the name of a package/],
      ["child_process", /expected a file: URL or the name of a package/],
      ["http://127.0.0.1/evil.js", /expected a file: URL or the name of a package/],
      ["evil-package", /the package evil-package is not allowed/],
      [new URL("./executor.test.ts", import.meta.url).href, /is in none of the allowed folders/],
      [`${module.href}/../executor.test.ts`, /is in none of the allowed folders/],
      [new URL("../../src/cli/main.ts", import.meta.url).href, /is in none of the allowed folders/],
    ])("refuses to load %s", async (url, message) => {
      const id = jobId(run, number++, payloadHash(payload({ module: url })));
      await queue.add("job", payload({ module: url }), { jobId: id, removeOnComplete: true });
      const [, answer] = (await redis.blpop(queueNames("test").answers(run), 10))!;
      expect(answer).toMatch(/"ExecutorError","message":"worker: refused to load/);
      expect(answer).toMatch(message);
    });

    it("refuses a module inside the input of an allowed job", async () => {
      const input = {
        simulator: { module: "data:text/javascript,0", exportName: "simulator" },
        theta: 0,
        firstRow: 0,
      };
      const simulateRange = new URL("../../src/simulate-range.ts", import.meta.url);
      const farmed = farm.run({ module: simulateRange, exportName: "simulateRowsJob", input, key: key(1) });
      await expect(farmed).rejects.toThrow(/refused to load .*data:/);
    });

    it("refuses to call what is no job of galton's own", async () => {
      const spawning = new URL("../../src/command-simulator.ts", import.meta.url);
      const farmed = farm.run({ module: spawning, exportName: "commandSimulator", input: {} });
      await expect(farmed).rejects.toThrow(
        /refused to call "commandSimulator".*only functions named \.\.\.Job/,
      );
    });

    it("refuses data that are no text, changed, or too long, without reading them", async () => {
      expect(await poison({ payload: 1 })).toMatch(/not the text of a payload, or too long/);
      expect(await poison(payload({}), "another text")).toMatch(/not the one that its id was made from/);
      const long = `"${"a".repeat(2 ** 20)}"`;
      expect(await poison(long)).toMatch(/its payload has 1048578 bytes; at most 1048576 are taken/);
    });

    it("refuses a record that BullMQ cannot read", async () => {
      const id = jobId(run, number++, payloadHash("{{{"));
      await redis.hset(`bull:galton:${id}`, { name: "job", data: "{{{", opts: "{}", timestamp: "1" });
      await redis.lpush("bull:galton:wait", id);
      await redis.zadd("bull:galton:marker", 0, "0");
      const [, answer] = (await redis.blpop(queueNames("test").answers(run), 10))!;
      expect(answer).toMatch(/not the text of a payload/);
    });

    it("drops the jobs of runners that are gone, and refuses strange ids", async () => {
      await queue.add("job", payload({}), { jobId: jobId("f".repeat(16), 0, payloadHash(payload({}))) });
      await expect
        .poll(() => events.some((line) => /^f{16}-.*dropped, its runner is gone/.test(line)))
        .toBe(true);
      await queue.add("job", payload({}), { jobId: "strange" });
      await expect
        .poll(() => events.some((line) => /^strange: refused: its id is not one of/.test(line)))
        .toBe(true);
    });

    it("goes on working after all of these", async () => {
      expect(await farm.run({ ...job("draw", { n: 2 }), key: key(1) })).toHaveLength(2);
      expect((await farm.status()).workers).toBe(3);
    });
  });
});
