/**
 * The tables of samplers on known posteriors, and of ours beside NumPyro's, as Markdown for RESULTS.md.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatMeasured, formatNumber, formatUncertain } from "../../src/report/figures/checks.js";
import type { LearnedRow } from "../samplers/learned.js";
import type { PeerRow } from "../samplers/numpyro.js";
import { readSamplersPlan, type SamplersPlan } from "../samplers/plan.js";
import type { PosteriorRow } from "../samplers/posteriors.js";
import { readLines, type TimingHeader } from "./measured.js";

/** Largest deviation from the reference, in standard errors, and largest R-hat. */
const limits = { z: 4, rhat: 1.01 } as const;

/** Share of NumPyro's effective draws per gradient that ours must reach. */
const peerShare = 0.9;

/** Whether a run keeps to the reference and to Stein's identities. */
export function holds({ z, rhat, steinGradient, steinPosition }: PosteriorRow): boolean {
  return Math.max(z, steinGradient, steinPosition) < limits.z && rhat < limits.rhat;
}

/** One line for each posterior and method, and below it what failed and why. */
export function posteriorsTable(
  rows: readonly PosteriorRow[],
  plan: Pick<SamplersPlan, "unmastered">,
  commands: readonly TimingHeader[],
): string {
  const header = [
    ...["posterior", "D", "method", "chains × draws", "mean, MCSE", "sd, MCSE", "R-hat", "bulk ESS"],
    ...["ESS per evaluation", "Stein, MCSE", "divergences", "CPU s", ""],
  ];
  const lines = rows.map((row) => [
    row.posterior,
    String(row.dim),
    row.method + (row.metric === "dense" ? ", dense metric" : ""),
    `${row.chains} × ${row.draws}${row.thin > 1 ? `, one in ${row.thin}` : ""}`,
    row.z.toFixed(2),
    row.zSd.toFixed(2),
    row.rhat.toFixed(4),
    formatNumber(Math.round(row.essBulk)),
    formatMeasured(row.essPerEvaluation, 2),
    `${row.steinGradient.toFixed(2)}, ${row.steinPosition.toFixed(2)}`,
    String(row.divergences),
    formatMeasured(row.cpuSeconds, 2),
    holds(row) ? "met" : "**not met**",
  ]);
  const reasons = notes(rows, plan.unmastered, "NUTS does not find it from a cold start");
  const kept = rows.filter(holds).length;
  const posteriors = new Set(rows.map(({ posterior }) => posterior)).size;
  return [
    ...markdownTable(header, lines),
    "",
    `${kept} of ${rows.length} runs on ${posteriors} posteriors are met: every mean within ${limits.z} standard errors, R-hat below ` +
      `${limits.rhat}, and Stein's identities within ${limits.z}. ${made(commands)}`,
    ...reasons.map((reason) => `\n${reason}`),
  ].join("\n");
}

function notes(rows: readonly PosteriorRow[], reasons: Readonly<Record<string, string>>, what: string) {
  return Object.entries(reasons)
    .filter(([name]) => rows.some(({ posterior }) => posterior === name))
    .map(([name, reason]) => `${name}: ${what}: ${reason}.`);
}

/** Ours beside NumPyro's, one line for each posterior; the last is the geometric mean of the ratios. */
export function numpyroTable(rows: readonly PeerRow[], commands: readonly TimingHeader[]): string {
  const header = ["posterior", "galton, ESS per gradient", "NumPyro", "galton / NumPyro", ""];
  const names = [...new Set(rows.map(({ posterior }) => posterior))];
  const logs: { mean: number; error: number }[] = [];
  const lines = names.map((name) => {
    const of = (method: string) => rows.filter((row) => row.posterior === name && row.method === method);
    const [ours, theirs] = [of("galton"), of("numpyro")];
    const log = (list: readonly PeerRow[]) => meanOf(list.map((row) => Math.log(row.essPerEvaluation)));
    const [a, b] = [log(ours), log(theirs)];
    const ratio = { mean: a.mean - b.mean, error: Math.hypot(a.error, b.error) };
    logs.push(ratio);
    const value = (list: readonly PeerRow[]) => {
      const { mean, error } = meanOf(list.map((row) => row.essPerEvaluation));
      return formatUncertain(mean, error, 3);
    };
    return [
      name,
      value(ours),
      value(theirs),
      ratioText(ratio),
      Math.exp(ratio.mean) >= peerShare ? "met" : "**not met**",
    ];
  });
  const all = {
    mean: meanOf(logs.map(({ mean }) => mean)).mean,
    error: Math.hypot(...logs.map(({ error }) => error)) / logs.length,
  };
  lines.push([
    "geometric mean",
    "",
    "",
    ratioText(all),
    Math.exp(all.mean) >= peerShare ? "met" : "**not met**",
  ]);
  const versions = [...new Set(rows.flatMap(({ version }) => version ?? []))];
  const seeds = names.map(
    (name) => new Set(rows.filter((row) => row.posterior === name).map(({ seed }) => seed)).size,
  );
  const [least, most] = [Math.min(...seeds), Math.max(...seeds)];
  return [
    ...markdownTable(header, lines),
    "",
    `Target: at least ${peerShare} of NumPyro ${versions.join(", ")}. Means over ${least < most ? `${least} to ${most}` : most} seeds with standard errors of the mean. ${made(commands)}`,
  ].join("\n");
}

