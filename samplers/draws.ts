/**
 * What a sampler returns: draws on the constrained scale with per-draw statistics, axes always
 * `[chain, draw, ...]`.
 *
 * @module
 */
import { ShapeError } from "../src/core/errors.js";
import { type Matrix, matrix } from "../src/core/matrix.js";

/** Draws of all chains. */
export interface Draws {
  readonly names: readonly string[];
  readonly chains: number;
  /**
   * Number of groups of neighbouring chains that are independent of each other, where the chains of a group are not: walkers
   * of one ensemble, particles of one island. Left out where every chain is.
   */
  readonly groups?: number;
  /** Draws kept per chain. */
  readonly draws: number;
  /** `[chains, draws, D]`, row-major, on the scale of `theta`. */
  readonly values: Float64Array;
  /**
   * Per-draw statistics, each `[chains, draws]`: `logProb` always; `acceptanceRate`, `diverging`, `energy`,
   * `numSteps`, `stepSize`, `treeDepth`, `numEvaluations` where the kernel has them.
   */
  readonly stats: Readonly<Record<string, Float64Array>>;
  /** What warm-up found and where chains ended: plain data, reusable for another observation. */
  readonly warmup: Readonly<Record<string, unknown>>;
  /** Sampler, seed, counts and why the run ended. */
  readonly run: Readonly<Record<string, unknown>>;
}

/**
 * All draws as rows, `[chains * draws, D]`, chain after chain. Shares its memory with `draws`.
 *
 * @param draws - as `sample` returns them.
 */
export function drawsMatrix({ names, chains, draws, values }: Draws): Matrix {
  return matrix(chains * draws, names.length, values);
}

/**
 * One parameter as the diagnostics take it, `[chains, draws]`, copied.
 *
 * @param draws - as `sample` returns them.
 * @param parameter - its name or its index.
 * @throws {RangeError} if there is no such parameter.
 */
export function chainValues({ names, chains, draws, values }: Draws, parameter: string | number): Matrix {
  const index = typeof parameter === "number" ? parameter : names.indexOf(parameter);
  if (!(index in names)) {
    throw new RangeError(
      `chainValues: there is no parameter ${parameter}; the parameters are ${names.join(", ")}.`,
    );
  }
  const out = matrix(chains, draws);
  for (let i = 0; i < out.data.length; i++) out.data[i] = values[i * names.length + index];
  return out;
}

/**
 * A per-draw statistic, `[chains, draws]`; `undefined` where the sampler does not have it.
 *
 * @param draws - as `sample` returns them.
 * @param name - such as `"logProb"`, one of the keys of `draws.stats`.
 */
export function chainStatistic({ chains, draws, stats }: Draws, name: string): Matrix | undefined {
  return stats[name] && matrix(chains, draws, stats[name]);
}

/**
 * Keeps every `thin`-th draw of each chain, the last of each group.
 *
 * @throws {RangeError} if `thin` is not an integer from 1 to the number of draws.
 */
export function thinDraws(draws: Draws, thin: number): Draws {
  if (!(Number.isInteger(thin) && thin >= 1 && thin <= draws.draws)) {
    throw new RangeError(`thinDraws: thin must be an integer from 1 to ${draws.draws}, got ${thin}.`);
  }
  const kept = Math.floor(draws.draws / thin);
  const keep = (data: Float64Array, width: number) => {
    const out = new Float64Array(draws.chains * kept * width);
    for (let i = 0; i < draws.chains * kept; i++) {
      const from = Math.floor(i / kept) * draws.draws + ((i % kept) + 1) * thin - 1;
      out.set(data.subarray(from * width, (from + 1) * width), i * width);
    }
    return out;
  };
  return {
    ...draws,
    draws: kept,
    values: keep(draws.values, draws.names.length),
    stats: Object.fromEntries(Object.entries(draws.stats).map(([name, data]) => [name, keep(data, 1)])),
    run: { ...draws.run, draws: kept, thin: Number(draws.run.thin ?? 1) * thin },
  };
}

/**
 * Puts the chains of several runs side by side. Statistics are those that all runs have; `warmup` and `run`
 * hold those of each part.
 *
 * @throws {ShapeError} if the runs differ in parameters, in draws per chain or in chains per group, or there is none.
 */
export function concatenate(parts: readonly Draws[]): Draws {
  const [first] = parts;
  if (first === undefined) throw new ShapeError("concatenate: expected at least one run, got none.");
  const perGroup = ({ chains, groups = chains }: Draws) => chains / groups;
  parts.forEach((part, i) => {
    if (perGroup(part) !== perGroup(first)) {
      throw new ShapeError(
        `concatenate: run ${i} has groups of ${perGroup(part)} chains, but run 0 of ${perGroup(first)}.`,
      );
    }
    if (part.draws !== first.draws || part.names.join() !== first.names.join()) {
      throw new ShapeError(
        `concatenate: run ${i} has ${part.draws} draws of (${part.names.join(", ")}), but run 0 has ` +
          `${first.draws} draws of (${first.names.join(", ")}).`,
      );
    }
  });
  const shared = Object.keys(first.stats).filter((name) => parts.every((part) => part.stats[name]));
  const join = (arrays: Float64Array[]) => Float64Array.from(arrays.flatMap((array) => Array.from(array)));
  const chains = parts.reduce((sum, part) => sum + part.chains, 0);
  return {
    names: first.names,
    chains,
    ...(first.groups !== undefined && { groups: chains / perGroup(first) }),
    draws: first.draws,
    values: join(parts.map((part) => part.values)),
    stats: Object.fromEntries(shared.map((name) => [name, join(parts.map((part) => part.stats[name]))])),
    warmup: { parts: parts.map((part) => part.warmup) },
    run: { parts: parts.map((part) => part.run) },
  };
}
