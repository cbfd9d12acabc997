/**
 * Stored draws against exact ones: what is stored, and corner plots.
 *
 * Only problems that come with galton are asked for exact draws; a stranger's results folder may name any module, and
 * a report runs none of them.
 *
 * @module
 */
import { column, type Matrix, takeRows } from "../../src/core/matrix.js";
import { quantile } from "../../src/core/quantile.js";
import { formatNumber } from "../../src/report/figures/checks.js";
import { type CornerParameter, cornerFigure } from "../../src/report/figures/corner.js";
import { priorBox } from "../marginals.js";
import type { Problem } from "../problem.js";
import { findProblem, problems } from "../problems.js";
import type { DoneRecord } from "../record.js";
import { referenceDraws } from "../reference-draws.js";
import { readKeptDraws, readKeptMarginals } from "../results.js";
import { limits, type MethodLook, type NamedFigure } from "./figures.js";
import { type ShownMarginals, shownMarginals } from "./marginals.js";
import type { GroupSummary } from "./summaries.js";

/** Draws that are shown for one method. */
interface Shown {
  readonly method: string;
  readonly names: readonly string[];
  readonly draws: Matrix;
}

/** The posterior of one observation, learned and exact. */
export interface StoredPosterior {
  readonly observation: number;
  readonly seed: number;
  readonly simulations: number;
  readonly shown: readonly Shown[];
  /** Of the methods that have densities, where the plan asked for them. */
  readonly marginals: readonly ShownMarginals[];
  /** Left out where the problem is not ours and no exact draws are stored. */
  readonly exact?: Matrix;
  readonly parameters: readonly CornerParameter[];
}

/** Exact draws: enough for contours that look smooth. */
const exactDraws = 4000;

/** Most parameters of a corner plot; more would be too small to read. */
const mostParameters = 5;

/** A problem that comes with galton; `undefined` for others. */
export async function ownProblem(name: string): Promise<Problem | undefined> {
  return Object.hasOwn(problems, name) ? findProblem(name) : undefined;
}

/**
 * Reads the stored draws at the largest budget, the first observation and the first seed.
 *
 * @param groups - of one problem; draws that are missing are passed over.
 * @returns `undefined` if there are no draws.
 */
export async function storedPosterior(
  folder: string,
  groups: readonly GroupSummary[],
): Promise<StoredPosterior | undefined> {
  const done = groups.flatMap(({ done }) => done);
  const largest = Math.max(...done.filter(isMethod).map(({ simulations }) => simulations));
  const first = done
    .filter((record) => isMethod(record) && record.simulations === largest)
    .sort((a, b) => a.observation - b.observation || a.seed - b.seed)[0];
  if (first === undefined) return undefined;
  const { observation, seed, simulations } = first;
  const shown: Shown[] = [];
  const marginals: ShownMarginals[] = [];
  let storedExact: Matrix | undefined;
  for (const record of done) {
    if (record.observation !== observation || record.seed !== seed || record.simulations !== simulations)
      continue;
    const kept = await readKeptDraws(folder, record).catch(() => undefined);
    if (kept === undefined) continue;
    if (record.method === "exact") storedExact = kept.values;
    else if (isMethod(record)) {
      shown.push({ method: record.method, names: kept.names, draws: kept.values });
      const table = await readKeptMarginals(folder, record).catch(() => undefined);
      const densities = table && shownMarginals(record.method, table, kept.names.length);
      if (densities) marginals.push(densities);
    }
  }
  if (shown.length === 0) return undefined;
  const problem = await ownProblem(first.problem);
  const exact = problem?.observations.includes(observation)
    ? (await referenceDraws(problem, observation, { n: exactDraws, cache: false })).draws
    : storedExact;
  return {
    observation,
    seed,
    simulations,
    shown,
    marginals,
    ...(exact && { exact }),
    parameters: parametersOf(shown[0].names, [exact ?? shown[0].draws], problem),
  };
}

