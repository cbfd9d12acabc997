/**
 * The page of `galton report`: which sections, from which files.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { Draws } from "../../samplers/draws.js";
import { summary } from "../../samplers/summary.js";
import { typicality } from "../calibration/typicality.js";
import type { Prior } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { fromRows, type Matrix, row } from "../core/matrix.js";
import type { EngineName } from "../engine/types.js";
import type { ReportContent, ReportSection } from "../report/page.js";
import { chainsSection, posteriorSection, trainingSection, trustSection } from "../report/sections.js";
import { type Told, warningsIn } from "./card-text.js";
import { readData } from "./data-argument.js";
import { readDraws } from "./draws-file.js";
import { loadForPosterior } from "./estimator-file.js";
import { readObserved } from "./observed.js";
import { galtonPackage } from "./package-info.js";

/** What the page is made of. */
export interface ReportInput {
  readonly estimator: string | undefined;
  /** `FILE` or `LABEL=FILE`. */
  readonly draws: readonly string[];
  readonly observed: string | undefined;
  readonly data: string | undefined;
  readonly title: string;
  readonly engine: EngineName | "auto";
  readonly command: string;
}

interface LabelledDraws {
  readonly label: string;
  readonly draws: Draws;
}

/**
 * Reads the files and lays out the page's content.
 *
 * @throws {ConfigError} if a file cannot be read; as `readDraws`, `loadEstimator`, `readObserved`.
 */
export async function buildReport(input: ReportInput): Promise<ReportContent> {
  const runs: LabelledDraws[] = [];
  for (const source of input.draws) runs.push(await readLabelled(source));
  await using estimator =
    input.estimator === undefined
      ? undefined
      : await loadForPosterior(input.estimator, { engine: input.engine, caller: "report" });
  const header = estimator?.header;
  const observed =
    header && input.observed !== undefined
      ? await readObserved(input.observed, header.xShape)
      : recorded(runs);
  if (input.data !== undefined && observed === undefined) {
    throw new ConfigError(
      "report: --data is where the observation is looked for, but there is none. Pass --observed, or draws that say theirs.",
    );
  }

  const sections: ReportSection[] = [];
  const warnings: string[] = [];
  for (const group of groupByNames(runs)) {
    sections.push(await cornerSection(group, estimator?.prior));
    for (const { label, draws } of group) {
      warnings.push(...summary(draws).warnings.map((warning) => `${label}: ${warning}`));
    }
  }
  if (observed) {
    sections.push(observationSection(observed));
    if (input.data !== undefined) {
      const simulations = await readData(input.data);
      for (let i = 0; i < observed.rows; i++) {
        const { warning } = typicality(simulations.x, row(observed, i));
        if (warning) warnings.push(warning);
      }
    }
  }
  for (const { label, draws } of runs) {
    if (draws.draws > 1) sections.push(await chainsSection(label, draws));
  }
  if (estimator && header) {
    sections.push(await trainingSection(header.logs));
    if (header.card) sections.push(await trustSection(header.card));
    warnings.push(...warningsIn(estimator));
  }
  return {
    title: input.title,
    lead: lead(runs, estimator),
    sections,
    warnings,
    provenance: {
      versions: { galton: galtonPackage().version, node: process.versions.node },
      command: input.command,
      ...(header && { seed: header.logs[0].seed, engine: header.logs[0].engine }),
    },
  };
}

async function readLabelled(source: string): Promise<LabelledDraws> {
  const [, label, path] = (!existsSync(source) && /^([^=/\\]+)=(.+)$/.exec(source)) || [];
  return { label: label ?? basename(source), draws: await readDraws(path ?? source) };
}

/** The observation that the first draws were made for. */
function recorded(runs: readonly LabelledDraws[]): Matrix | undefined {
  const rows = runs[0]?.draws.run.observed;
  return Array.isArray(rows) && rows.length > 0 ? fromRows(rows) : undefined;
}

/** Draws of the same parameters share a corner plot. */
function groupByNames(runs: readonly LabelledDraws[]): LabelledDraws[][] {
  const groups = new Map<string, LabelledDraws[]>();
  for (const run of runs) {
    const names = run.draws.names.join();
    groups.set(names, [...(groups.get(names) ?? []), run]);
  }
  return [...groups.values()];
}

async function cornerSection(group: readonly LabelledDraws[], prior?: Prior): Promise<ReportSection> {
  const { names } = group[0].draws;
  const ranges = boxOf(prior);
  return posteriorSection(
    `Posterior of ${names.join(", ")}`,
    {
      parameters: names.map((label) => ({ label, ...(ranges[label] && { range: ranges[label] }) })),
      sets: group.map(({ label, draws }) => ({
        label,
        draws,
        size: Math.max(10, Math.min(...summary(draws).rows.map(({ essBulk }) => essBulk || 10))),
      })),
    },
    group,
    {
      paragraphs: group.map(({ label, draws }) => `${label}: ${describeRun(draws)}.`),
      caption:
        "Contours hold 68 % and 95 % of the probability; on the diagonal the density of each parameter.",
    },
  );
}

/** Edges of a uniform prior by parameter. */
function boxOf(prior: Prior | undefined): Readonly<Record<string, readonly [number, number]>> {
  if (prior?.spec.kind !== "uniform") return {};
  const { names, low, high } = prior.spec as unknown as { names: string[]; low: number[]; high: number[] };
  return Object.fromEntries(names.map((name, j) => [name, [low[j], high[j]] as const]));
}

function describeRun({ run, chains, draws }: Draws): string {
  const given = Object.entries((run.given ?? {}) as Record<string, number>);
  const held =
    given.length > 0 ? `, given ${given.map(([name, value]) => `${name} = ${value}`).join(", ")}` : "";
  const sampler = typeof run.sampler === "string" ? `${run.sampler}, ` : "";
  return `${sampler}${chains} chains of ${draws} draws${held}`;
}

function observationSection(observed: Matrix): ReportSection {
  const columns = ["index", ...Array.from({ length: observed.rows }, (_, i) => `observation ${i + 1}`)];
  return {
    heading: observed.rows === 1 ? "Observation" : `${observed.rows} observations`,
    tables: [
      {
        columns,
        file: "observation",
        rows: Array.from({ length: observed.cols }, (_, j) => [
          j,
          ...Array.from({ length: observed.rows }, (_, i) => row(observed, i)[j]),
        ]),
      },
    ],
  };
}

function lead(runs: readonly LabelledDraws[], estimator: Told | undefined): string {
  if (runs.length === 0) {
    const { names, method, logs } = estimator!.header;
    return `An estimator (${method}) of the ${estimated(estimator!)} over ${names.join(", ")}, trained on ${logs[0].trainingRows} simulations.`;
  }
  const values = summary(runs[0].draws).rows.map(
    ({ name, mean, sd }) => `${name} = ${mean.toPrecision(3)} +- ${sd.toPrecision(2)}`,
  );
  return `${values.join(", ")} (mean and standard deviation).`;
}

function estimated({ kind, header }: Told): string {
  if (kind !== "ratio") return kind;
  const { reference } = header;
  return reference === "evidence"
    ? "likelihood-to-evidence ratio"
    : `likelihood ratio to (${reference.thetaRef.join(", ")})`;
}
