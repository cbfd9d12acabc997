/**
 * Runs a sampler: starts the chains, gathers the requests of all of them into one call of the target per
 * round, and collects the draws.
 *
 * Chains wait for each other during warm-up, where they share what they learn; afterwards, or where the chains of a
 * sampler learn each by itself, each goes at its own pace for a fixed number of draws. Draws depend on the seed alone,
 * not on how requests were batched.
 *
 * What chains share: the starting points are resampled together, and warm-up tunes one kernel for all of them,
 * so another number of chains gives other draws. With `initial`, and with `warmup: 0` (and the kernel's tuning given)
 * or chains that learn each by itself, they share nothing, and chain `c` is the same however many others there are.
 * Chains of an ensemble propose from each other, always; `Draws.groups` says how many ensembles there are.
 *
 * @module
 */
import type { LongTask } from "../src/core/contracts.js";
import { type Matrix, row } from "../src/core/matrix.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { foldIn, key } from "../src/core/random.js";
import type { Checkpoint } from "./checkpoint.js";
import type { Draws } from "./draws.js";
import type { Sampler } from "./kernel.js";
import { type Leg, roomFor } from "./running/blocks.js";
import { Evaluator } from "./running/evaluate.js";
import { relay } from "./running/relay.js";
import { checkSameRun } from "./running/resume.js";
import { type Run, Scheduler } from "./running/scheduler.js";
import { look, type StopRule, stopWatch, type WatchMaker } from "./running/watch.js";
import { startingPoints } from "./starts/start.js";

/** How far a run is; `done` and `total` count draws of all chains, warm-up included. */
export interface SamplingProgress {
  readonly done: number;
  readonly total: number;
  readonly warmingUp: boolean;
  /** Divergent transitions after warm-up. */
  readonly divergences: number;
}

export interface SampleOptions extends LongTask<SamplingProgress> {
  /**
   * Default those of `initial`, else 100, `smc` 1000: one batched call serves them all, and their starts carry the weights of separated modes.
   */
  readonly chains?: number;
  /** Draws per chain that tune the kernel and are thrown away. Default 200, `smc` 2000 at the most. */
  readonly warmup?: number;
  /** Draws kept per chain. Default 100, `smc` 10. */
  readonly draws?: number;
  /** Keep every `thin`-th draw. Default 1. */
  readonly thin?: number;
  /** Default 0. */
  readonly seed?: string | number;
  /** Starting points `[chains, D]` on the scale of `theta`. Default: resampled from `target.start`. */
  readonly initial?: Matrix;
  /**
   * Draws from `target.start` among which the starting points are chosen. Default `max(10_000, 20 * chains)`.
   * Where they are worth fewer than two draws per chain, up to five refinements follow, each of 40 draws per chain: 4,000 at
   * least, and no more than 20,000 or ten per chain.
   */
  readonly candidates?: number;
  /** Most rows per call of the target. Default no limit. */
  readonly maxBatch?: number;
  /**
   * Goes on where an earlier run of the same sampler with the same options, target and seed stood; `draws` is the
   * number in all, not the number to add. The target is compared by its values where the chains stand.
   */
  readonly checkpoint?: Checkpoint;
  /** Is given a checkpoint when the run ends, is aborted, or the target throws. */
  readonly onCheckpoint?: (checkpoint: Checkpoint) => void;
  /** Ends the run before `draws` where the draws so far are enough; `run.termination` says so. Default: no rule. */
  readonly stop?: StopRule;
}

const optionNames: OptionNames<SampleOptions> = {
  chains: true,
  warmup: true,
  draws: true,
  thin: true,
  seed: true,
  initial: true,
  candidates: true,
  maxBatch: true,
  checkpoint: true,
  onCheckpoint: true,
  stop: true,
  signal: true,
  onProgress: true,
};

/**
 * Samples a density with many chains at once.
 *
 * @param sampler - `hmc(target)` or `nuts(target)` where the target has a gradient, else `metropolis(target)` or `slice(target)`.
 * @returns draws on the scale of `theta`. Poor mixing and divergences are no errors: see `summary`.
 * @throws {TypeError} if there is no such option.
 * @throws {RangeError} for bad counts, no usable starting point, or a checkpoint of another run.
 * @throws the signal's reason when aborted; the finished part is in the checkpoint.
 * @example
 * const draws = await sample(hmc(target), { chains: 100, warmup: 200, draws: 100, seed: "hello" });
 */