/** Effective draws and CPU seconds that the learned posterior is held to. */
const learnedGoal = { draws: 10_000, cpuSeconds: 2 } as const;

/** The learned posterior and its twin by sampler: one of them has to reach the goal. */
export function learnedTable(rows: readonly LearnedRow[], commands: readonly TimingHeader[]): string {
  const header = [
    ...[
      "method",
      "density",
      "chains × draws",
      "R-hat",
      "bulk ESS",
      "CPU s",
      "CPU s per 10,000 effective draws",
    ],
    ...["shares of the modes ++ -+ +- --", "chains that jump, %", "squared MMD", ""],
  ];
  const keeps = ({ density, essBulk, cpuSeconds, modes, jumping }: LearnedRow) =>
    density === "learned" &&
    essBulk >= learnedGoal.draws &&
    cpuSeconds <= learnedGoal.cpuSeconds &&
    modes.every((share) => share > 0) &&
    jumping > 0;
  const lines = rows.map((row) => {
    const { essBulk, cpuSeconds, modes, jumping } = row;
    const perGoal = (cpuSeconds * learnedGoal.draws) / essBulk;
    return [
      row.method,
      row.density,
      `${row.chains} × ${row.draws}${row.thin > 1 ? `, one in ${row.thin}` : ""}`,
      row.rhat.toFixed(4),
      formatNumber(Math.round(essBulk)),
      formatMeasured(cpuSeconds, 3),
      formatMeasured(perGoal, 3),
      modes.map((share) => share.toFixed(3)).join(" "),
      (100 * jumping).toFixed(0),
      formatUncertain(row.mmdSquared, row.mmdSquaredError, 2),
      keeps(row) ? "met" : "",
    ];
  });
  return [
    ...markdownTable(header, lines),
    "",
    `${rows.some(keeps) ? "Target" : "Target, **not met**"}, by one sampler that jumps: ${formatNumber(learnedGoal.draws)} effective draws of the learned posterior in ${learnedGoal.cpuSeconds} CPU s, ` +
      `start and warm-up among them, and all four modes. ${made(commands)}`,
  ].join("\n");
}

const ratioText = ({ mean, error }: { readonly mean: number; readonly error: number }) =>
  formatUncertain(Math.exp(mean), Math.exp(mean) * error, 3);

function meanOf(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / (values.length - 1) / values.length) };
}

const markdownTable = (header: readonly string[], lines: readonly (readonly string[])[]) =>
  [header, header.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`);

const made = (commands: readonly TimingHeader[]) =>
  `Measured ${[...new Set(commands.map(({ date }) => date))].join(", ")} with ${commands.map(({ command }) => `\`${command}\``).join(" and ")}.`;

/** A block of RESULTS.md from the files that are stored of it. */
async function storedTable<Row>(
  folder: string,
  names: readonly string[],
  table: (rows: readonly Row[], commands: readonly TimingHeader[]) => string | Promise<string>,
): Promise<string> {
  const paths = names.map((name) => join(folder, `${name}.jsonl`)).filter((path) => existsSync(path));
  if (paths.length === 0) return "Not measured.";
  const files = await Promise.all(paths.map((path) => readLines(path)));
  const headers = files.map(([header]) => header as unknown as TimingHeader);
  return table(
    files.flatMap(([, ...lines]) => lines as unknown as Row[]),
    headers,
  );
}

/** The blocks of the samplers by name, each made from what is stored in a folder of results. */
export const samplerBlocks: Readonly<Record<string, (folder: string) => Promise<string>>> = {
  "samplers-nuts": (folder) => storedTable<PosteriorRow>(folder, ["samplers-nuts"], withPlan),
  samplers: (folder) => storedTable<PosteriorRow>(folder, ["samplers"], withPlan),
  "samplers-numpyro": (folder) => storedTable<PeerRow>(folder, ["samplers-numpyro"], numpyroTable),
  "samplers-learned": (folder) => storedTable<LearnedRow>(folder, ["samplers-learned"], learnedTable),
};

async function withPlan(rows: readonly PosteriorRow[], commands: readonly TimingHeader[]): Promise<string> {
  const path = fileURLToPath(new URL("../plans/samplers.json", import.meta.url));
  return posteriorsTable(rows, await readSamplersPlan(path), commands);
}
