/**
 * Samples on several workers: the draws are those of `sample`, bit for bit, for any number of them.
 *
 * Starting points and a warm-up that all chains share are made here, by the sampler of this process. Then the chains
 * are cut into blocks (an ensemble stays whole), and each block goes on wherever the executor has room, in legs of
 * about two seconds: a leg brings its draws and the states of its chains back, so what is done survives an abort or a
 * lost worker, and the next leg may run elsewhere. Chains that learn each by itself warm up on the workers, too.
 *
 * It pays where the target is dear: each worker makes the target for itself, and batches are smaller.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import type { Checkpoint } from "../samplers/checkpoint.js";
import type { Draws } from "../samplers/draws.js";
import type { Sampler } from "../samplers/kernel.js";
import {
  blocksOf,
  cutBlock,
  keptDraws,
  type Ledger,
  type Leg,
  openLedger,
  pasteBlock,
} from "../samplers/running/blocks.js";
import { stopWatch, type Watch } from "../samplers/running/watch.js";
import { runSampler, type SampleOptions, sample } from "../samplers/sample.js";
import type { Executor } from "./executor/executor.js";
import type { BlockInput, BlockOutput } from "./sample-block.js";
import { loadSampler, type SamplerModule } from "./sampler-module.js";

/** Options of `sampleOnWorkers`. */
export interface SampleOnWorkersOptions extends SampleOptions {
  /** Worker threads. Default: the processors that this process may use; 1 is `sample`. */
  readonly workers?: number;
  /** Where to run instead of own threads. */
  readonly executor?: Executor;
  /** Chains at most that a worker runs together; an ensemble stays whole. Default: all chains in as many blocks as workers. */
  readonly block?: number;
}

/** How long a leg should take: long beside a message, short for what an abort loses. */
const legSeconds = 2;

/** Ends before it begins: what comes back is what the checkpoint holds. */
const rest: Leg = { ends: () => true, isKnown: true };

/**
 * Samples a density with many chains on several workers.
 *
 * All options of `sample` go on working. A checkpoint of either can be resumed by the other, with any number of workers. With
 * `stop`, blocks wait for each other at every look, and none goes further. `run.evaluations.calls` counts the calls on all workers,
 * which are more, and smaller, than those of `sample`; apart from that (and, with `stop`, from what chains did beyond the last look),
 * the result is the same.
 *
 * @param module - from `samplerModule`.
 * @returns as `sample`.
 * @throws {ConfigError} if a worker's module makes another sampler.
 * @throws {ExecutorError} if the module cannot be imported or makes no sampler, or a worker dies; what is done is in the checkpoint.
 * @throws whatever `sample` throws. An error on a worker names its chains, and has the original as its cause.
 * @throws the signal's reason when aborted; an abort loses the legs under way, about two seconds, or a draw where that takes longer.
 * @example
 * const module = samplerModule(new URL("./my-sampler.js", import.meta.url));
 * const draws = await sampleOnWorkers(module, { chains: 100, warmup: 200, draws: 1000, seed: "hello", workers: 4 });
 */
export async function sampleOnWorkers(
  module: SamplerModule,
  options: SampleOnWorkersOptions = {},
): Promise<Draws> {
  if (typeof module?.exportName !== "string") {
    throw new TypeError(
      "sampleOnWorkers: expected samplerModule(new URL(...)), because a sampler is made of functions, which cannot travel to a worker.",
    );
  }
  const sampler = await loadSampler(module);
  try {
    return await runOnWorkers(sampler, module, options);
  } finally {
    await sampler[Symbol.asyncDispose]?.();
  }
}

/** `sampleOnWorkers` where the sampler that the module makes is there already. */
export async function runOnWorkers(
  sampler: Sampler,
  module: SamplerModule,
  { workers, executor, block, ...options }: SampleOnWorkersOptions,
): Promise<Draws> {
  for (const [name, value] of Object.entries({ workers, block })) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
      throw new RangeError(`sampleOnWorkers: ${name} must be a positive integer, got ${value}.`);
    }
  }
  if (executor === undefined && workers === 1) return sample(sampler, options);
  const { checkpoint, draws } = await begin(sampler, options);
  await using own = executor ? undefined : await ownThreads(workers);
  const ledger = openLedger(checkpoint);
  const { stop } = options;
  const shared = { run: randomUUID(), sampler: module, maxBatch: options.maxBatch };
  const advance = blockRunner(executor ?? own!, sampler, ledger, { block, draws, shared, options });

  try {
    let seen: Draws;
    const watch = stop && stopWatch(stop, ledger.chains, () => seen);
    const first = (count: number) =>
      runSampler(sampler, { stop, checkpoint: ledger, draws: count }, undefined, rest);
    for (let done = commonDraws(ledger); done < draws; ) {
      done = nextLook(done, draws, watch);
      await advance(done);
      if (!watch || done % watch.every !== 0) continue;
      seen = await first(done);
      if (await watch.see(done))
        return { ...seen, run: { ...seen.run, termination: { reason: "enough", stop } } };
    }
    return await first(draws);
  } finally {
    options.onCheckpoint?.(structuredClone<Checkpoint>(ledger));
  }
}

