/**
 * The first figure of a page: accuracy on all problems at once.
 *
 * @module
 */
import { formatNumber } from "../../src/report/figures/checks.js";
import { type DotSeries, dotsFigure } from "../../src/report/figures/dots.js";
import { palette } from "../../src/report/figures/palette.js";
import { pointSymbols } from "../../src/report/figures/plot.js";
import { curveSource, publishedC2st } from "../published.js";
import { publishedBeside } from "./families.js";
import { accuracyScore, finite, type MethodLook, type NamedFigure, perfect, scoreLabels } from "./figures.js";
import { distinct, type GroupSummary } from "./summaries.js";

/** Accuracy on every problem at the largest budget; `undefined` where there is one problem only, or no common score. */
export async function overviewFigure(
  groups: readonly GroupSummary[],
  looks: ReadonlyMap<string, MethodLook>,
): Promise<NamedFigure | undefined> {
  const score = accuracyScore(groups);
  if (score === undefined) return undefined;
  const scored = groups.filter(({ scores }) => score in scores);
  const budget = Math.max(...distinct(scored, "simulations"));
  const shown = scored.filter(({ simulations }) => simulations === budget);
  const problems = distinct(shown, "problem");
  if (problems.length < 2) return undefined;
  const label = scoreLabels[score] ?? score;
  const methods = distinct(shown, "method");
  const ours = methods.map((method): DotSeries => {
    const { color, symbol } = looks.get(method)!;
    const dots = problems.map(
      (problem) => shown.find((group) => group.problem === problem && group.method === method)?.scores[score],
    );
    return { label: method, color, symbol, dots };
  });
  const curves = score === "c2st" ? problems.flatMap((problem) => publishedBeside(problem, methods)) : [];
  const names = [...new Set(curves.map(({ label }) => label))];
  const published = names.map((name, i): DotSeries => {
    const values = problems.map((problem) => publishedC2st(problem, name, budget));
    const dots = values.map((value) => (value === undefined ? undefined : { value }));
    const look = { color: palette[4], symbol: pointSymbols[i % pointSymbols.length], isHollow: true };
    return { label: `${name} (published)`, ...look, dots };
  });
  const series = [...ours, ...published.filter(({ dots }) => dots.some((dot) => dot !== undefined))];
  return {
    name: "accuracy",
    caption:
      `${label} with ${formatNumber(budget)} simulations on every problem: means and standard errors over observations and seeds.` +
      (series.length > ours.length ? ` Hollow: published; ${curveSource}.` : ""),
    data: {
      file: "accuracy",
      table: {
        columns: ["problem", "method", label, `${label} (s.e.)`],
        rows: problems.flatMap((problem, line) =>
          series.flatMap(({ label, dots }) => {
            const dot = dots[line];
            return dot === undefined ? [] : [[problem, label, dot.value, finite(dot.error ?? NaN)]];
          }),
        ),
      },
    },
    svg: await dotsFigure({ label }, problems, series, {
      width: 480, // larger letters on a phone
      title: `${label} on ${problems.length} problems`,
      ...(score in perfect && { reference: { label: "perfect", value: perfect[score] } }),
    }),
  };
}
