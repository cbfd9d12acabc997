/**
 * What simulations buy: accuracy against their number on every problem at once, beside what was published.
 *
 * @module
 */
import { formatMeasured, formatNumber } from "../../src/report/figures/checks.js";
import type { Curve, ReferenceCurve } from "../../src/report/figures/curves.js";
import { type Multiple, multiplesFigure } from "../../src/report/figures/multiples.js";
import type { Measured, ReportCell, ReportTable } from "../../src/report/table.js";
import { curveSource, type PublishedCurve, publishedCurves } from "../published.js";
import { type Family, methodKind } from "./families.js";
import { finite, limits, type MethodLook, type NamedFigure, scoreLabels } from "./figures.js";
import { distinct, type GroupSummary } from "./summaries.js";

/** How the published curves of a family are broken, and what they are called without rounds and with. */
const published: Readonly<Record<Family, { readonly dash: string; readonly labels: readonly string[] }>> = {
  ratio: { dash: "6,3", labels: ["NRE", "SNRE"] },
  posterior: { dash: "2,2", labels: ["NPE", "SNPE"] },
  likelihood: { dash: "8,2,2,2", labels: ["NLE", "SNLE"] },
};

/** Scores that go from 0.5, the best, to 1. */
const shares: readonly string[] = ["c2st", "auc"];

/**
 * A panel for each problem, in one figure for methods that any observation can use and one for those that simulate in rounds
 * for each observation anew. Empty where there is one problem or one budget only.
 */
export async function budgetFigures(
  groups: readonly GroupSummary[],
  score: string,
  looks: ReadonlyMap<string, MethodLook>,
): Promise<NamedFigure[]> {
  const figures: NamedFigure[] = [];
  for (const isSequential of [false, true]) {
    const shown = groups.filter(
      ({ method, scores }) =>
        score in scores && !limits.includes(method) && methodKind(method).isSequential === isSequential,
    );
    const isEnough = distinct(shown, "problem").length > 1 && distinct(shown, "simulations").length > 1;
    if (isEnough) figures.push(await budgetFigure(shown, score, looks, isSequential));
  }
  return figures;
}

async function budgetFigure(
  groups: readonly GroupSummary[],
  score: string,
  looks: ReadonlyMap<string, MethodLook>,
  isSequential: boolean,
): Promise<NamedFigure> {
  const label = scoreLabels[score] ?? score;
  const budgets = distinct(groups, "simulations");
  const [from, to] = [Math.min(...budgets), Math.max(...budgets)];
  const panels = distinct(groups, "problem").map((problem): Required<Multiple> => {
    const own = groups.filter((group) => group.problem === problem);
    const references = score === "c2st" ? referencesOf(problem, groups, isSequential, looks) : [];
    return {
      title: problem,
      curves: distinct(own, "method").map((method) => ({
        label: method,
        ...looks.get(method)!,
        points: own
          .filter((group) => group.method === method)
          .map(({ simulations, scores }) => ({
            x: simulations,
            y: scores[score].value,
            error: scores[score].error,
          })),
      })),
      references: references
        .map((curve) => ({ ...curve, points: curve.points.filter(({ x }) => x >= from / 2 && x <= to * 2) }))
        .filter(({ points }) => points.length > 0),
    };
  });
  const isBeside = panels.some(({ references }) => references.length > 0);
  const name = isSequential ? "budgets-sequential" : "budgets";
  return {
    name,
    caption:
      `${label} against the budget of simulations${isSequential ? ", spent in rounds for each observation" : ""}. Bands and bars are one ` +
      `standard error of the mean over observations and seeds.${isBeside ? ` Broken: published, in the colour of ours that learns the same; ${curveSource}.` : ""}`,
    data: {
      file: name,
      table: {
        columns: ["problem", "method", "simulations", label, `${label} (s.e.)`],
        rows: panels.flatMap(({ title, curves, references }) => [
          ...curves.flatMap((curve) => rowsOf(title, curve.label, curve)),
          ...references.flatMap((curve) => rowsOf(title, `${curve.label} (published)`, curve)),
        ]),
      },
    },
    svg: await multiplesFigure(
      {
        x: { label: "simulations" },
        y: { label },
        panels,
        ...(shares.includes(score) && { yDomain: [0.48, 1.02] as const }),
      },
      { title: `${label} against simulations on ${panels.length} problems` },
    ),
  };
}

