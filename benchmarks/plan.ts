/**
 * A plan says which methods are compared on which problems: every combination of problems, methods, budgets,
 * observations and seeds is a job. It is a JSON file, one per comparison of the literature in `benchmarks/plans`:
 *
 * ```json
 * { "name": "smoke", "title": "A look at two methods", "problems": ["two_moons"], "methods": ["aalr", "prior"],
 *   "simulations": [1000, 10000], "observations": "1-3", "seeds": [1], "scores": ["c2st", "mmd"], "draws": 10000 }
 * ```
 *
 * `"marginals": true` keeps the learned marginal densities of every job on a grid, beside the exact ones, for the page.
 * A plan of several unlike blocks lists them as `comparisons`; what it says outside holds for each that does not say
 * otherwise. Problems that give gold go with methods that learn a ratio from it (`benchmarks/plans/gold.json`); their
 * scores are `logRatioMse`, `logProbMse` and `scoreMse`. Problems and methods of a user's own are named as `./my-problem.js#export` or `package#export`.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { ConfigError } from "../src/core/errors.js";
import { nearest } from "../src/core/nearest.js";
import type { Settings } from "./group.js";
import { planSchema } from "./plan-schema.js";
import { misfit, observationsOf, plannedMethods, plannedProblems } from "./planned.js";
import { type Job, jobId } from "./record.js";
import { find } from "./registry.js";

/** One block: all combinations of its lists. */
export interface Comparison extends Settings {
  readonly problems: readonly string[];
  readonly methods: readonly string[];
  /** Budgets of simulations. */
  readonly simulations: readonly number[];
  readonly observations: readonly number[];
  readonly seeds: readonly number[];
}

/** A plan with everything filled in. */
export interface Plan {
  readonly name: string;
  readonly title: string;
  readonly comparisons: readonly Comparison[];
}

/** A job with all that is needed to do it. */
export interface PlannedJob extends Job {
  readonly references: { readonly problem: string; readonly method: string };
  readonly settings: Settings;
}

/** A plan whose names have all been found. */
export interface ResolvedPlan {
  /** With absolute URLs for modules, so that it can be read from anywhere. */
  readonly plan: Plan;
  /** In the order of the plan, each once. */
  readonly jobs: readonly PlannedJob[];
}

/**
 * Reads a plan from a file and finds all that it names.
 *
 * @throws {ConfigError} if the file cannot be read or is not a plan, or something it names does not exist; the message
 *   names the file and the place in it.
 */
export async function readPlan(path: string): Promise<ResolvedPlan> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "there is no such file" : cause.message;
    throw new ConfigError(
      `bench: cannot read the plan ${path}: ${reason}. Give a JSON file such as benchmarks/plans/smoke.json.`,
      { cause },
    );
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`${basename(path)}: is not JSON: ${(cause as Error).message}.`, { cause });
  }
  if ((json as { readonly kind?: unknown } | null)?.kind === "samplers") {
    throw new ConfigError(
      `${basename(path)}: is a plan of samplers on known densities; run npm run bench:samplers.`,
    );
  }
  return resolvePlan(await parsePlan(json, basename(path)), {
    folder: dirname(resolve(path)),
    where: basename(path),
  });
}

/**
 * Checks the form of a plan and fills in what it leaves out: 10,000 simulations, observation 1, seed 1, 10,000 draws,
 * and the scores `c2st`, `mmd`, `mmdReference`, `auc`.
 *
 * @param where - the file, for messages.
 * @throws {ConfigError} naming the place.
 */
export async function parsePlan(json: unknown, where = "plan"): Promise<Plan> {
  const { plan, block } = await planSchema();
  const read = <T>(schema: Schema<T>, value: unknown, path: readonly PropertyKey[]): T => {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    const place = describePath([...path, ...issue.path]);
    const unknown = issue.keys?.[0];
    const near = unknown === undefined ? undefined : nearest(unknown, schema.fields);
    const reason =
      unknown === undefined
        ? issue.message
        : `there is no field "${unknown}"; ${near ? `did you mean ${near}?` : `the fields are ${schema.fields.join(", ")}`}`;
    throw new ConfigError(`${where}: ${place === "" ? "" : `${place}: `}${reason.replace(/\.$/, "")}.`);
  };
  const { name, title, comparisons, ...outside } = read(plan, json, []);
  const blocks = comparisons?.map((each, i) => ({
    value: { ...outside, ...each },
    path: ["comparisons", i] as const,
  }));
  return {
    name,
    title: title ?? name,
    comparisons: (blocks ?? [{ value: outside, path: [] }]).map(({ value, path }) =>
      read(block, value, path),
    ),
  };
}

/**
 * Finds all problems and methods that a plan names, and lists its jobs.
 *
 * @param options.folder - where relative modules are. Default: the working folder.
 * @param options.where - the file, for messages.
 * @throws {ConfigError} if a problem, a method or an observation does not exist, a method cannot be run on a problem, two
 *   of them have the same name, or a job is planned twice with different settings.
 */
