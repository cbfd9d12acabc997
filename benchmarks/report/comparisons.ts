/**
 * Is one method better than another? Differences of their scores on the same observations and seeds, so that what makes
 * an observation hard cancels.
 *
 * Observations of one seed share a training, so seeds are resampled and ranked whole: the answer is about other
 * trainings at these observations. With a single seed observations are the units: the answer is about these two trainings
 * at other observations.
 *
 * @module
 */
import { ConfigError } from "../../src/core/errors.js";
import { type PairedComparison, pairedComparison } from "../../src/metrics/paired-comparison.js";
import type { ReportSection } from "../../src/report/page.js";
import type { ReportCell } from "../../src/report/table.js";
import { accuracyScore, limits, scoreLabels } from "./figures.js";
import type { JobValue } from "./statistics.js";
import { distinct, type GroupSummary } from "./summaries.js";

/** A paired comparison of jobs, and what was resampled. */
export interface JobComparison extends PairedComparison {
  readonly over: "seeds" | "observations";
}

/**
 * Compares two methods on the jobs that both have done; smaller is better.
 *
 * @returns `undefined` where they share fewer than two seeds, and fewer than two observations.
 */
export function compareJobs(a: readonly JobValue[], b: readonly JobValue[]): JobComparison | undefined {
  const unit = ({ observation, seed }: JobValue) => `seed ${seed} observation ${observation}`;
  const others = new Map(b.map((each) => [unit(each), each.value]));
  const shared = a.filter((each) => others.has(unit(each)));
  const seeds = new Set(shared.map(({ seed }) => seed)).size;
  const over = seeds > 1 ? "seeds" : "observations";
  if ((seeds > 1 ? seeds : shared.length) < 2) return undefined;
  const compared = pairedComparison(
    Object.fromEntries(shared.map((each) => [unit(each), each.value])),
    Object.fromEntries(shared.map((each) => [unit(each), others.get(unit(each))!])),
    { ...(over === "seeds" && { group: (name: string) => name.replace(/ observation .*/, "") }) },
  );
  return { ...compared, over };
}

/** Values of a score by job. */
export function jobValues({ done }: Pick<GroupSummary, "done">, score: string): JobValue[] {
  return done.flatMap(({ observation, seed, scores }) =>
    scores[score] === undefined ? [] : [{ observation, seed, value: scores[score] }],
  );
}

/**
 * All methods against one, by problem and budget.
 *
 * @param wanted - the one. Default: the first method of the results, in the order of the plan.
 * @returns `undefined` where there is nothing to compare.
 * @throws {ConfigError} if there is no method `wanted`.
 */
export function comparisonSection(
  groups: readonly GroupSummary[],
  wanted: string | undefined,
): ReportSection | undefined {
  const methods = distinct(groups, "method").filter(
    (method) => wanted === method || !limits.includes(method),
  );
  if (wanted !== undefined && !methods.includes(wanted)) {
    throw new ConfigError(
      `benchmarkReport: there is no method "${wanted}" to compare with; the methods are ${methods.join(", ")}.`,
    );
  }
  const baseline = wanted ?? methods[0];
  const rows: ReportCell[][] = [];
  for (const group of groups) {
    if (group.method === baseline || !methods.includes(group.method)) continue;
    const same = groups.filter(({ problem }) => problem === group.problem);
    const against = same.find(
      ({ method, simulations }) => method === baseline && simulations === group.simulations,
    );
    for (const score of comparedScores(same)) {
      const compared = against && compareJobs(jobValues(group, score), jobValues(against, score));
      if (compared === undefined) continue;
      const { meanDifference, standardError, pValue, wins, losses, units, groups: count, over } = compared;
      rows.push([
        group.problem,
        group.method,
        group.simulations,
        scoreLabels[score] ?? score,
        { value: meanDifference, error: standardError },
        pValue,
        wins,
        losses,
        units,
        `${count} ${over}`,
      ]);
    }
  }
  if (rows.length === 0) return undefined;
  return {
    heading: `Better than ${baseline}?`,
    paragraphs: [
      `Every method against ${baseline}, paired by observation and seed: below zero it is better, above worse. The error is the bootstrap's over ` +
        "seeds, whose observations share a training, or over observations where there is one seed; the p-value is Wilcoxon's signed-rank test of " +
        "the same units, two-sided and exact, and not corrected for the number of rows. With n units it cannot be less than 2^{1−n}.",
    ],
    tables: [
      {
        caption: `Differences of scores, method less ${baseline}.`,
        columns: [
          "problem",
          "method",
          "simulations",
          "score",
          "difference",
          "p",
          "better in",
          "worse in",
          "of pairs",
          "units",
        ],
        rows,
        digits: 3,
        file: "comparisons",
        sortable: true,
      },
    ],
  };
}

/** C2ST; where there is none, both scores of the AALR paper's table, or what accuracy is judged by. */
function comparedScores(groups: readonly GroupSummary[]): readonly string[] {
  const best = accuracyScore(groups);
  if (best === undefined) return [];
  if (best === "mmd" && groups.some(({ scores }) => "auc" in scores)) return ["mmd", "auc"];
  return [best];
}