/** Starts the chains, and warms them up where they do that together; or checks the checkpoint. */
async function begin(
  sampler: Sampler,
  options: SampleOptions,
): Promise<{ readonly checkpoint: Checkpoint; readonly draws: number }> {
  let reached: Checkpoint | undefined;
  const onCheckpoint = (checkpoint: Checkpoint) => {
    reached = checkpoint;
  };
  const ends: Leg["ends"] = ({ warm, states }) => warm && states.every(({ draw }) => draw >= 0);
  try {
    const { draws } = await runSampler(sampler, { ...options, onCheckpoint }, undefined, { ends });
    return { checkpoint: reached!, draws }; // a run that ends hands its checkpoint over
  } catch (error) {
    if (reached) options.onCheckpoint?.(reached);
    throw error;
  }
}

/** Makes the function that brings all chains to a number of kept draws. */
function blockRunner(
  executor: Executor,
  { groups }: Sampler,
  ledger: Ledger,
  {
    block: size,
    draws,
    shared,
    options: { signal, onProgress },
  }: {
    readonly block: number | undefined;
    readonly draws: number;
    readonly shared: Pick<BlockInput, "run" | "sampler" | "maxBatch">;
    readonly options: SampleOptions;
  },
): (goal: number) => Promise<void> {
  const { chains, warmup, thin, states } = ledger;
  const perGroup = groups === undefined ? 1 : chains / groups;
  const inBlock = Math.max(1, Math.floor((size ?? chains) / perGroup)); // groups
  const count = size === undefined ? executor.workers : Math.ceil(chains / perGroup / inBlock);
  const blocks = blocksOf(chains, perGroup, count).map((block) => ({ ...block, steps: 1, legs: 0 }));
  const module = new URL(
    import.meta.url.endsWith(".ts") ? "./sample-block.ts" : "./sample-block.js",
    import.meta.url,
  );
  const failures: { readonly chain: number; readonly error: unknown }[] = [];

  /** One leg; `false` where the block is at the goal. */
  const leg = async (block: (typeof blocks)[number], goal: number): Promise<boolean> => {
    const own = states.slice(block.from, block.to);
    const least = Math.min(...own.map(({ draw }) => draw));
    const end = warmup + goal * thin;
    if (least >= end) return false;
    const cut = cutBlock(ledger, block);
    const until = Math.min(end, least + block.steps);
    const ahead = Math.max(...own.map(({ draw }) => draw)); // quick chains may be so by a leg
    const limit = Math.max(ahead, Math.min(end, until + block.steps), cut.warmup + thin);
    const input: BlockInput = {
      ...shared,
      firstChain: block.from,
      block: cut,
      ...(groups !== undefined && { groups: (block.to - block.from) / perGroup }),
      until,
      draws: Math.ceil((limit - cut.warmup) / thin),
      isKnown: block.legs > 0,
    };
    const job = { module, exportName: "sampleBlockJob", input };
    const { draws: brought, seconds } = await executor.run<BlockOutput>(job, { signal });
    pasteBlock(ledger, block, brought);
    block.legs++;
    const wanted = Math.floor((block.steps * legSeconds) / seconds);
    block.steps = Math.max(1, Math.min(wanted, 4 * block.steps));
    onProgress?.({
      done: states.reduce((sum, { draw }) => sum + Math.max(0, draw), 0),
      total: chains * (warmup + draws * thin),
      warmingUp: states.some(({ draw }) => draw < warmup),
      divergences: ledger.divergences,
    });
    return true;
  };

  return async (goal) => {
    const lane = async (block: (typeof blocks)[number]) => {
      try {
        while (failures.length === 0) {
          signal?.throwIfAborted();
          if (!(await leg(block, goal))) return;
        }
      } catch (error) {
        failures.push({ chain: block.from, error });
      }
    };
    await Promise.all(blocks.map(lane));
    if (failures.length === 0) return;
    signal?.throwIfAborted();
    throw failures.sort((a, b) => a.chain - b.chain)[0].error;
  };
}

/** Draws that all chains have. */
function commonDraws(ledger: Ledger): number {
  return Math.min(...ledger.states.map((state) => keptDraws(state, ledger)));
}

/** How many draws the chains take before they wait for each other. */
function nextLook(done: number, room: number, watch: Watch | undefined): number {
  return watch ? Math.min(room, (Math.floor(done / watch.every) + 1) * watch.every) : room;
}

async function ownThreads(workers: number | undefined): Promise<Executor> {
  const { threads } = await import("./executor/threads.js");
  return threads({ workers });
}
