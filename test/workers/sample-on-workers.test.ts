import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Checkpoint, checkpointFromJson, checkpointToJson } from "../../samplers/checkpoint.js";
import type { Draws } from "../../samplers/draws.js";
import { type SampleOptions, sample } from "../../samplers/sample.js";
import { ExecutorError } from "../../src/core/errors.js";
import { callJob, type Executor } from "../../src/executor/executor.js";
import { inline } from "../../src/executor/inline.js";
import { fromPortable, toPortable } from "../../src/executor/portable.js";
import type { BlockInput, BlockOutput } from "../../src/sample-block.js";
import { sampleOnWorkers } from "../../src/sample-on-workers.js";
import { samplerModule } from "../../src/sampler-module.js";
import { count, fixed, type Kind, type Made, sampler } from "./samplers.js";

const url = new URL("./samplers.ts", import.meta.url);
const made = (input: Made) => samplerModule(url, "sampler", input);

/** Workers in this thread, which take turns. */
const lanes = (workers: number): Executor => ({ ...inline(), workers });

/** Workers that see nothing but text, as those of a farm. */
const farm = (workers: number): Executor => ({
  ...lanes(workers),
  async run<Output>(job: Parameters<Executor["run"]>[0]) {
    const input = fromPortable(toPortable(job.input, "input"), "input");
    return fromPortable(toPortable(await callJob({ ...job, input }), "output"), "output") as Output;
  },
});

/** Everything but how many calls there were. */
function plain({ values, run, ...rest }: Draws) {
  const { calls, ...evaluations } = run.evaluations as Record<string, number>;
  return { ...rest, bytes: Buffer.from(values.buffer).toString("base64"), run: { ...run, evaluations } };
}

const options: SampleOptions = {
  chains: 6,
  warmup: 16,
  draws: 15,
  thin: 2,
  seed: "workers",
  candidates: 300,
};
const kinds: [Kind, SampleOptions][] = [
  ["hmc", options],
  ["hmc with a long step", { ...options, warmup: 0 }],
  ["nuts", options],
  ["nuts as Stan adapts it", options],
  ["metropolis", { ...options, maxBatch: 2 }],
  ["slice", options],
  ["stretch", { ...options, chains: 18 }],
  ["parallelTempering", options],
  ["smc", { ...options, chains: 36, warmup: 400 }],
];

/** Those of whose checkpoints the others have nothing new. */
const resumed: readonly Kind[] = ["nuts as Stan adapts it", "slice", "stretch", "parallelTempering", "smc"];

beforeEach(() => {
  count.made = count.disposed = 0;
});

describe.each(kinds)("%s", (kind, settings) => {
  let whole: ReturnType<typeof plain>;
  beforeAll(async () => {
    whole = plain(await sample(await sampler({ kind }), settings));
  });

  it("has the draws of sample, to the byte, for any number of workers and any size of block", async () => {
    for (const executor of [lanes(3), farm(2)]) {
      const draws = await sampleOnWorkers(made({ kind }), { ...settings, executor });
      expect(plain(draws)).toEqual(whole);
    }
    for (const block of [1, 4]) {
      const draws = await sampleOnWorkers(made({ kind }), { ...settings, executor: lanes(2), block });
      expect(plain(draws)).toEqual(whole);
    }
  });

  const itResumes = it.runIf(resumed.includes(kind));

  itResumes("goes on from a checkpoint with any number of workers, and hands one to sample", async () => {
    let saved: Checkpoint | undefined;
    const keep = { onCheckpoint: (checkpoint: Checkpoint) => (saved = checkpoint) };
    const again = () => ({ ...keep, checkpoint: checkpointFromJson(checkpointToJson(saved!)) });
    await sampleOnWorkers(made({ kind }), { ...settings, draws: 4, executor: lanes(3), ...keep });
    await sampleOnWorkers(made({ kind }), { ...again(), draws: 9, executor: lanes(2) });
    await sample(await sampler({ kind }), { ...again(), draws: 11 });
    expect(
      plain(await sampleOnWorkers(made({ kind }), { ...again(), draws: 15, executor: lanes(4) })),
    ).toEqual(whole);
  });

  itResumes("is aborted, and goes on from there here and on other workers", async () => {
    const controller = new AbortController();
    let left = 7;
    const two = lanes(2);
    const executor: Executor = {
      ...two,
      async run<Output>(...job: Parameters<Executor["run"]>) {
        const output = await two.run<Output>(...job);
        if (--left === 0) controller.abort(new Error("enough"));
        return output;
      },
    };
    let checkpoint: Checkpoint | undefined;
    let handed = 0;
    const keep = (saved: Checkpoint) => {
      checkpoint = saved;
      handed++;
    };
    const run = sampleOnWorkers(made({ kind }), {
      ...settings,
      executor,
      block: 1,
      signal: controller.signal,
      onCheckpoint: keep,
    });
    const stopped = await run.then(
      () => false,
      (error) => error.message === "enough",
    ); // or it was quicker
    expect(stopped).toBe(left === 0);
    expect(handed).toBe(1);
    const rest = { draws: 15, checkpoint: checkpointFromJson(checkpointToJson(checkpoint!)) };
    expect(plain(await sample(await sampler({ kind }), rest))).toEqual(whole);
    expect(plain(await sampleOnWorkers(made({ kind }), { ...rest, executor: lanes(3) }))).toEqual(whole);
  });
});