export function sample(sampler: Sampler, options: SampleOptions = {}): Promise<Draws> {
  return runSampler(sampler, options);
}

/** `sample`, looked at by a watch beside the rule that may stop it, or only a leg of it, whose checkpoint is what matters. */
export async function runSampler(
  sampler: Sampler,
  options: SampleOptions,
  makeWatch?: WatchMaker,
  leg?: Leg,
): Promise<Draws> {
  if (typeof sampler?.kernel?.init !== "function") {
    throw new TypeError(
      "sample: expected a sampler such as hmc(target) or metropolis(target), got something else.",
    );
  }
  checkOptions("sample", options, optionNames);
  const { checkpoint, signal, onCheckpoint } = options;
  const { target, defaults = {}, groups } = sampler;
  const chains = count(
    "chains",
    options.chains ?? checkpoint?.chains ?? options.initial?.rows ?? defaults.chains ?? 100,
    1,
  );
  const warmup = count("warmup", options.warmup ?? checkpoint?.warmup ?? defaults.warmup ?? 200, 0);
  const thin = count("thin", options.thin ?? checkpoint?.thin ?? 1, 1);
  const draws = count("draws", options.draws ?? defaults.draws ?? 100, 1);
  const perGroup = groups === undefined ? 1 : chains / groups;
  if (!Number.isInteger(perGroup)) {
    throw new RangeError(
      `sample: chains must be a multiple of ${groups}, the groups of ${sampler.name}, got ${chains}.`,
    );
  }
  count("candidates", options.candidates ?? 1, 1);
  const maxBatch = count("maxBatch", options.maxBatch ?? Number.MAX_SAFE_INTEGER, 1);
  signal?.throwIfAborted();

  const plan = { chains, warmup, thin, room: draws };
  if (checkpoint && !leg?.isKnown)
    await checkSameRun(sampler, checkpoint, { ...plan, seed: options.seed, maxBatch });
  const run = checkpoint ? resume(checkpoint, draws) : await begin(sampler, options, plan);
  const total = warmup + draws * thin;
  const evaluator = new Evaluator(target, chains, run.counts, maxBatch);
  const scheduler = new Scheduler(sampler, run, total, perGroup);
  const breathe = breather(run, total, options);
  const completed = (from: number, to: number) => collect(sampler, run, to, from);
  let done = numCompleted(run);
  const watches = [
    ...(makeWatch ? [makeWatch(completed, done)] : []),
    ...(options.stop ? [stopWatch(options.stop, chains, completed)] : []),
  ];
  let enough: number | undefined;

  try {
    for (;;) {
      signal?.throwIfAborted();
      scheduler.startDraws();
      if (watches.length > 0) {
        const seen = done;
        done = numCompleted(run);
        enough = await look(watches, seen, done);
      }
      if (enough !== undefined || leg?.ends(run) || scheduler.waiting === 0) break;
      await evaluator.evaluate(run.requests, scheduler);
      const pause = breathe();
      if (pause) await pause;
    }
  } finally {
    onCheckpoint?.(takeCheckpoint(sampler, run));
  }
  const kept = enough ?? draws;
  for (const watch of watches) await watch.end?.(kept);
  const reason = enough === undefined ? "complete" : "enough";
  return collect(sampler, run, kept, 0, { reason, ...(options.stop && { stop: options.stop }) });
}

/** Draws that all chains have. */
function numCompleted({ states, warmup, thin }: Run): number {
  const least = states.reduce((sum, { draw }) => Math.min(sum, draw), Number.POSITIVE_INFINITY);
  return Math.max(0, Math.floor((least - warmup) / thin));
}

