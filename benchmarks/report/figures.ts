/**
 * The figures of one problem: accuracy against budget, accuracy against cost, coverage.
 *
 * @module
 */
import { formatNumber, formatUncertain } from "../../src/report/figures/checks.js";
import { coverageFigure } from "../../src/report/figures/coverage.js";
import { type CurvePoint, curveStyle, curvesFigure } from "../../src/report/figures/curves.js";
import { type IntervalRow, intervalsFigure } from "../../src/report/figures/intervals.js";
import { palette } from "../../src/report/figures/palette.js";
import type { ReportFigure } from "../../src/report/page.js";
import { methodKind } from "./families.js";
import { otherCurves } from "./ratios.js";
import { distinct, type GroupSummary } from "./summaries.js";

/** A figure with the name of its file, where it is written out as a picture. */
export interface NamedFigure extends ReportFigure {
  readonly name: string;
}

/** Colour and symbol of a method, the same in all figures of a page. */
export type MethodLook = ReturnType<typeof curveStyle>;

/** Names of scores as people write them. */
export const scoreLabels: Readonly<Record<string, string>> = {
  c2st: "C2ST",
  mmd: "MMD",
  mmdReference: "MMD (reference bandwidth)",
  auc: "ROC AUC",
  slicedWasserstein: "sliced Wasserstein",
  negativeLogProbTruth: "−log p(truth) (nats)",
  logRatioMse: "MSE of log r (nats²)",
  logProbMse: "MSE of log p (nats²)",
  scoreMse: "MSE of the score, in its mean square",
};

/** Values that a perfect method reaches; axes show them. */
export const perfect: Readonly<Record<string, number>> = { c2st: 0.5, auc: 0.5, mmd: 0, mmdReference: 0 };

/** Scores that fall with a power of the budget. */
const logarithmic: readonly string[] = ["logRatioMse", "logProbMse", "scoreMse"];

/** What is not a method but a limit to read methods by. */
export const limits: readonly string[] = ["prior", "exact"];

/**
 * A look for each method. The first that learns a ratio, a posterior and a likelihood have the first three on every page, the
 * others what is left, in the order in which they came; the exact posterior is drawn as text is.
 */
export function methodLooks(groups: readonly GroupSummary[]): ReadonlyMap<string, MethodLook> {
  const methods = distinct(groups, "method").filter((method) => method !== "exact");
  const leaders = (["ratio", "posterior", "likelihood"] as const).map((family) =>
    methods.find((method) => methodKind(method).family === family),
  );
  const others = methods.filter((method) => !leaders.includes(method));
  const places = [...leaders, ...Array<undefined>(methods.length)].map((leader) => leader ?? others.shift());
  const looks = new Map<string, MethodLook>();
  places.forEach((method, i) => {
    if (method !== undefined) looks.set(method, curveStyle(i));
  });
  return looks.set("exact", { color: "currentColor", symbol: "circle" });
}

/** The score that accuracy is judged by: C2ST, MMD where there is none, else what there is. */
export function accuracyScore(groups: readonly GroupSummary[]): string | undefined {
  const names = new Set(groups.flatMap(({ scores }) => Object.keys(scores)));
  return ["c2st", "mmd", "mmdReference"].find((name) => names.has(name)) ?? [...names][0];
}

/** How a score is to be read, as the end of a sentence. */
export function scoreReading(score: string): string {
  if (score === "c2st")
    return "C2ST is the accuracy of a classifier that tells draws from exact ones: 0.5 is perfect, 1 the worst";
  if (score === "auc")
    return "ROC AUC is that of a classifier that tells draws from exact ones: 0.5 is perfect, 1 the worst";
  if (score.startsWith("mmd")) return "MMD is the distance to exact draws: 0 is perfect";
  return `${scoreLabels[score] ?? score}: smaller is better`;
}

const errorsAre = "Bands and bars are one standard error of the mean over observations and seeds";

/**
 * Accuracy against the number of simulations; by method, where there is only one number. Its name says accuracy, and of a
 * second score which.
 */