describe("sampleOnWorkers", () => {
  it("takes over a run that sample was stopped in, in the middle of draws and of the warm-up", async () => {
    for (const kind of ["nuts", "nuts as Stan adapts it", "slice"] as const) {
      const whole = await sample(await sampler({ kind }), options);
      for (const failsAfter of [2, 60, 150]) {
        let checkpoint: Checkpoint | undefined;
        const stopped = sample(await sampler({ kind, failsAfter }), {
          ...options,
          onCheckpoint: (saved) => (checkpoint = saved),
        });
        await stopped.catch(() => undefined);
        const draws = await sampleOnWorkers(made({ kind }), { ...options, checkpoint, executor: lanes(2) });
        expect(draws.values).toEqual(whole.values);
        expect(draws.stats).toEqual(whole.stats);
        expect(draws.warmup).toEqual(whole.warmup);
      }
    }
  });

  it("has the same draws however long the legs are, and whichever chains are ahead", async () => {
    for (const kind of ["nuts", "slice"] as const) {
      const settings = { ...options, draws: 40, thin: 1 };
      const whole = plain(await sample(await sampler({ kind }), settings));
      let legs = 0;
      const one = lanes(1);
      const executor: Executor = {
        ...one,
        async run<Output>(...job: Parameters<Executor["run"]>) {
          const output = (await one.run(...job)) as BlockOutput;
          return { ...output, seconds: ++legs % 3 === 0 ? 1000 : 0.001 } as Output; // then legs of one draw
        },
      };
      expect(plain(await sampleOnWorkers(made({ kind }), { ...settings, executor }))).toEqual(whole);
      expect(legs).toBeGreaterThan(5);
    }
  });

  it("counts divergences and evaluations of all workers", async () => {
    const settings = { ...options, warmup: 0, draws: 40 };
    const kind = "hmc with a long step";
    const whole = await sample(await sampler({ kind }), settings);
    expect(whole.run.divergences).toBeGreaterThan(0);
    const draws = await sampleOnWorkers(made({ kind }), { ...settings, executor: lanes(3) });
    expect(draws.run.divergences).toBe(whole.run.divergences);
    const [here, there] = [whole, draws].map(({ run }) => run.evaluations as Record<string, number>);
    expect(there.rows).toBe(here.rows);
    expect(there.calls).toBeGreaterThan(here.calls);
  });

  it("stops by the rule where sample stops, with the same draws", async () => {
    const settings: SampleOptions = {
      ...options,
      draws: 200,
      thin: 1,
      stop: { ess: 20, rhat: 1.5, minDraws: 30, every: 10 },
    };
    const whole = await sample(await sampler({ kind: "metropolis" }), settings);
    expect(whole.draws).toBeLessThan(200);
    for (const workers of [1, 3]) {
      const executor = lanes(workers);
      const draws = await sampleOnWorkers(made({ kind: "metropolis" }), { ...settings, executor });
      expect(draws.values).toEqual(whole.values);
      expect(draws.run.termination).toEqual(whole.run.termination);
      expect((draws.run.evaluations as { rows: number }).rows).toBe(6 * (1 + 16 + draws.draws));
    }
    let checkpoint: Checkpoint | undefined;
    const onCheckpoint = (saved: Checkpoint) => (checkpoint = saved);
    const uneven = sample(await sampler({ kind: "slice", failsAfter: 450 }), { ...settings, onCheckpoint });
    await expect(uneven).rejects.toThrow("shut");
    const here = await sample(await sampler({ kind: "slice" }), { ...settings, checkpoint });
    expect(here.draws).toBeLessThan(200);
    const rest = { ...settings, checkpoint, executor: lanes(2) };
    const there = await sampleOnWorkers(made({ kind: "slice" }), rest);
    expect(there.values).toEqual(here.values);
    const never = { ...settings, stop: { ess: 1e6 }, draws: 120, executor: lanes(2) };
    const all = await sampleOnWorkers(made({ kind: "metropolis" }), never);
    expect(all.run.termination).toEqual({ reason: "complete", stop: { ess: 1e6 } });
    expect(all.draws).toBe(120);
  });

  it("tells how far it is, to the end", async () => {
    const seen: number[] = [];
    const onProgress = ({ done, total }: { done: number; total: number }) => seen.push(done / total);
    await sampleOnWorkers(made({ kind: "slice" }), { ...options, executor: lanes(2), onProgress });
    expect(seen.length).toBeGreaterThan(4);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  });

  it("sends no draws to a worker, and takes back only the new ones", async () => {
    const sent: { readonly room: number; readonly draws: number; readonly back: number }[] = [];
    const known: boolean[] = [];
    const one = lanes(1);
    const executor: Executor = {
      ...one,
      async run<Output>(...job: Parameters<Executor["run"]>) {
        const { block, draws, isKnown } = job[0].input as BlockInput;
        known.push(isKnown);
        const output = (await one.run(...job)) as BlockOutput;
        sent.push({ room: block.values.length, draws, back: output.draws.values.length / (6 * 2) });
        return output as Output;
      },
    };
    await sampleOnWorkers(made({ kind: "slice" }), { ...options, thin: 1, draws: 100, executor });
    // legs of 1, 4, 16, 64 and 15 draws, if none takes long
    expect(sent.length).toBeGreaterThan(4);
    for (const { room, draws, back } of sent) {
      expect(room).toBe(0);
      expect(draws).toBeLessThanOrEqual(80);
      expect(back).toBeLessThanOrEqual(draws);
    }
    expect(known).toEqual(known.map((_, leg) => leg > 0)); // the target is compared once
  });

  it.each([
    [1, [6, 6, 6]],
    [11, [6, 6, 6]],
    [12, [6, 12]],
    [undefined, [6, 12]],
  ])("cuts blocks no larger than %s, but no ensemble", async (block, sizes) => {
    const cut = new Map<number, number>();
    const two = lanes(2);
    const executor: Executor = {
      ...two,
      async run<Output>(...job: Parameters<Executor["run"]>) {
        const input = job[0].input as BlockInput;
        cut.set(input.firstChain, input.block.chains);
        return two.run<Output>(...job);
      },
    };
    const settings = { ...options, chains: 18, warmup: 2, draws: 1, executor, block };
    await sampleOnWorkers(made({ kind: "stretch" }), settings);
    expect([...cut.values()]).toEqual(sizes);
  });

  it("makes one sampler per thread and run, and disposes of it when another run comes", async () => {
    const executor = lanes(3);
    await sampleOnWorkers(samplerModule(url, "fixed"), { ...options, executor }); // lets go of what was there
    count.made = count.disposed = 0;
    await sampleOnWorkers(made({ kind: "slice" }), { ...options, executor });
    expect(count).toEqual({ made: 2, disposed: 1 }); // one for the starts and the warm-up
    await sampleOnWorkers(made({ kind: "slice" }), { ...options, executor });
    expect(count).toEqual({ made: 4, disposed: 3 });
    const draws = await sampleOnWorkers(samplerModule(url, "fixed"), { ...options, executor });
    expect(count).toEqual({ made: 4, disposed: 4 });
    expect(plain(draws)).toEqual(plain(await sample(fixed, options)));
  });

  it("keeps a sampler that another run in the same thread still uses", async () => {
    await sampleOnWorkers(samplerModule(url, "fixed"), { ...options, executor: lanes(2) });
    count.made = count.disposed = 0;
    const run = (kind: Kind) => sampleOnWorkers(made({ kind }), { ...options, executor: lanes(2) });
    const [a, b] = await Promise.all([run("slice"), run("metropolis")]);
    await sampleOnWorkers(samplerModule(url, "fixed"), { ...options, executor: lanes(2) });
    expect(count.disposed).toBe(count.made);
    expect(plain(a)).toEqual(plain(await sample(await sampler({ kind: "slice" }), options)));
    expect(plain(b)).toEqual(plain(await sample(await sampler({ kind: "metropolis" }), options)));
  });

  it("names the chains whose target failed, and keeps what is done", async () => {
    let checkpoint: Checkpoint | undefined;
    const onCheckpoint = (saved: Checkpoint) => (checkpoint = saved);
    const kind = "metropolis";
    const failing = { ...options, onCheckpoint, block: 3 };
    const error = await sampleOnWorkers(made({ kind, failsAfter: 40 }), {
      ...failing,
      executor: lanes(2),
    }).catch((thrown: Error) => thrown as Error);
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toMatch(/^chains [03] to [25]: the telescope is shut$/);
    expect((error as Error).cause).toMatchObject({ message: "the telescope is shut" });
    expect(Math.min(...checkpoint!.states.map(({ draw }) => draw))).toBeGreaterThan(16);
    const draws = await sampleOnWorkers(made({ kind }), { ...options, checkpoint, executor: lanes(2) });
    expect(plain(draws)).toEqual(plain(await sample(await sampler({ kind }), options)));
  });

  it("starts no leg after a failure, and throws that of the first chains", async () => {
    const two = lanes(3);
    let legs = 0;
    const executor: Executor = {
      ...two,
      async run<Output>(...job: Parameters<Executor["run"]>) {
        const { firstChain } = job[0].input as BlockInput;
        if (firstChain > 0) throw new ExecutorError(`worker of chain ${firstChain} died`);
        legs++;
        return two.run<Output>(...job);
      },
    };
    const run = sampleOnWorkers(made({ kind: "slice" }), { ...options, executor });
    await expect(run).rejects.toThrow(new ExecutorError("worker of chain 2 died"));
    expect(legs).toBe(1);
  });

  it("goes on where some chains are far ahead of others of their new block", async () => {
    const two = lanes(2);
    let checkpoint: Checkpoint | undefined;
    let failed = false;
    const executor: Executor = {
      ...two,
      async run<Output>(...job: Parameters<Executor["run"]>) {
        const { firstChain, block } = job[0].input as BlockInput;
        const output = await two.run<Output>(...job);
        if (firstChain > 0 && !failed && block.states[0].draw > 17) {
          failed = true;
          await new Promise((resolve) => setTimeout(resolve, 100)); // the other block comes to its end
          throw new ExecutorError("the worker died");
        }
        return output;
      },
    };
    const onCheckpoint = (saved: Checkpoint) => (checkpoint = saved);
    const module = made({ kind: "metropolis" });
    await expect(sampleOnWorkers(module, { ...options, executor, onCheckpoint })).rejects.toThrow("died");
    const [first, last] = [checkpoint!.states[0].draw, checkpoint!.states[5].draw];
    expect(first - last).toBeGreaterThan(10);
    const draws = await sampleOnWorkers(module, { ...options, checkpoint, executor: lanes(1) });
    expect(draws.values).toEqual((await sample(await sampler({ kind: "metropolis" }), options)).values);
  });

  it("keeps what is done when the warm-up fails here", async () => {
    let checkpoint: Checkpoint | undefined;
    const onCheckpoint = (saved: Checkpoint) => (checkpoint = saved);
    const failing = sampleOnWorkers(made({ kind: "metropolis", failsAfter: 10 }), {
      ...options,
      onCheckpoint,
      executor: lanes(2),
    });
    await expect(failing).rejects.toThrow(new RangeError("the telescope is shut"));
    expect(checkpoint!.warm).toBe(false);
    expect(checkpoint!.states[0].draw).toBeGreaterThan(2);
  });

  it("refuses a worker whose target is another one", async () => {
    const run = sampleOnWorkers(made({ kind: "slice", drift: 1 }), { ...options, executor: lanes(2) });
    await expect(run).rejects.toThrow(
      /^chains 0 to 2: "sampler" of .* made another sampler on this worker than .*: target has the log density .* where chain 0 stands/,
    );
  });

  it("refuses what cannot be imported, or makes no sampler, and says what to do", async () => {
    const executor = lanes(2);
    const load = (...module: Parameters<typeof samplerModule>) =>
      sampleOnWorkers(samplerModule(...module), { ...options, executor });
    await expect(sampleOnWorkers(fixed as never, { executor })).rejects.toThrow(
      /expected samplerModule\(new URL/,
    );
    expect(() => samplerModule("./samplers.ts")).toThrow(/absolute URL/);
    await expect(load(new URL("./absent.ts", url))).rejects.toThrow(/cannot import .*absent\.ts/);
    await expect(load(new URL("./absent.ts", url))).rejects.toThrow(ExecutorError);
    await expect(load(url, "paint")).rejects.toThrow(/exports no "paint"; it exports .*fixed/);
    await expect(load(url, "number")).rejects.toThrow(/"number" of .*samplers\.ts is no sampler/);
    await expect(load(url, "nothing")).rejects.toThrow(/"nothing" of .*samplers\.ts gave no sampler/);
    await expect(load(url, "fixed")).resolves.toMatchObject({ chains: 6 });
  });

  it.each([
    [{ workers: 0 }, /workers must be a positive integer, got 0/],
    [{ block: 1.5 }, /block must be a positive integer, got 1.5/],
    [{ wamup: 5 }, /there is no option "wamup"; did you mean warmup/],
    [{ chains: 7 }, /chains must be a multiple of 3, the groups of stretch/],
    [{ chains: 18, stop: { ess: -1 } }, /stop.ess must be positive/],
  ])("refuses %o", async (option, message) => {
    const run = sampleOnWorkers(made({ kind: "stretch" }), { ...options, executor: lanes(2), ...option });
    await expect(run).rejects.toThrow(message);
  });
});