export async function resolvePlan(
  plan: Plan,
  { folder, where = plan.name }: { readonly folder?: string; readonly where?: string } = {},
): Promise<ResolvedPlan> {
  const jobs = new Map<string, PlannedJob>();
  const references = new Map<string, string>();
  const comparisons: Comparison[] = [];
  for (const [c, comparison] of plan.comparisons.entries()) {
    const at = (field: string, i: number) =>
      describePath([...(plan.comparisons.length > 1 ? ["comparisons", c] : []), field, i]);
    const fail = (field: string, i: number, reason: string): never => {
      throw new ConfigError(`${where}: ${at(field, i)}: ${reason}`);
    };
    const lookUp = async <Item extends { readonly name: string }>(
      field: "problems" | "methods",
      registry: Parameters<typeof find<Item>>[0],
    ) => {
      const found: { readonly item: Item; readonly reference: string }[] = [];
      for (const [i, word] of comparison[field].entries()) {
        const each = await find(registry, word, folder).catch((error: Error) => {
          if (error instanceof ConfigError)
            throw new ConfigError(`${where}: ${at(field, i)}: ${error.message}`, { cause: error });
          throw error;
        });
        const known = references.get(`${field} ${each.item.name}`) ?? each.reference;
        if (known !== each.reference)
          fail(field, i, `"${word}" has the name "${each.item.name}" of ${known}; give it another.`);
        references.set(`${field} ${each.item.name}`, each.reference);
        found.push(each);
      }
      return found;
    };
    const problems = await lookUp("problems", plannedProblems);
    const methods = await lookUp("methods", plannedMethods);
    for (const { item: problem } of problems) {
      for (const [i, { item: method }] of methods.entries()) {
        const reason = misfit(problem, method);
        if (reason !== undefined) fail("methods", i, reason);
      }
      const known = observationsOf(problem);
      for (const [i, observation] of comparison.observations.entries()) {
        if (known.includes(observation)) continue;
        fail(
          "observations",
          i,
          `${problem.name} has no observation ${observation}; it has ${known.join(", ")}.`,
        );
      }
    }
    const { scores, draws, marginals, training } = comparison;
    const settings: Settings = {
      scores,
      draws,
      ...(marginals && { marginals }),
      ...(training && { training }),
    };
    for (const problem of problems)
      for (const method of methods)
        for (const simulations of comparison.simulations)
          for (const observation of comparison.observations)
            for (const seed of comparison.seeds) {
              const job = {
                problem: problem.item.name,
                method: method.item.name,
                simulations,
                observation,
                seed,
              };
              const id = jobId(job);
              const twin = jobs.get(id);
              const difference = twin && settingsDifference(twin.settings, settings);
              if (difference)
                throw new ConfigError(
                  `${where}: comparisons[${c}]: ${id} is planned twice, with ${difference}.`,
                );
              if (!twin)
                jobs.set(id, {
                  ...job,
                  references: { problem: problem.reference, method: method.reference },
                  settings,
                });
            }
    comparisons.push({
      ...comparison,
      problems: problems.map(({ reference }) => reference),
      methods: methods.map(({ reference }) => reference),
    });
  }
  return { plan: { ...plan, comparisons }, jobs: [...jobs.values()] };
}

/**
 * The same plan with some of its seeds only.
 *
 * @throws {ConfigError} if none of them is in the plan.
 */
export function withSeeds({ plan, jobs }: ResolvedPlan, seeds: readonly number[]): ResolvedPlan {
  const comparisons = plan.comparisons
    .map((each) => ({ ...each, seeds: each.seeds.filter((seed) => seeds.includes(seed)) }))
    .filter((each) => each.seeds.length > 0);
  if (comparisons.length === 0) {
    throw new ConfigError(`bench: the plan "${plan.name}" has none of the seeds ${seeds.join(", ")}.`);
  }
  return { plan: { ...plan, comparisons }, jobs: jobs.filter(({ seed }) => seeds.includes(seed)) };
}

/** What differs between two settings, as `"draws" 100 and 1000`; `undefined` if nothing does. */
export function settingsDifference(a: Settings, b: Settings): string | undefined {
  const plain = ({ scores, draws, marginals = false, training = {} }: Settings) => ({
    scores: [...scores].sort(),
    draws,
    marginals,
    training: Object.fromEntries(Object.entries(training).sort(([x], [y]) => (x < y ? -1 : 1))),
  });
  const [left, right] = [plain(a), plain(b)] as Record<string, unknown>[];
  const field = Object.keys(left).find((each) => JSON.stringify(left[each]) !== JSON.stringify(right[each]));
  return field && `"${field}" ${JSON.stringify(left[field])} and ${JSON.stringify(right[field])}`;
}

/** `comparisons[0].seeds[2]`. */
function describePath(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i > 0 ? "." : ""}${String(part)}`))
    .join("");
}

interface Schema<T> {
  /** Fields that there are, for suggestions. */
  readonly fields: readonly string[];
  safeParse(value: unknown):
    | { success: true; data: T }
    | {
        success: false;
        error: {
          issues: readonly {
            readonly path: readonly PropertyKey[];
            readonly message: string;
            readonly keys?: readonly string[];
          }[];
        };
      };
}
