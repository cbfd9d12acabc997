/**
 * Whether a checkpoint is of the run that is asked for: the same sampler with the same options, the same plan and
 * the same target. A density is a function and cannot be compared as data; but every chain remembers its value at the
 * current point, and there the target must still give it.
 *
 * @module
 */
import type { Checkpoint } from "../checkpoint.js";
import type { Sampler } from "../kernel.js";
import { Evaluator } from "./evaluate.js";

/** What is asked for: the options of `sample` that a checkpoint fixes, and the number of draws per chain. */
export interface ResumePlan {
  readonly chains: number;
  readonly warmup: number;
  readonly thin: number;
  readonly room: number;
  /** `undefined` takes the checkpoint's. */
  readonly seed: string | number | undefined;
  /** Most rows per call of the target. */
  readonly maxBatch: number;
  /** Number that the first chain has in messages. Default 0. */
  readonly firstChain?: number;
}

/**
 * Largest difference of two log densities that are the same, in parts of `1 + |log p|`: networks compute in float32,
 * of seven digits, and sums over observations and other batch sizes or processors lose three of them at most.
 */
const tolerance = 1e-3;

/**
 * Refuses a checkpoint of another run.
 *
 * @throws {RangeError} that names everything that differs.
 */
export async function checkSameRun(
  sampler: Sampler,
  checkpoint: Checkpoint,
  plan: ResumePlan,
): Promise<void> {
  const differences = await runDifferences(sampler, checkpoint, plan);
  if (differences.length === 0) return;
  throw new RangeError(
    `sample: checkpoint is of another run: ${differences.join("; ")}. Pass what the stopped run was given, or leave ` +
      "checkpoint out to start afresh.",
  );
}

/** Everything in which the run that is asked for differs from that of the checkpoint, in words. */
export async function runDifferences(
  sampler: Sampler,
  checkpoint: Checkpoint,
  plan: ResumePlan,
): Promise<string[]> {
  const { name, target } = sampler;
  const differences = (["chains", "warmup", "thin"] as const)
    .filter((field) => checkpoint[field] !== plan[field])
    .map((field) => `${field} is ${checkpoint[field]} there and ${plan[field]} here`);
  if (checkpoint.version !== 2) differences.push(`version is ${checkpoint.version}, expected 2`);
  if (plan.seed !== undefined && plan.seed !== checkpoint.seed)
    differences.push(`seed is ${checkpoint.seed} there and ${plan.seed} here`);
  if (checkpoint.sampler !== name)
    differences.push(`sampler is ${checkpoint.sampler} there and ${name} here`);
  else differences.push(...optionDifferences(checkpoint.options ?? {}, sampler.options));
  if (checkpoint.names.join() !== target.names.join()) {
    differences.push(
      `parameters are ${checkpoint.names.join(", ")} there and ${target.names.join(", ")} here`,
    );
  }
  const done = Math.max(
    0,
    ...checkpoint.states.map((state) => Math.floor((state.draw - plan.warmup) / plan.thin)),
  );
  if (done > plan.room) differences.push(`${done} draws are done there and draws is ${plan.room} here`);
  if (differences.length === 0) differences.push(...(await targetDifferences(sampler, checkpoint, plan)));
  return differences;
}

function optionDifferences(there: Sampler["options"], here: Sampler["options"]): string[] {
  return [...new Set([...Object.keys(there), ...Object.keys(here)])].flatMap((name) => {
    const [a, b] = [asText(there[name]), asText(here[name])];
    if (a === b) return [];
    return [a.length + b.length > 100 ? `${name} differs` : `${name} is ${a} there and ${b} here`];
  });
}

/** Arrays as lists, and what is left out as the default that it stands for. */
function asText(option: unknown): string {
  if (option === undefined || option === null) return "the default";
  if (ArrayBuffer.isView(option)) return `[${Array.from(option as Float64Array).join(", ")}]`;
  return typeof option === "object" ? JSON.stringify(option) : String(option);
}

/** The first chain where the target gives another value than it gave. */
async function targetDifferences(
  { target }: Sampler,
  { chains, states }: Checkpoint,
  { maxBatch, firstChain = 0 }: ResumePlan,
): Promise<string[]> {
  const found: string[] = [];
  // counted nowhere: the resumed run reports what the unbroken one would
  const counts = { calls: 0, rows: 0, outside: 0, nonFinite: 0 };
  const requests = states.map(({ u, draw }) => (draw < 0 ? undefined : { logProb: u }));
  await new Evaluator(target, chains, counts, maxBatch).evaluate(requests, {
    deliver(c, { logProb }) {
      const saved = states[c].logProb;
      if (Object.is(logProb, saved) || found.length > 0) return; // zero densities, too
      if (Math.abs(logProb - saved) <= tolerance * (1 + Math.abs(saved))) return;
      found.push(
        `target has the log density ${logProb} where chain ${firstChain + c} stands, and had ${saved} there (another observation, prior or estimator?)`,
      );
    },
  });
  return found;
}
