/**
 * Draws as tables and files.
 *
 * @see Stan CSV, https://mc-stan.org/docs/cmdstan-guide/stan_csv_apdx.html
 * @module
 */
import type { ColumnTable } from "arquero";
import type { Draws } from "./draws.js";

/**
 * Draws as columns: `chain` and `draw` (counted from 0), the parameters, and the statistics that are no parameter's
 * name; each `[chains * draws]`.
 */
export function columns(draws: Draws): Record<string, Float64Array | Int32Array> {
  const size = draws.chains * draws.draws;
  const dim = draws.names.length;
  const out: Record<string, Float64Array | Int32Array> = {
    chain: Int32Array.from({ length: size }, (_, i) => Math.floor(i / draws.draws)),
    draw: Int32Array.from({ length: size }, (_, i) => i % draws.draws),
  };
  draws.names.forEach((name, j) => {
    out[name] = Float64Array.from({ length: size }, (_, i) => draws.values[i * dim + j]);
  });
  for (const [name, data] of Object.entries(draws.stats)) out[name] ??= data;
  return out;
}

/** Draws as an arquero table, with the columns of `columns`. */
export async function table(draws: Draws): Promise<ColumnTable> {
  const { table: makeTable } = await import("arquero");
  return makeTable(columns(draws));
}

/** Names of statistics in Stan's files. */
const stanNames: Readonly<Record<string, string>> = {
  logProb: "lp__",
  acceptanceRate: "accept_stat__",
  stepSize: "stepsize__",
  treeDepth: "treedepth__",
  numSteps: "n_leapfrog__",
  diverging: "divergent__",
  energy: "energy__",
};

/**
 * One chain as Stan CSV text, which ArviZ (`from_cmdstan`), posterior and rstan read.
 *
 * @param chain - its index.
 * @throws {RangeError} if there is no such chain.
 */
export function toStanCsv(draws: Draws, chain = 0): string {
  if (!(Number.isInteger(chain) && chain >= 0 && chain < draws.chains)) {
    throw new RangeError(`toStanCsv: chain must be an integer from 0 to ${draws.chains - 1}, got ${chain}.`);
  }
  const dim = draws.names.length;
  const stats = Object.entries(draws.stats).filter(([name]) => name in stanNames);
  const lines = [
    "# model = galton",
    `# method = sample`,
    `#   num_samples = ${draws.draws}`,
    `#   num_warmup = 0`,
    `#   save_warmup = 0`,
    `#   thin = 1`,
    `# id = ${chain + 1}`,
    [...stats.map(([name]) => stanNames[name]), ...draws.names.map(stanParameter)].join(","),
  ];
  for (let t = 0; t < draws.draws; t++) {
    const i = chain * draws.draws + t;
    lines.push(
      [...stats.map(([, data]) => data[i]), ...draws.values.subarray(i * dim, (i + 1) * dim)].join(","),
    );
  }
  return `${lines.join("\n")}\n`;
}

/** `theta[1]` is `theta.1` in Stan's files; commas would end the column. */
function stanParameter(name: string): string {
  return name
    .replace(/\[([^\]]*)\]/g, (_, index: string) => `.${index.replaceAll(",", ".")}`)
    .replaceAll(",", ".");
}
