/**
 * What stands on the page of a benchmark, section by section.
 *
 * @module
 */
import type { Table } from "../../src/report/csv.js";
import { formatMeasured, formatNumber, formatUncertain } from "../../src/report/figures/checks.js";
import type { Provenance, ReportContent, ReportSection } from "../../src/report/page.js";
import type { ReportCell, ReportTable } from "../../src/report/table.js";
import { findGoldProblem, goldProblems } from "../gold-problems.js";
import { flatRecord, type JobRecord, jobId } from "../record.js";
import { budgetFigures, budgetTable } from "./budgets.js";
import { comparisonSection } from "./comparisons.js";
import {
  accuracyFigure,
  accuracyScore,
  costFigure,
  coverageFigureOf,
  limits,
  type MethodLook,
  methodLooks,
  type NamedFigure,
  scoreLabels,
  scoreReading,
} from "./figures.js";
import { densityMarginals } from "./marginals.js";
import { overviewFigure } from "./overview.js";
import { ownProblem, posteriorCorner, storedPosterior } from "./posteriors.js";
import { ratioTable } from "./ratios.js";
import { distinct, failures, type GroupSummary, summaries } from "./summaries.js";
import { table2Figures, table2Problem, table2Section } from "./table2.js";

/** What the page is made from. */
export interface ReportInput {
  /** Results folder, whose stored draws are shown. */
  readonly folder: string;
  readonly records: readonly JobRecord[];
  readonly title: string;
  /** Jobs of the plan, where it is known. */
  readonly planned?: number;
  /** Method that the others are compared with; `undefined` for the first. */
  readonly baseline?: string;
  /** Commands that make the results and the page, one a line. */
  readonly command: string;
  /** What was wrong with the files, in sentences. */
  readonly notes: readonly string[];
}

/** A page and its main figures. */
export interface BenchmarkPage {
  readonly content: ReportContent;
  /** Name and SVG text of each figure. */
  readonly figures: readonly { readonly name: string; readonly svg: string }[];
}

/** Lays out the page. The same results give the same page. */
export async function pageContent(input: ReportInput): Promise<BenchmarkPage> {
  const { records, folder, title, command } = input;
  const groups = summaries(records);
  const looks = methodLooks(groups);
  const figures: NamedFigure[] = [];
  const withCommand = (made: readonly (NamedFigure | undefined)[]) => {
    const present = made.filter((figure) => figure !== undefined).map((figure) => ({ ...figure, command }));
    figures.push(...present);
    return present;
  };

  const comparison = comparisonSection(groups, input.baseline);
  const overview = withCommand([await overviewFigure(groups, looks)]);
  const sections: ReportSection[] = [
    { ...summarySection(groups, records), figures: overview },
    ...(await budgetSection(groups, looks, withCommand)),
    ...(comparison ? [comparison] : []),
  ];
  for (const problem of distinct(groups, "problem")) {
    const own = groups.filter((group) => group.problem === problem);
    if (own.every(({ done }) => done.length === 0)) continue;
    const score = accuracyScore(own);
    const posterior = await storedPosterior(folder, own);
    if (problem === table2Problem) {
      sections.push(table2Section(own));
      if (posterior) {
        const made = withCommand(await table2Figures(posterior, looks));
        sections.push({ heading: "Figures 3 and 11 of the AALR paper", figures: made });
      }
    }
    const best = posterior && score ? bestMethods(own, score, posterior.simulations, posterior.shown) : [];
    sections.push({
      heading: problem,
      paragraphs: await problemWords(problem, own, score, best),
      tables: [ratioTable(problem, own)].filter((table) => table !== undefined),
      figures: withCommand(
        score === undefined
          ? []
          : [
              await accuracyFigure(problem, own, score, looks),
              score === "logRatioMse" ? await accuracyFigure(problem, own, "logProbMse", looks) : undefined,
              await costFigure(problem, own, score, looks),
              await coverageFigureOf(problem, own, looks),
              problem === table2Problem || !posterior
                ? undefined
                : await posteriorCorner(problem, posterior, best, looks),
              problem === table2Problem || !posterior
                ? undefined
                : await densityMarginals(problem, posterior, looks),
            ],
      ),
    });
  }
  if (failures(records).length > 0) sections.push({ heading: "Failures", tables: [failureTable(records)] });

  const warnings = warningsOf(input, groups);
  return {
    content: {
      title,
      lead: leadOf(groups, records),
      sections,
      ...(warnings.length > 0 && { warnings }),
      provenance: provenanceOf(input),
    },
    figures: figures.map(({ name, svg }) => ({ name, svg })),
  };
}