export async function accuracyFigure(
  problem: string,
  groups: readonly GroupSummary[],
  score: string,
  looks: ReadonlyMap<string, MethodLook>,
): Promise<NamedFigure | undefined> {
  const scored = groups.filter(({ scores }) => score in scores);
  if (scored.length === 0) return undefined;
  const budgets = distinct(scored, "simulations");
  const label = scoreLabels[score] ?? score;
  const others = otherCurves(problem, score, distinct(groups, "method"));
  const name = `${problem}-${score === "logProbMse" ? "log-prob" : "accuracy"}`;
  const data = {
    file: name,
    table: {
      columns: ["method", "simulations", label, `${label} (s.e.)`, "jobs"],
      rows: [
        ...scored.map(({ method, simulations, scores, done }) => [
          method,
          simulations,
          scores[score].value,
          finite(scores[score].error),
          done.length,
        ]),
        ...others.curves.flatMap((curve) =>
          curve.points.map(({ simulations, value }) => [
            `${curve.label} (${others.kind})`,
            simulations,
            value,
            null,
            null,
          ]),
        ),
      ],
    },
  };
  const source = others.source === "" ? "" : ` ${others.source}`;
  if (budgets.length > 1) {
    const from = Math.min(...budgets);
    const to = Math.max(...budgets);
    const references = others.curves.map(({ label, points }) => ({
      label,
      points: points
        .filter(({ simulations }) => simulations >= from / 2 && simulations <= to * 1.5)
        .map(({ simulations, value }) => ({ x: simulations, y: value })),
    }));
    return {
      name,
      data,
      width: "half",
      caption: `${label} against the budget of simulations. ${errorsAre}.${source}`,
      svg: await curvesFigure(
        {
          x: { label: "simulations" },
          y: { label },
          curves: curvesOf(scored, score, looks, ({ simulations }) => simulations),
          references: references.filter(({ points }) => points.length > 0),
          referenceKind: others.kind,
          logY: logarithmic.includes(score),
          include: score in perfect ? [perfect[score]] : [],
        },
        { title: `${problem}: ${label} against simulations` },
      ),
    };
  }
  const rows: IntervalRow[] = scored.map(({ method, scores }) => ({
    label: method,
    color: looks.get(method)!.color,
    ...interval(scores[score].value, scores[score].error),
  }));
  for (const curve of others.curves) {
    const point = curve.points.find(({ simulations }) => simulations === budgets[0]);
    if (point)
      rows.push({ label: `${curve.label} (${others.kind})`, color: palette[4], ...interval(point.value, 0) });
  }
  return {
    name,
    data,
    caption:
      `${label} with ${formatNumber(budgets[0])} simulations: means with 68 % (thick) and 95 % (thin) intervals ` +
      `from the standard error over observations and seeds.${source}`,
    svg: await intervalsFigure({ label }, rows, {
      title: `${problem}: ${label} by method`,
      ...(score in perfect && { reference: { label: "perfect", value: perfect[score] } }),
    }),
  };
}

/** Accuracy against CPU seconds of training and sampling; `undefined` where nothing took any. */
export async function costFigure(
  problem: string,
  groups: readonly GroupSummary[],
  score: string,
  looks: ReadonlyMap<string, MethodLook>,
): Promise<NamedFigure | undefined> {
  const scored = groups.filter(({ scores, cpuSeconds }) => score in scores && cpuSeconds.value > 0);
  if (scored.length === 0) return undefined;
  const label = scoreLabels[score] ?? score;
  return {
    name: `${problem}-cost`,
    width: "half",
    caption: `${label} against CPU seconds for one observation, training and sampling together, without the simulations; from left to right the budgets grow.`,
    data: {
      file: `${problem}-cost`,
      table: {
        columns: ["method", "simulations", "training CPU s", "sampling CPU s", label, `${label} (s.e.)`],
        rows: scored.map(({ method, simulations, trainCpuSeconds, sampleCpuSeconds, scores }) => [
          method,
          simulations,
          trainCpuSeconds.value,
          sampleCpuSeconds.value,
          scores[score].value,
          finite(scores[score].error),
        ]),
      },
    },
    svg: await curvesFigure(
      {
        x: { label: "training and sampling", unit: "CPU s" },
        y: { label },
        curves: curvesOf(scored, score, looks, ({ cpuSeconds }) => cpuSeconds.value),
        logY: logarithmic.includes(score),
        include: score in perfect ? [perfect[score]] : [],
      },
      { title: `${problem}: ${label} against CPU seconds` },
    ),
  };
}

/** Expected coverage at the largest budget that has it; `undefined` where nothing does. */
export async function coverageFigureOf(
  problem: string,
  groups: readonly GroupSummary[],
  looks: ReadonlyMap<string, MethodLook>,
): Promise<NamedFigure | undefined> {
  const all = groups.filter(({ coverage }) => coverage !== undefined);
  if (all.length === 0) return undefined;
  const budget = Math.max(...all.map(({ simulations }) => simulations));
  const shown = all.filter(({ simulations }) => simulations === budget);
  const pairs = Math.min(...shown.map(({ coverage }) => coverage!.pairs));
  return {
    name: `${problem}-coverage`,
    width: "half",
    caption:
      `How often the highest-density region of a credible level holds the truth, with ${formatNumber(budget)} simulations. ` +
      "On the diagonal: calibrated. Below: overconfident. The download has all budgets.",
    data: {
      file: `${problem}-coverage`,
      table: {
        columns: ["method", "simulations", "credible level", "coverage", "held-out pairs"],
        rows: all.flatMap(({ method, simulations, coverage }) =>
          coverage!.credibility.map((level, i) => [
            method,
            simulations,
            level,
            coverage!.coverage[i],
            coverage!.pairs,
          ]),
        ),
      },
    },
    svg: await coverageFigure(
      shown.map(({ method, coverage }) => ({
        label: method,
        levels: coverage!.credibility,
        coverage: coverage!.coverage,
        color: looks.get(method)!.color,
      })),
      pairs,
      { width: 384, title: `${problem}: expected coverage` },
    ),
  };
}

function curvesOf(
  groups: readonly GroupSummary[],
  score: string,
  looks: ReadonlyMap<string, MethodLook>,
  x: (group: GroupSummary) => number,
) {
  return distinct(groups, "method").map((method) => ({
    label: method,
    ...looks.get(method)!,
    points: groups
      .filter((group) => group.method === method)
      .map(
        (group): CurvePoint => ({
          x: x(group),
          y: group.scores[score].value,
          error: group.scores[score].error,
        }),
      ),
  }));
}

function interval(center: number, error: number): Pick<IntervalRow, "center" | "inner" | "outer" | "text"> {
  const half = Number.isNaN(error) ? 0 : error;
  return {
    center,
    inner: [center - half, center + half],
    outer: [center - 1.96 * half, center + 1.96 * half],
    text: formatUncertain(center, error, 3),
  };
}

/** A number, or an empty cell. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
