/**
 * Names of per-draw statistics in other people's files.
 *
 * @see CmdStan's columns, https://mc-stan.org/docs/cmdstan-guide/stan_csv_apdx.html
 * @see ArviZ's schema, https://python.arviz.org/en/v0.23.4/schema/schema.html#sample-stats
 * @module
 */

/** Ours, Stan's and ArviZ's. Stan's `lp__` includes the Jacobian of its transforms, our `logProb` does not. */
const known: readonly (readonly [name: string, stan: string, arviz: string])[] = [
  ["logProb", "lp__", "lp"],
  ["acceptanceRate", "accept_stat__", "acceptance_rate"],
  ["stepSize", "stepsize__", "step_size"],
  ["treeDepth", "treedepth__", "tree_depth"],
  ["numSteps", "n_leapfrog__", "n_steps"],
  ["diverging", "divergent__", "diverging"],
  ["energy", "energy__", "energy"],
];

/** Stan's column of a statistic; `__` marks those that Stan does not have. */
export function toStanStatistic(name: string): string {
  return known.find(([ours]) => ours === name)?.[1] ?? `${name}__`;
}

/** The statistic in a column that ends in `__`. */
export function fromStanStatistic(column: string): string {
  return known.find(([, stan]) => stan === column)?.[0] ?? column.replace(/__$/, "");
}

/** ArviZ's variable of a statistic; `numEvaluations` becomes `num_evaluations`. */
export function toArvizStatistic(name: string): string {
  return (
    known.find(([ours]) => ours === name)?.[2] ??
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  );
}

/** The statistic in a variable of `sample_stats`. */
export function fromArvizStatistic(variable: string): string {
  return (
    known.find(([, , arviz]) => arviz === variable)?.[0] ??
    variable.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  );
}
