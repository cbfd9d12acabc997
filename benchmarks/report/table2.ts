/**
 * Table 2 of the AALR paper, and its Figures 3 and 11.
 *
 * @see Hermans, Begy and Louppe (2020), https://arxiv.org/abs/1903.04057
 * @module
 */
import type { ReportSection } from "../../src/report/page.js";
import type { ReportCell } from "../../src/report/table.js";
import { table2, table2Source } from "../published.js";
import type { MethodLook, NamedFigure } from "./figures.js";
import { densityMarginals, drawsMarginals } from "./marginals.js";
import { posteriorCorner, type StoredPosterior } from "./posteriors.js";
import type { GroupSummary } from "./summaries.js";

/** The problem whose results are Table 2. */
export const table2Problem = "slcp_aalr";

/** The table beside the published one, each method at the largest budget that it had. */
export function table2Section(groups: readonly GroupSummary[]): ReportSection {
  const largest = (method: string | undefined) =>
    groups
      .filter((group) => group.method === method)
      .reduce<GroupSummary | undefined>((a, b) => (a && a.simulations >= b.simulations ? a : b), undefined);
  return {
    heading: "Table 2 of the AALR paper",
    paragraphs: [
      "Our results beside the published ones: mean and standard error over repeats (each a new training and new chains), with the " +
        "simulations of each method. The paper does not give its observation; ours has the same parameters, so the distances may differ as " +
        "the posteriors do. APT, SNPE-A and SNPE-B spend their simulations on this one observation, in ten rounds.",
    ],
    tables: [
      {
        caption: `MMD (pooled bandwidth) and ROC AUC against exact draws. Paper: ${table2Source}, 25 repeats.`,
        columns: [
          "algorithm",
          "MMD",
          "MMD, paper",
          "ROC AUC",
          "ROC AUC, paper",
          "repeats",
          "acceptance",
          "simulations",
        ],
        rows: table2.map(({ algorithm, method, mmd, auc }): ReportCell[] => {
          const { scores, done, acceptance, simulations } = largest(method) ?? {};
          return [algorithm, scores?.mmd, mmd, scores?.auc, auc, done?.length, acceptance, simulations];
        }),
        file: "table2",
        sortable: true,
      },
    ],
  };
}

/** A corner plot of each method, and the marginals of all. */
export async function table2Figures(
  posterior: StoredPosterior,
  looks: ReadonlyMap<string, MethodLook>,
): Promise<NamedFigure[]> {
  const figures: NamedFigure[] = [];
  for (const { method } of posterior.shown) {
    const name = `${table2Problem}-figure3-${method}`;
    const corner = await posteriorCorner(table2Problem, posterior, [method], looks, name);
    if (corner) figures.push({ ...corner, caption: `As Figure 3 of the paper. ${corner.caption}` });
  }
  const densities = await densityMarginals(table2Problem, posterior, looks);
  if (densities) figures.push({ ...densities, caption: `As Figure 11 of the paper. ${densities.caption}` });
  figures.push({
    ...(await drawsMarginals(table2Problem, posterior, looks)),
    caption:
      "Marginals of the draws of each method, smoothed, over those of exact draws." +
      (densities
        ? ""
        : ' The learned densities of Figure 11 of the paper are kept where the plan says "marginals": true.'),
  });
  return figures;
}
