import { afterAll, expect, it } from "vitest";
import type { Checkpoint } from "../../samplers/checkpoint.js";
import { type SampleOptions, sample } from "../../samplers/sample.js";
import { threads } from "../../src/executor/threads.js";
import { sampleOnWorkers } from "../../src/sample-on-workers.js";
import { samplerModule } from "../../src/sampler-module.js";
import { type Made, sampler } from "../workers/samplers.js";

const made = (input: Made) =>
  samplerModule(new URL("../workers/samplers.ts", import.meta.url), "sampler", input);
const options: SampleOptions = { chains: 6, warmup: 20, draws: 20, seed: "threads", candidates: 300 };
const two = threads({ workers: 2 });
afterAll(() => two[Symbol.asyncDispose]());

it("has the draws of sample on threads, and with one worker its whole result", async () => {
  for (const kind of ["nuts as Stan adapts it", "slice"] as const) {
    const whole = await sample(await sampler({ kind }), options);
    const draws = await sampleOnWorkers(made({ kind }), { ...options, executor: two, block: 2 });
    expect(draws.values).toEqual(whole.values);
    expect(draws.stats).toEqual(whole.stats);
    expect(draws.warmup).toEqual(whole.warmup);
  }
  const whole = await sample(await sampler({ kind: "slice" }), options);
  const one = await sampleOnWorkers(made({ kind: "slice" }), { ...options, workers: 1 });
  expect(one).toEqual(whole);
});

it("keeps finished legs when it is aborted in the middle of one that never yields", async () => {
  const controller = new AbortController();
  let checkpoint: Checkpoint | undefined;
  const run = sampleOnWorkers(made({ kind: "slice", seconds: 0.001 }), {
    ...options,
    draws: 3000,
    executor: two,
    block: 6, // one thread is ended
    signal: controller.signal,
    onProgress: ({ warmingUp }) => {
      if (!warmingUp) setTimeout(() => controller.abort(new Error("enough")), 20);
    },
    onCheckpoint: (saved) => (checkpoint = saved),
  });
  await expect(run).rejects.toThrow("enough");
  expect(Math.max(...checkpoint!.states.map(({ draw }) => draw))).toBeGreaterThan(20);
  const rest = { ...options, checkpoint, draws: 40 };
  const whole = await sample(await sampler({ kind: "slice" }), { ...options, draws: 40 });
  expect((await sampleOnWorkers(made({ kind: "slice" }), { ...rest, executor: two })).values).toEqual(
    whole.values,
  );
});

it("names the chains whose target failed on a thread, and those whose thread died", async () => {
  let checkpoint: Checkpoint | undefined;
  const onCheckpoint = (saved: Checkpoint) => (checkpoint = saved);
  const long = { ...options, draws: 80 };
  const run = (input: Made) =>
    sampleOnWorkers(made(input), { ...long, executor: two, onCheckpoint, block: 6 });
  const error = await run({ kind: "metropolis", failsAfter: 60 }).catch((thrown: Error) => thrown as Error);
  expect(error).toBeInstanceOf(RangeError);
  expect((error as Error).message).toMatch(/^chains 0 to 5: the telescope is shut$/);
  await expect(run({ kind: "metropolis", diesAfter: 60 })).rejects.toThrow(/worker thread running .* died/);
  const whole = await sample(await sampler({ kind: "metropolis" }), long);
  const draws = await sampleOnWorkers(made({ kind: "metropolis" }), {
    ...long,
    checkpoint,
    executor: two,
  });
  expect(draws.values).toEqual(whole.values);
});