const rowsOf = (problem: string, label: string, { points }: Pick<Curve, "points">) =>
  points.map(({ x, y, error }) => [problem, label, x, y, finite(error ?? NaN)]);

/** Published curves with or without rounds, in the colours of our first methods that learn the same. */
function referencesOf(
  problem: string,
  groups: readonly GroupSummary[],
  isSequential: boolean,
  looks: ReadonlyMap<string, MethodLook>,
): ReferenceCurve[] {
  const curves = publishedCurves(problem);
  return (Object.keys(published) as Family[]).flatMap((family): ReferenceCurve[] => {
    const { dash, labels } = published[family];
    const found = curves.find(({ label }) => label === labels[Number(isSequential)]);
    if (found === undefined) return [];
    const leader = distinct(groups, "method").find((method) => methodKind(method).family === family);
    const color = leader === undefined ? undefined : looks.get(leader)!.color;
    const points = found.points.map(({ simulations, c2st }) => ({ x: simulations, y: c2st }));
    return [{ label: found.label, points, dash, ...(color !== undefined && { color }) }];
  });
}

/** C2ST of every problem, method and budget, and below each problem the best that was published. */
export function budgetTable(groups: readonly GroupSummary[]): ReportTable {
  const { budgets, rows } = budgetRows(groups);
  return {
    caption: `C2ST by number of simulations: means and standard errors over observations and seeds. Published: ${curveSource}.`,
    columns: ["problem", "method", ...budgets.map(formatNumber)],
    rows: rows.map(({ problem, method, cells }): ReportCell[] => [problem, method, ...cells]),
    file: "budgets-table",
    digits: 3,
  };
}

/** The rows of `budgetTable`. */
export function budgetRows(groups: readonly GroupSummary[]): {
  readonly budgets: readonly number[];
  readonly rows: readonly {
    readonly problem: string;
    readonly method: string;
    readonly cells: readonly (Measured | undefined)[];
  }[];
} {
  const scored = groups.filter(({ scores }) => "c2st" in scores);
  const budgets = distinct(scored, "simulations").sort((a, b) => a - b);
  const rows = distinct(scored, "problem").flatMap((problem) => {
    const own = scored.filter((group) => group.problem === problem);
    const methods = distinct(own, "method");
    const ours = methods.map((method) => ({
      problem,
      method,
      cells: budgets.map(
        (budget) => own.find((g) => g.method === method && g.simulations === budget)?.scores.c2st,
      ),
    }));
    const best = (isSequential: boolean) => {
      const labels = Object.values(published).map(({ labels }) => labels[Number(isSequential)]);
      const curves = publishedCurves(problem).filter(({ label }) => labels.includes(label));
      const cells = budgets.map((budget) => bestPublished(curves, budget));
      return cells.some((cell) => cell !== undefined)
        ? [{ problem, method: isSequential ? "best published, in rounds" : "best published", cells }]
        : [];
    };
    const hasRounds = methods.some((method) => methodKind(method).isSequential);
    return [...ours, ...best(false), ...(hasRounds ? best(true) : [])];
  });
  return { budgets, rows };
}

function bestPublished(curves: readonly PublishedCurve[], simulations: number): Measured | undefined {
  const found = curves.flatMap(({ label, points }) =>
    points.filter((point) => point.simulations === simulations).map(({ c2st }) => ({ label, c2st })),
  );
  if (found.length === 0) return undefined;
  const { label, c2st } = found.reduce((a, b) => (b.c2st < a.c2st ? b : a));
  return { value: c2st, error: NaN, text: `${formatMeasured(c2st, 3)} (${label})` };
}