async function begin(
  { name, target, kernel, tuner, startsFrom }: Sampler,
  { seed = 0, initial, candidates, maxBatch }: SampleOptions,
  plan: Pick<Run, "chains" | "warmup" | "thin" | "room">,
): Promise<Run> {
  const { chains, warmup, thin, room } = plan;
  const root = key(seed);
  const plain = startsFrom === "prior";
  if (plain && initial) {
    throw new RangeError(`sample: ${name} begins with draws from target.start; leave initial out.`);
  }
  const start = await startingPoints(target, foldIn(root, "start"), chains, {
    initial,
    candidates,
    maxBatch,
    plain,
  });
  const chainKey = foldIn(root, "chains");
  const first = Array.from({ length: chains }, (_, c) => {
    const u = new Float64Array(target.dim);
    target.support.toUnconstrained(row(start.theta, c), u);
    return kernel.init(u, foldIn(chainKey, c), c);
  });
  return {
    chains, // spelt out, because a spread would give every run another shape, and its code would be compiled anew
    warmup,
    thin,
    room,
    seed,
    key: root,
    warm: tuner.independent === true,
    tuning: tuner.start(start.population, { chains, warmup }),
    states: first.map(({ state }) => state),
    requests: first.map(({ request }) => request),
    infos: [],
    values: new Float64Array(chains * room * target.dim),
    stats: Object.fromEntries(
      ["logProb", ...kernel.stats].map((name) => [name, new Float64Array(chains * room)]),
    ),
    divergences: 0,
    counts: { calls: 0, rows: 0, outside: 0, nonFinite: 0 },
    start: start.record,
  };
}

/** Draws `from` to `to - 1` of every chain; copied, unless they are all of a run that has ended: nobody writes to these again. */
function collect(
  { name, target, tuner, options, groups }: Sampler,
  run: Run,
  to: number,
  from: number,
  termination?: Readonly<Record<string, unknown>>,
): Draws {
  const { chains, warmup, thin, room, values, stats } = run;
  const draws = to - from;
  const isWhole = termination !== undefined && draws === room;
  const part = (data: Float64Array, width: number) =>
    isWhole ? data : relay(data, chains, room, draws, width, from);
  return {
    names: target.names,
    chains,
    ...(groups !== undefined && { groups }),
    draws,
    values: part(values, target.dim),
    stats: Object.fromEntries(Object.entries(stats).map(([stat, data]) => [stat, part(data, 1)])),
    warmup: { ...tuner.report(run.tuning, run.states) },
    run: {
      sampler: name,
      options,
      seed: run.seed,
      chains,
      warmup,
      draws,
      thin,
      start: run.start,
      evaluations: { ...run.counts },
      divergences: run.divergences,
      ...(target.warnings && { warnings: target.warnings }),
      termination: termination ?? { reason: "running" },
    },
  };
}

function takeCheckpoint({ name, options, target }: Sampler, run: Run): Checkpoint {
  return structuredClone({ version: 2, sampler: name, options, names: target.names, ...run });
}

/** The run as the checkpoint left it, with room for `draws` per chain. */
function resume(checkpoint: Checkpoint, draws: number): Run {
  const room = roomFor(checkpoint, draws);
  const { version, sampler, options, names, ...saved } = structuredClone(checkpoint);
  const { chains } = saved;
  return {
    ...saved,
    states: [...saved.states],
    requests: [...saved.requests],
    infos: [...saved.infos],
    room,
    values: relay(saved.values, chains, saved.room, room, names.length),
    stats: Object.fromEntries(
      Object.entries(saved.stats).map(([stat, data]) => [stat, relay(data, chains, saved.room, room, 1)]),
    ),
  };
}

/** Reports progress ten times a second and lets the event loop run, so that a signal can arrive. */
function breather(run: Run, total: number, { onProgress }: SampleOptions): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    const now = performance.now();
    if (now - last < 100 && run.states.some((state) => state.draw < total)) return undefined;
    last = now;
    onProgress?.({
      done: run.states.reduce((sum, state) => sum + Math.max(0, state.draw), 0),
      total: run.chains * total,
      warmingUp: run.states.some((state) => state.draw < run.warmup),
      divergences: run.divergences,
    });
    return new Promise((resolve) => setTimeout(resolve, 0));
  };
}

function count(name: string, value: number, least: number): number {
  if (!(Number.isSafeInteger(value) && value >= least)) {
    throw new RangeError(`sample: ${name} must be an integer of at least ${least}, got ${value}.`);
  }
  return value;
}
