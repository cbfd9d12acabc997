/**
 * A leg of a block of chains: the job of a worker.
 *
 * @module
 */
import type { Checkpoint } from "../samplers/checkpoint.js";
import type { Sampler } from "../samplers/kernel.js";
import { type BlockDraws, blockDraws } from "../samplers/running/blocks.js";
import { runDifferences } from "../samplers/running/resume.js";
import { runSampler } from "../samplers/sample.js";
import { ConfigError } from "./core/errors.js";
import type { Key } from "./core/random.js";
import { packError, unpackError } from "./executor/packed-error.js";
import { loadSampler, type ModuleSampler, type SamplerModule } from "./sampler-module.js";

/** What a worker needs for a leg. */
export interface BlockInput {
  readonly sampler: SamplerModule;
  /** Name of the run: a thread makes the sampler of a run once. */
  readonly run: string;
  /** Number of the first chain in the whole run, for messages. */
  readonly firstChain: number;
  /** The block as `cutBlock` cuts it. */
  readonly block: Checkpoint;
  /** Groups of chains that are independent of each other, where the chains of a group are not. */
  readonly groups?: number;
  /** Draws that every chain shall have completed, warm-up included; those that are quicker go on meanwhile. */
  readonly until: number;
  /** Draws after `block.warmup` that none shall pass. */
  readonly draws: number;
  readonly maxBatch?: number;
  /** Whether a leg of this block has run before, so that its sampler is known to be the right one. */
  readonly isKnown: boolean;
}

/** What comes back: the draws, the same wherever the job runs, and how long it took. */
export interface BlockOutput {
  readonly draws: BlockDraws;
  readonly seconds: number;
}

/**
 * Runs a leg.
 *
 * @throws whatever the target throws, with the chains named in front of its message.
 */
export async function sampleBlockJob(
  input: BlockInput,
  _: Key | undefined,
  signal?: AbortSignal,
): Promise<BlockOutput> {
  const { sampler: module, run, firstChain, block, groups, until, draws, maxBatch, isKnown } = input;
  try {
    await using borrowed = await borrow(run, module);
    const start = performance.now();
    const sampler = { ...borrowed.sampler, groups };
    if (!isKnown) await checkSampler(sampler, input);
    let reached = block;
    const options = { checkpoint: block, draws, maxBatch, signal };
    const onCheckpoint = (checkpoint: Checkpoint) => {
      reached = checkpoint;
    };
    const ends = ({ states }: Pick<Checkpoint, "states">) => states.every(({ draw }) => draw >= until);
    await runSampler(sampler, { ...options, onCheckpoint }, undefined, { ends, isKnown: true });
    return { draws: blockDraws(reached), seconds: (performance.now() - start) / 1000 };
  } catch (error) {
    signal?.throwIfAborted();
    const cause = packError(error);
    const chains =
      block.chains === 1 ? `chain ${firstChain}` : `chains ${firstChain} to ${firstChain + block.chains - 1}`;
    throw unpackError({ name: cause.name, message: `${chains}: ${cause.message}`, cause });
  }
}

/** @throws {ConfigError} if the module made another sampler here than where the run began. */
async function checkSampler(
  sampler: Sampler,
  {
    sampler: { module, exportName },
    firstChain,
    block,
    draws,
    maxBatch = Number.MAX_SAFE_INTEGER,
  }: BlockInput,
): Promise<void> {
  const { chains, warmup, thin } = block;
  const plan = { chains, warmup, thin, room: draws, seed: undefined, maxBatch, firstChain };
  const differences = await runDifferences(sampler, block, plan);
  if (differences.length === 0) return;
  throw new ConfigError(
    `"${exportName}" of ${module} made another sampler on this worker than where the run began: ${differences.join("; ")}. ` +
      "It must depend on its input alone, and on files that are the same for every worker.",
  );
}

interface Loaded {
  readonly run: string;
  readonly sampler: Promise<ModuleSampler>;
  users: number;
}

/** The sampler of the run that this thread worked for last: to make one may cost more than a leg. */
let last: Loaded | undefined;

/** The sampler of a run, until it is disposed of; another run's is let go when nobody uses it any more. */
async function borrow(
  run: string,
  module: SamplerModule,
): Promise<AsyncDisposable & { readonly sampler: ModuleSampler }> {
  const before = last;
  const own = before?.run === run ? before : { run, sampler: loadSampler(module), users: 0 };
  own.users++;
  last = own;
  try {
    if (before && before !== own && before.users === 0) await letGo(before);
    const giveBack = async () => {
      own.users--;
      if (own !== last && own.users === 0) await letGo(own);
    };
    return { sampler: await own.sampler, [Symbol.asyncDispose]: giveBack };
  } catch (error) {
    if (last === own) last = undefined; // the next job tries again
    throw error;
  }
}

async function letGo({ sampler }: Loaded): Promise<void> {
  const made = await sampler.catch(() => undefined); // whoever waited for it was told
  await made?.[Symbol.asyncDispose]?.();
}
