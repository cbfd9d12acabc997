/**
 * The ten tasks of the simulation-based inference benchmark by method and budget, as a table of Markdown for RESULTS.md.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { formatMeasured, formatNumber, formatUncertain } from "../../src/report/figures/checks.js";
import type { Measured } from "../../src/report/table.js";
import type { JobRecord } from "../record.js";
import { readResults } from "../results.js";
import { budgetRows } from "./budgets.js";
import { failures, summaries } from "./summaries.js";

/** The table, and below it when and with what it was measured. */
export function tasksTable(records: readonly JobRecord[], command: string): string {
  const groups = summaries(records);
  const { budgets, rows } = budgetRows(groups);
  const middle = [...budgets].sort((a, b) => Math.abs(Math.log(a / 1e4)) - Math.abs(Math.log(b / 1e4)))[0];
  const cost = (problem: string, method: string) => {
    const found = groups.find(
      (group) => group.problem === problem && group.method === method && group.simulations === middle,
    );
    const seconds = found && found.done.length > 0 ? found.trainCpuSeconds.value : 0; // in rounds it is part of sampling
    return seconds > 0 ? formatMeasured(seconds, 3) : "";
  };
  const written = (cell: Measured | undefined) =>
    cell === undefined ? "" : (cell.text ?? formatUncertain(cell.value, cell.error, 3));
  const header = [
    ...["problem", "method", ...budgets.map(formatNumber)],
    `training with ${formatNumber(middle)}, CPU s`,
  ];
  const lines = rows.map(({ problem, method, cells }) => [
    problem,
    method,
    ...cells.map(written),
    cost(problem, method),
  ]);
  const table = [header, header.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`);
  return [...table, "", footnote(records, command)].join("\n");
}

/** The table of the results that are stored in the folder `sbi` of a folder of results. */
export async function storedTasksTable(folder: string): Promise<string> {
  if (!existsSync(join(folder, "sbi", "results.jsonl"))) return "Not measured.";
  return tasksTable(await readResults(join(folder, "sbi")), "npm run bench -- benchmarks/plans/sbi.json");
}

function footnote(records: readonly JobRecord[], command: string): string {
  const dates = [...new Set(records.map(({ made }) => made.time.slice(0, 10)))].sort();
  const observations = new Set(records.map(({ observation }) => observation)).size;
  const seeds = new Set(records.map(({ seed }) => seed)).size;
  const failed = failures(records).length;
  return (
    `C2ST, measured ${dates[0]}${dates.length > 1 ? ` to ${dates[dates.length - 1]}` : ""} with \`${command}\`: ` +
    `means over up to ${observations} observation${observations === 1 ? "" : "s"} and ${seeds} seed${seeds === 1 ? "" : "s"}` +
    `${failed > 0 ? `; **${failed} of ${records.length} jobs failed**` : ""}.`
  );
}