function leadOf(groups: readonly GroupSummary[], records: readonly JobRecord[]): string {
  const count = (n: number, one: string) => `${formatNumber(n)} ${one}${n === 1 ? "" : "s"}`;
  const budgets = distinct(groups, "simulations");
  const [from, to] = [Math.min(...budgets), Math.max(...budgets)].map((n) => formatNumber(n));
  const observations = new Set(records.map(({ observation }) => observation)).size;
  const seeds = new Set(records.map(({ seed }) => seed)).size;
  return (
    `${count(distinct(groups, "method").length, "method")} on ${count(distinct(groups, "problem").length, "problem")} with ` +
    `${from === to ? from : `${from} to ${to}`} simulations, ${count(observations, "observation")} and ${count(seeds, "seed")}: ` +
    `${count(records.length, "job")}.`
  );
}

function summarySection(groups: readonly GroupSummary[], records: readonly JobRecord[]): ReportSection {
  const names = [...new Set(groups.flatMap(({ scores }) => Object.keys(scores)))];
  const has = (pick: (group: GroupSummary) => unknown) => groups.some((group) => pick(group) !== undefined);
  const optional: [string, (group: GroupSummary) => ReportCell][] = [
    ...(has(({ essBulk }) => essBulk)
      ? [
          ["bulk ESS", ({ essBulk }) => essBulk && Math.round(essBulk)] as [
            string,
            (group: GroupSummary) => ReportCell,
          ],
        ]
      : []),
    ...(has(({ rhat }) => rhat)
      ? [["worst R-hat", ({ rhat }) => rhat] as [string, (group: GroupSummary) => ReportCell]]
      : []),
    ...(has(({ acceptance }) => acceptance)
      ? [["acceptance", ({ acceptance }) => acceptance] as [string, (group: GroupSummary) => ReportCell]]
      : []),
  ];
  const table: ReportTable = {
    caption: "Means with standard errors.",
    columns: [
      "problem",
      "method",
      "simulations",
      ...names.map((name) => scoreLabels[name] ?? name),
      "training CPU s",
      "sampling CPU s",
      ...optional.map(([label]) => label),
      "jobs",
      "failed",
    ],
    rows: groups.map((group) => [
      group.problem,
      group.method,
      group.simulations,
      ...names.map((name) => group.scores[name] ?? null),
      group.done.length > 0 ? group.trainCpuSeconds : null,
      group.done.length > 0 ? group.sampleCpuSeconds : null,
      ...optional.map(([, pick]) => pick(group)),
      group.done.length,
      group.failed,
    ]),
    file: "summary",
    sortable: true,
  };
  return {
    heading: "Summary",
    paragraphs: [
      "Standard errors are over observations and seeds together: results that share an observation or a seed are not taken for independent. " +
        "CPU seconds are of one training, which all observations share, and of the draws of one observation.",
    ],
    tables: [table],
    downloads: [{ text: "All jobs as CSV", file: "jobs", table: jobsTable(records) }],
  };
}

/** Accuracy against the budget on all problems; none where there is one problem or one budget. */
async function budgetSection(
  groups: readonly GroupSummary[],
  looks: ReadonlyMap<string, MethodLook>,
  withCommand: (made: readonly NamedFigure[]) => NamedFigure[],
): Promise<ReportSection[]> {
  const score = accuracyScore(groups);
  const figures = score === undefined ? [] : withCommand(await budgetFigures(groups, score, looks));
  if (figures.length === 0) return [];
  const tables = score === "c2st" ? [budgetTable(groups)] : [];
  return [{ heading: "What simulations buy", figures, tables }];
}

/** Every job with all its numbers. */
function jobsTable(records: readonly JobRecord[]): Table {
  const flat = records.map((record): Readonly<Record<string, ReportCell>> => {
    const { errors, coverage, error, made, ...rest } = flatRecord(record) as Record<string, ReportCell> & {
      errors?: object;
      coverage?: object;
      error?: { message: string };
      made: object;
    };
    const named = Object.fromEntries(
      Object.entries(errors ?? {}).map(([name, value]) => [`${name} (s.e.)`, value]),
    );
    return { ...rest, ...named, ...made, ...(error && { error: error.message }) };
  });
  const columns = [...new Set(flat.flatMap((each) => Object.keys(each)))];
  return { columns, rows: flat.map((each) => columns.map((name) => each[name] as string | number)) };
}

