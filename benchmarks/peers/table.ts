/**
 * What a comparison with peers found, as a table of Markdown: for RESULTS.md and for the terminal.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { formatMeasured, formatNumber, formatUncertain } from "../../src/report/figures/checks.js";
import type { Measured } from "../../src/report/table.js";
import type { JobRecord } from "../record.js";
import { failures, type GroupSummary, summaries } from "../report/summaries.js";
import { readResults } from "../results.js";

/** What each method of sbi is timed against: ours with the same loss, or the same kind of density. */
const counterparts: Readonly<Record<string, string>> = {
  "sbi-nre-c": "aalr",
  "sbi-nre-c-matched": "aalr",
  "sbi-nre-c-matched-mh": "aalr",
  "sbi-nre-a": "nre-a",
  "sbi-nre-a-matched": "nre-a",
  "sbi-npe-nsf": "npe",
  "sbi-npe-maf": "npe-maf",
  "sbi-nle": "nle",
};

/** The methods that are compared, each of ours beside its counterparts. */
export const comparedMethods: readonly string[] = [...new Set(Object.values(counterparts))].flatMap(
  (ours) => [ours, ...Object.keys(counterparts).filter((peer) => counterparts[peer] === ours)],
);

/**
 * The table and, below it, what was installed, when it was measured, and how busy the machine was.
 *
 * @param command - the command that measures, for the last line.
 */
export function peersTable(records: readonly JobRecord[], command: string): string {
  const groups = summaries(records);
  const rows = groups.filter(({ done }) => done.length > 0).map((group) => row(group, groups));
  const header = [
    ...["problem", "simulations", "method", "C2ST", "MMD", "ROC AUC", "bulk ESS"],
    ...["training, CPU s", "times ours", "draws, CPU s", "times ours"],
  ];
  const table = [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return [...table, "", footnote(records, command)].join("\n");
}

/** The table of the comparison that is stored in the folder `peers` of a folder of results. */
export async function storedPeersTable(folder: string): Promise<string> {
  const own = join(folder, "peers");
  if (!existsSync(own)) return "Not measured.";
  const records = await readResults(own);
  const problems = [...new Set(records.map(({ problem }) => problem))].join();
  const methods = [...new Set(records.map(({ method }) => method))];
  const isAll = comparedMethods.every((method) => methods.includes(method));
  const which = `--problems ${problems}${isAll ? "" : ` --methods ${methods.join()}`}`;
  return peersTable(records, `npm run bench:peers -- ${which}`);
}

function row(group: GroupSummary, groups: readonly GroupSummary[]): string[] {
  const { problem, simulations, method, scores, essBulk, trainCpuSeconds, sampleCpuSeconds } = group;
  const ours = groups.find(
    (other) =>
      other.problem === problem &&
      other.simulations === simulations &&
      other.method === counterparts[method] &&
      other.done.length > 0,
  );
  const measured = (value: Measured | undefined) =>
    value ? formatUncertain(value.value, value.error, 3) : "";
  const times = (value: Measured, own: Measured | undefined) =>
    own === undefined ? "" : formatMeasured(value.value / own.value, 2);
  return [
    problem,
    formatNumber(simulations),
    method,
    ...["c2st", "mmd", "auc"].map((score) => measured(scores[score])),
    essBulk === undefined ? "" : formatNumber(Math.round(essBulk)),
    formatMeasured(trainCpuSeconds.value, 3),
    times(trainCpuSeconds, ours?.trainCpuSeconds),
    formatMeasured(sampleCpuSeconds.value, 3),
    times(sampleCpuSeconds, ours?.sampleCpuSeconds),
  ];
}

function footnote(records: readonly JobRecord[], command: string): string {
  const range = (values: readonly (number | string)[]) => {
    const sorted = [...new Set(values)].sort((a, b) => (a < b ? -1 : 1));
    return sorted.length < 2 ? `${sorted[0]}` : `${sorted[0]} to ${sorted[sorted.length - 1]}`;
  };
  const engines = [...new Set(records.map(({ made }) => made.engine))].filter((each) => each !== "none");
  const loads = records.flatMap(({ cost }) => (cost.load === undefined ? [] : [cost.load]));
  const failed = failures(records).length;
  return (
    `Measured ${range(records.map(({ made }) => made.time.slice(0, 10)))} with \`${command}\`; ` +
    `installed: ${engines.join("; ")}; observations ${range(records.map(({ observation }) => observation))}, ` +
    `seeds ${range(records.map(({ seed }) => seed))}` +
    (loads.length > 0
      ? `; load average ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`
      : "") +
    (failed > 0 ? `; **${failed} of ${records.length} jobs failed**` : "") +
    "."
  );
}
