/**
 * Compares two methods by scores of the same units, such as observations times seeds: what differs between units cancels.
 *
 * @module
 */
import { type BootstrapOptions, bootstrap } from "./bootstrap.js";
import { wilcoxonSignedRank } from "./wilcoxon.js";

/** Scores by the name of the unit, such as `"slcp obs3 seed1"`. */
export type PairedScores = Readonly<Record<string, number>>;

/** Options of `pairedComparison`. */
export interface PairedComparisonOptions extends BootstrapOptions {
  /** Which score wins. Default `"lower"`. */
  readonly better?: "lower" | "higher";
  /**
   * The group of a unit; groups are resampled and ranked whole. Give the seed where a training serves many
   * observations, for their scores go up and down together. Default: every unit by itself.
   */
  readonly group?: (unit: string) => string;
}

/** What `pairedComparison` reports. */
export interface PairedComparison {
  /** Mean of `a - b` over units. */
  readonly meanDifference: number;
  readonly standardError: number;
  /** Percentile bootstrap over groups. It is too short for fewer than ten or so: look at the p-value there. */
  readonly interval: readonly [lower: number, upper: number];
  /** Wilcoxon's signed-rank test of the groups' mean differences, two-sided; exact up to 200. */
  readonly pValue: number;
  /** Units where `a` is better, worse, and equal. */
  readonly wins: number;
  readonly losses: number;
  readonly ties: number;
  readonly units: number;
  readonly groups: number;
}

/**
 * Says whether method `a` differs from method `b`, and by how much. The order of the units does not matter.
 *
 * @throws {RangeError} if a unit has one score only, a score is not finite, or there are fewer than two groups.
 * @example
 * const { meanDifference, interval, pValue } = pairedComparison(
 *   { obs1: 0.61, obs2: 0.58, obs3: 0.7 },
 *   { obs1: 0.66, obs2: 0.6, obs3: 0.71 },
 * );
 */
export function pairedComparison(
  a: PairedScores,
  b: PairedScores,
  { better = "lower", group = (unit) => unit, ...options }: PairedComparisonOptions = {},
): PairedComparison {
  const units = Object.keys(a).sort();
  for (const [name, scores, mine, others] of [
    ["b", b, units, "a"] as const,
    ["a", a, Object.keys(b).sort(), "b"] as const,
  ]) {
    const alone = mine.filter((unit) => !Object.hasOwn(scores, unit));
    if (alone.length > 0) {
      throw new RangeError(
        `pairedComparison: ${others} has scores of ${alone.length} units that ${name} has not, such as "${alone[0]}"; ` +
          "give both methods the same units.",
      );
    }
  }
  const sums = new Map<string, { sum: number; count: number }>();
  const outcome = { wins: 0, losses: 0, ties: 0 };
  for (const unit of units) {
    for (const [name, value] of [["a", a[unit]] as const, ["b", b[unit]] as const]) {
      if (!Number.isFinite(value)) {
        throw new RangeError(
          `pairedComparison: scores must be finite, but ${name} of "${unit}" is ${value}.`,
        );
      }
    }
    const difference = a[unit] - b[unit];
    const lead = better === "lower" ? -difference : difference;
    outcome[lead > 0 ? "wins" : lead < 0 ? "losses" : "ties"]++;
    const entry = sums.get(group(unit)) ?? { sum: 0, count: 0 };
    sums.set(group(unit), { sum: entry.sum + difference, count: entry.count + 1 });
  }
  const groups = [...sums.values()];
  if (groups.length < 2) {
    throw new RangeError(`pairedComparison: expected at least two units or groups, got ${groups.length}.`);
  }
  const mean = (chosen: Int32Array) => {
    let [sum, count] = [0, 0];
    for (const g of chosen) {
      sum += groups[g].sum;
      count += groups[g].count;
    }
    return sum / count;
  };
  const { value, standardError, interval } = bootstrap(mean, groups.length, options);
  const { pValue } = wilcoxonSignedRank(groups.map(({ sum, count }) => sum / count));
  return {
    meanDifference: value,
    standardError,
    interval,
    pValue,
    ...outcome,
    units: units.length,
    groups: groups.length,
  };
}