/** A corner plot of some methods over the exact posterior. */
export async function posteriorCorner(
  problem: string,
  posterior: StoredPosterior,
  methods: readonly string[],
  looks: ReadonlyMap<string, MethodLook>,
  name = `${problem}-posterior`,
): Promise<NamedFigure | undefined> {
  const sets = posterior.shown.filter(({ method }) => methods.includes(method));
  if (sets.length === 0) return undefined;
  const { parameters, exact } = posterior;
  const dim = Math.min(mostParameters, parameters.length);
  const cut = (draws: Matrix) => firstColumns(draws, dim);
  const size = Math.min(...sets.map(({ draws }) => draws.rows)); // all are smoothed alike
  const left =
    dim < parameters.length ? ` The first ${dim} of ${parameters.length} parameters are shown.` : "";
  return {
    name,
    width: dim <= 2 ? "half" : "full",
    caption:
      `68 % and 95 % regions of ${methods.join(" and ")}${exact ? " and of exact draws" : ""} at observation ${posterior.observation}, seed ` +
      `${posterior.seed}, ${formatNumber(posterior.simulations)} simulations; ${formatNumber(sets[0].draws.rows)} stored draws of each method.${left}`,
    svg: await cornerFigure(
      {
        parameters: parameters.slice(0, dim),
        sets: [
          ...sets.map(({ method, draws }, i) => ({
            label: method,
            draws: cut(draws),
            size,
            color: looks.get(method)!.color,
            style: i === 0 ? ("fill" as const) : ("dashed" as const),
          })),
          ...(exact
            ? [{ label: "exact", draws: cut(exact), size, color: "currentColor", style: "line" as const }]
            : []),
        ],
      },
      { ...(dim <= 2 && { width: 384 }), title: `${problem}: posterior of ${methods.join(", ")}` },
    ),
    data: { file: name, table: drawsTable(posterior, sets, exact) },
  };
}

function isMethod({ method }: Pick<DoneRecord, "method">): boolean {
  return !limits.includes(method);
}

/** Prior edges where the prior is a box; axes as wide as nearly all exact draws. */
function parametersOf(
  names: readonly string[],
  references: readonly Matrix[],
  problem: Problem | undefined,
): CornerParameter[] {
  const box = problem && priorBox(problem);
  return names.map((label, i) => {
    const values = references.map((draws) => column(draws, i));
    const [lower, upper] = [0.002, 0.998].map((p) => values.map((each) => quantile(each, p)));
    const [from, to] = [Math.min(...lower), Math.max(...upper)];
    const pad = 0.25 * (to - from) || 1;
    const range = box?.[i];
    return {
      label,
      ...(range && { range }),
      shown: [Math.max(from - pad, range?.[0] ?? -Infinity), Math.min(to + pad, range?.[1] ?? Infinity)],
    };
  });
}

function firstColumns(draws: Matrix, dim: number): Matrix {
  if (dim === draws.cols) return draws;
  const data = new Float64Array(draws.rows * dim);
  for (let i = 0; i < draws.rows; i++) {
    data.set(draws.data.subarray(i * draws.cols, i * draws.cols + dim), i * dim);
  }
  return { rows: draws.rows, cols: dim, data };
}

/** Draws of the download: as many of the exact ones as a method has. */
function drawsTable({ parameters }: StoredPosterior, sets: readonly Shown[], exact: Matrix | undefined) {
  const rowsOf = (label: string, { data, rows, cols }: Matrix) =>
    Array.from({ length: rows }, (_, i) => [label, ...data.subarray(i * cols, (i + 1) * cols)]);
  const most = Math.max(...sets.map(({ draws }) => draws.rows));
  return {
    columns: ["method", ...parameters.map(({ label }) => label)],
    rows: [
      ...sets.flatMap(({ method, draws }) => rowsOf(method, draws)),
      ...(exact
        ? rowsOf(
            "exact",
            takeRows(
              exact,
              Float64Array.from({ length: Math.min(most, exact.rows) }, (_, i) => i),
            ),
          )
        : []),
    ],
  };
}
