/**
 * The page of a results folder, as a reader gets it: one HTML file, and its main figures as PNG on request.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { ConfigError } from "../../src/core/errors.js";
import { reportPage } from "../../src/report/page.js";
import { svgToPng } from "../../src/report/png.js";
import { parsePlan } from "../plan.js";
import { recordReader } from "../record.js";
import { readResults } from "../results.js";
import { type BenchmarkPage, pageContent } from "./content.js";

/** Options of `benchmarkReport`. */
export interface BenchmarkReportOptions {
  /** Heading of the page. Default: the title of the plan. */
  readonly title?: string;
  /** The command that makes the page, for captions. Default `galton report FOLDER`. */
  readonly command?: string;
  /** Method that all others are compared with, pair by pair. Default: the first of the results. */
  readonly baseline?: string;
  /** Draw the figures as PNG too, at twice their size: all of them, or those with these names. Default `false`. */
  readonly png?: boolean | readonly string[];
}

/** A page, and what else was asked for. */
export interface BenchmarkReport {
  /** The page, beginning with `<!DOCTYPE html>`. */
  readonly page: string;
  /** Its headings and warnings. */
  readonly sections: readonly string[];
  readonly warnings: readonly string[];
  /** Pictures by file name, without folder. */
  readonly pictures: readonly { readonly file: string; readonly png: Uint8Array }[];
}

/**
 * Makes the page of a results folder. A runner may be at work there; the page shows what is done.
 *
 * @param folder - what `galton bench --out` wrote.
 * @param options - each has a default.
 * @throws {ConfigError} if the folder holds no results, a line in their middle is not one (the message names it), or
 *   there is no method `baseline`.
 * @example
 * const { page } = await benchmarkReport("results/smoke");
 * await writeReport("smoke.html", page);
 */
export async function benchmarkReport(
  folder: string,
  options: BenchmarkReportOptions = {},
): Promise<BenchmarkReport> {
  const { command = `galton report ${folder}`, baseline, png = false } = options;
  const records = await readResults(folder);
  if (records.length === 0) {
    throw new ConfigError(
      `benchmarkReport: ${join(folder, "results.jsonl")} holds no result yet. Run galton bench --out ${folder}, or wait for its first job.`,
    );
  }
  const { title, planned, notes } = await readPlanOf(folder);
  const { content, figures }: BenchmarkPage = await pageContent({
    folder,
    records,
    title: options.title ?? title ?? `Benchmark ${basename(resolve(folder))}`,
    ...(planned !== undefined && { planned }),
    ...(baseline !== undefined && { baseline }),
    command: `galton bench ${join(folder, "plan.json")} --out ${folder}\n${command}`,
    notes: [...notes, ...(await unfinishedLine(folder))],
  });
  const wanted = figures.filter(({ name }) => (typeof png === "boolean" ? png : png.includes(name)));
  const pictures = await Promise.all(
    wanted.map(async ({ name, svg }) => ({
      file: `${name.replace(/[^\w.-]+/g, "-")}.png`,
      png: await svgToPng(svg, { width: 2 * Number(/ width="(\d+)"/.exec(svg)?.[1] ?? 600) }),
    })),
  );
  return {
    page: reportPage(content),
    sections: content.sections.map(({ heading }) => heading),
    warnings: content.warnings ?? [],
    pictures,
  };
}

/** Title and number of jobs of the stored plan. Nothing that it names is loaded. */
async function readPlanOf(
  folder: string,
): Promise<{ readonly title?: string; readonly planned?: number; readonly notes: readonly string[] }> {
  const path = join(folder, "plan.json");
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return { notes: [`There is no ${path}: nobody knows what was planned.`] };
  try {
    const { title, comparisons } = await parsePlan(JSON.parse(text), path);
    const jobs = new Set<string>();
    for (const { problems, methods, simulations, observations, seeds } of comparisons)
      for (const problem of problems)
        for (const method of methods)
          for (const budget of simulations)
            for (const observation of observations)
              for (const seed of seeds)
                jobs.add(JSON.stringify([problem, method, budget, observation, seed]));
    return { title, planned: jobs.size, notes: [] };
  } catch (error) {
    return { notes: [`The plan cannot be read: ${(error as Error).message}`] };
  }
}

/** Says where the last line was cut short; `readResults` leaves such a line out. */
async function unfinishedLine(folder: string): Promise<string[]> {
  const path = join(folder, "results.jsonl");
  const text = await readFile(path, "utf8");
  const last = text.slice(text.lastIndexOf("\n") + 1);
  if (last === "") return [];
  try {
    (await recordReader())(last);
    return [];
  } catch {
    return [`The last line of ${path} is half-written and left out.`];
  }
}