/** At most two methods with the best accuracy among those that have draws, the best first. */
function bestMethods(
  groups: readonly GroupSummary[],
  score: string,
  simulations: number,
  shown: readonly { readonly method: string }[],
): string[] {
  return groups
    .filter((group) => group.simulations === simulations && score in group.scores)
    .filter(({ method }) => shown.some((each) => each.method === method))
    .sort((a, b) => a.scores[score].value - b.scores[score].value)
    .slice(0, 2)
    .map(({ method }) => method);
}

async function problemWords(
  name: string,
  groups: readonly GroupSummary[],
  score: string | undefined,
  best: readonly string[],
): Promise<string[]> {
  const problem = Object.hasOwn(goldProblems, name) ? await findGoldProblem(name) : await ownProblem(name);
  const words = problem ? [`${problem.title}. ${problem.source}.`] : [];
  if (score === undefined) return [...words, "No job has a score."];
  const budget = Math.max(...distinct(groups, "simulations"));
  const ranking = groups
    .filter(
      (group) => group.simulations === budget && score in group.scores && !limits.includes(group.method),
    )
    .sort((a, b) => a.scores[score].value - b.scores[score].value);
  const label = scoreLabels[score] ?? score;
  const result =
    ranking.length === 0
      ? ""
      : ` With ${formatNumber(budget)} simulations ${ranking[0].method} comes nearest: ${label} ` +
        `${formatUncertain(ranking[0].scores[score].value, ranking[0].scores[score].error, 3)}.`;
  const corner = best.length > 1 ? ` Posteriors are shown of the two that come nearest.` : "";
  return [...words, `${scoreReading(score)}.${result}${corner}`];
}

function failureTable(records: readonly JobRecord[]): ReportTable {
  return {
    caption: "Jobs that failed, with their reasons.",
    columns: ["problem", "method", "simulations", "observation", "seed", "reason"],
    rows: failures(records).map(({ problem, method, simulations, observation, seed, error }) => [
      problem,
      method,
      simulations,
      observation,
      seed,
      error.message,
    ]),
    file: "failures",
    sortable: true,
  };
}

/** R-hat above which chains have not mixed. */
const rhatLimit = 1.01;

function warningsOf({ records, planned, notes }: ReportInput, groups: readonly GroupSummary[]): string[] {
  const failed = failures(records).length;
  const bad = groups
    .flatMap(({ done }) => done)
    .filter(({ sampling }) => (sampling?.rhat ?? 0) > rhatLimit)
    .sort((a, b) => b.sampling!.rhat! - a.sampling!.rhat!);
  const processors = new Set(records.map(({ made }) => made.processor));
  const missing = planned === undefined ? 0 : planned - records.length;
  return [
    ...notes,
    ...(failed > 0
      ? [`${failed} of ${records.length} jobs failed; they are listed with their reasons.`]
      : []),
    ...(missing > 0 ? [`${missing} of ${planned} planned jobs are not done yet.`] : []),
    ...(bad.length > 0
      ? [
          `R-hat is above ${rhatLimit} in ${bad.length} job${bad.length === 1 ? "" : "s"}; the worst is ${formatMeasured(bad[0].sampling!.rhat!)} in ${jobId(bad[0])}.`,
        ]
      : []),
    ...(processors.size > 1
      ? [`The jobs ran on ${processors.size} kinds of processor; their CPU seconds do not compare.`]
      : []),
  ];
}

function provenanceOf({ records, planned, command }: ReportInput): Provenance {
  const all = (field: "galton" | "node" | "engine" | "processor") =>
    [...new Set(records.map(({ made }) => made[field]))].filter((each) => each !== "none").join(", ");
  const dates = records.map(({ made }) => made.time.slice(0, 10)).sort();
  const [first, last] = [dates[0], dates[dates.length - 1]];
  const done = records.length - failures(records).length;
  const engine = all("engine");
  return {
    versions: { galton: all("galton"), node: all("node") },
    ...(engine !== "" && { engine }),
    command: command.split("\n").join(" && "),
    date: first === last ? first : `${first} to ${last}`,
    more: {
      Processor: all("processor"),
      Jobs: `${done} done, ${records.length - done} failed${planned === undefined ? "" : `, ${planned} planned`}`,
    },
  };
}
