/**
 * A plan of samplers on known densities (`benchmarks/plans/samplers.json`). The runner of `galton bench` has no place for it:
 * its jobs are budgets of simulations, observations and methods that learn from them, and here is nothing to simulate and
 * nothing to learn.
 *
 * ```json
 * { "kind": "samplers", "name": "samplers", "title": "...",
 *   "runs": [{ "method": "nuts", "sampler": "nuts", "options": { "adaptation": "stan" }, "start": "cold", "chains": 4,
 *              "warmup": 1000, "draws": 1000, "posteriors": ["arK-arK"] }],
 *   "unmastered": { "eight_schools-eight_schools_centered": "why NUTS does not find it" } }
 * ```
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { ConfigError } from "../../src/core/errors.js";
import { posteriors } from "../posteriordb/posteriors.js";
import { samplers } from "./samplers.js";

/**
 * Where chains begin: `"cold"`, uniform on [-2, 2] in unconstrained space, as Stan does; `"near"`, about the reference, three
 * times as wide; `"own"`, as the sampler does from the prior, or where it cannot be drawn from, from such a wide normal.
 */
export type StartKind = "cold" | "near" | "own";

/** One sampler with its settings, on some posteriors. */
export interface SamplerRun {
  /** How tables call it. */
  readonly method: string;
  readonly sampler: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly start: StartKind;
  readonly chains: number;
  readonly warmup: number;
  readonly draws: number;
  readonly thin: number;
  readonly seeds: readonly number[];
  readonly posteriors: readonly string[];
}

/** A plan with everything filled in. */
export interface SamplersPlan {
  readonly name: string;
  readonly title: string;
  readonly runs: readonly SamplerRun[];
  /** Posteriors that NUTS does not find from a cold start, with the reason. */
  readonly unmastered: Readonly<Record<string, string>>;
}

/**
 * Reads a plan: `options` default to none, `start` to `"own"`, `thin` and `seeds` to 1.
 *
 * @throws {ConfigError} if the file cannot be read, is no such plan, or names a sampler or a posterior that does not exist.
 */
export async function readSamplersPlan(path: string): Promise<SamplersPlan> {
  const where = basename(path);
  const { z } = await import("zod");
  const count = z.int().positive();
  const posterior = z.enum(posteriors.map(([name]) => name) as [string, ...string[]]);
  const run = z.strictObject({
    method: z.string().min(1),
    sampler: z.enum(Object.keys(samplers) as [string, ...string[]]),
    options: z.record(z.string(), z.unknown()).default({}),
    start: z.enum(["cold", "near", "own"] satisfies StartKind[]).default("own"),
    chains: count,
    warmup: z.int().nonnegative(),
    draws: count,
    thin: count.default(1),
    seeds: z.array(z.int()).min(1).default([1]),
    posteriors: z.array(posterior).min(1),
  });
  const reasons = z.partialRecord(posterior, z.string().min(1)).default({});
  const plan = z.strictObject({
    kind: z.literal("samplers"),
    name: z.string().min(1),
    title: z.string().min(1),
    runs: z.array(run).min(1),
    unmastered: reasons,
  });
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new ConfigError(`${where}: cannot read the plan: ${(cause as Error).message}.`, { cause });
  }
  const result = plan.safeParse(json);
  if (result.success) return result.data as SamplersPlan;
  const [issue] = result.error.issues;
  throw new ConfigError(`${where}: ${issue.path.join(".")}: ${issue.message}.`);
}

/**
 * Which names a list of the command line asks for, separated by semicolons; all without a list.
 *
 * @throws {ConfigError} for a name that is not there, where nothing would be run.
 */
export function chosen(
  flag: string,
  list: string | undefined,
  all: readonly string[],
): (name: string) => boolean {
  if (list === undefined) return () => true;
  const names = list.split(";").map((name) => name.trim());
  const unknown = names.find((name) => !all.includes(name));
  if (unknown === undefined) return (name) => names.includes(name);
  throw new ConfigError(`${flag}: there is no "${unknown}"; there are ${[...new Set(all)].join("; ")}.`);
}
